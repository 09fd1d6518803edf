//! Reads `google.api.http` and checks it against the messages it is about.

use super::options;
use crate::{Body, FieldPath, Template, Verb};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

/// One HTTP binding, checked.
pub(super) struct Binding {
    pub(super) verb: Verb,
    pub(super) template: Template,
    pub(super) body: Body,
    pub(super) response_body: Option<FieldPath>,
}

/// How a problem is reported: message, the text in the source it is about, the offset inside it, hint.
pub(super) trait Report: FnMut(String, &str, usize, &str) {}
impl<F: FnMut(String, &str, usize, &str)> Report for F {}

const HTTP: &str = "google.api.http";

/// The binding `auto_bindings` gives a method: what gRPC itself posts to, with a JSON body.
pub(super) fn automatic(grpc_path: &str) -> Option<Binding> {
    let template = Template::parse(grpc_path).ok()?;
    Some(Binding { verb: Verb::new("POST"), template, body: Body::Whole, response_body: None })
}

/// Whether the contract binds the method itself, well or badly.
pub(super) fn is_bound(options: &DynamicMessage) -> bool {
    options::message_extension(options, HTTP).is_some()
}

/// The bindings of a method, the main one first; a bad one is reported and left out.
pub(super) fn bindings(
    method: &MethodDescriptor,
    options: &DynamicMessage,
    mut report: impl Report,
) -> Vec<Binding> {
    let Some(rule) = options::message_extension(options, HTTP) else { return Vec::new() };
    let further: Vec<DynamicMessage> = options::list(&rule, "additional_bindings")
        .into_iter()
        .filter_map(|value| value.as_message().cloned())
        .collect();
    if further.iter().any(|rule| !options::list(rule, "additional_bindings").is_empty()) {
        report(
            "additional_bindings cannot have additional_bindings".into(),
            "additional_bindings",
            0,
            "list them side by side",
        );
    }
    std::iter::once(&rule).chain(&further).filter_map(|rule| binding(method, rule, &mut report)).collect()
}

fn binding(method: &MethodDescriptor, rule: &DynamicMessage, report: &mut impl Report) -> Option<Binding> {
    let (verb, path) = pattern(rule, report)?;
    let template = match Template::parse(&path) {
        Ok(template) => template,
        Err(error) => {
            report(format!("the path template \"{path}\": {}", error.message), &path, error.offset, "");
            return None;
        }
    };
    let input = method.input();
    let mut good = true;
    for variable in template.variables() {
        if let Err((message, hint)) = capture(&input, &variable.field_path) {
            let name = variable.field_path.to_string();
            report(message, &path, path.find(&name).unwrap_or(0), &hint);
            good = false;
        }
    }
    let body = options::text(rule, "body");
    let body = match body.as_str() {
        "" => Body::None,
        "*" => Body::Whole,
        name => {
            good &= top_level(&input, name, "body", report);
            if template.variables().iter().any(|v| v.field_path.to_string() == name) {
                report(format!("`{name}` is bound by the path and by the body"), name, 0, "bind it once");
                good = false;
            }
            Body::Field(FieldPath::new(name))
        }
    };
    let response_body = match options::text(rule, "response_body").as_str() {
        "" => None,
        name => {
            good &= top_level(&method.output(), name, "response_body", report);
            Some(FieldPath::new(name))
        }
    };
    good.then_some(Binding { verb, template, body, response_body })
}

fn pattern(rule: &DynamicMessage, report: &mut impl Report) -> Option<(Verb, String)> {
    for name in ["get", "put", "post", "delete", "patch"] {
        let path = options::text(rule, name);
        if !path.is_empty() {
            return Some((Verb::new(&name.to_uppercase()), path));
        }
    }
    let Some(custom) = options::message(rule, "custom") else {
        report(
            "the HTTP binding has no path".into(),
            HTTP,
            0,
            "expected get, put, post, delete, patch or custom",
        );
        return None;
    };
    let kind = options::text(&custom, "kind");
    if kind != "*" && http::Method::from_bytes(kind.as_bytes()).is_err() {
        let message = format!("`{kind}` is not an HTTP method");
        report(message, "kind", 0, "expected a token such as \"HEAD\", or \"*\" for every method");
        return None;
    }
    Some((Verb::new(&kind), options::text(&custom, "path")))
}

/// A path can fill a singular field that JSON writes as one scalar.
fn capture(input: &MessageDescriptor, path: &FieldPath) -> Result<(), (String, String)> {
    let mut message = input.clone();
    let (last, outer) =
        path.names().split_last().ok_or_else(|| ("an empty field path".to_owned(), String::new()))?;
    for name in outer {
        let field = named(&message, name)?;
        match field.kind() {
            Kind::Message(inner) if !field.is_list() && !field.is_map() => message = inner,
            _ => {
                let message =
                    format!("`{name}` of `{path}` is {}; expected a single message", describe(&field));
                return Err((message, String::new()));
            }
        }
    }
    let field = named(&message, last)?;
    let scalar = match field.kind() {
        Kind::Message(inner) => is_scalar_message(inner.full_name()),
        _ => true,
    };
    if scalar && !field.is_list() && !field.is_map() {
        return Ok(());
    }
    let message = format!("`{path}` is {}; a path can only fill a single scalar field", describe(&field));
    Err((message, "bind one of its fields, or move it to the body or the query".to_owned()))
}

/// Messages whose JSON is one string, number or bool.
pub(crate) fn is_scalar_message(full_name: &str) -> bool {
    matches!(
        full_name,
        "google.protobuf.Timestamp"
            | "google.protobuf.Duration"
            | "google.protobuf.FieldMask"
            | "google.protobuf.DoubleValue"
            | "google.protobuf.FloatValue"
            | "google.protobuf.Int64Value"
            | "google.protobuf.UInt64Value"
            | "google.protobuf.Int32Value"
            | "google.protobuf.UInt32Value"
            | "google.protobuf.BoolValue"
            | "google.protobuf.StringValue"
            | "google.protobuf.BytesValue"
    )
}

fn top_level(message: &MessageDescriptor, name: &str, what: &str, report: &mut impl Report) -> bool {
    if name.contains('.') {
        report(
            format!("{what} `{name}`: expected a field of the message itself"),
            name,
            0,
            "nested fields cannot be bodies",
        );
        return false;
    }
    match named(message, name) {
        Ok(_) => true,
        Err((text, hint)) => {
            report(format!("{what}: {text}"), name, 0, &hint);
            false
        }
    }
}

pub(super) fn named(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, (String, String)> {
    if let Some(field) = message.get_field_by_name(name) {
        return Ok(field);
    }
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let near = fields
        .iter()
        .map(|field| (field.name(), strsim::jaro_winkler(field.name(), name)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let hint = match near {
        Some((near, likeness)) if likeness > 0.75 => format!("did you mean `{near}`?"),
        Some(_) => format!("its fields are {}", list(&fields)),
        None => "the message has no fields".to_owned(),
    };
    Err((format!("`{name}` is not a field of {}", message.full_name()), hint))
}

/// The first few names; a hint is no reference.
fn list(fields: &[FieldDescriptor]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> =
        fields.iter().take(SHOWN).map(|field| format!("`{}`", field.name())).collect();
    if fields.len() > SHOWN {
        names.push("…".to_owned());
    }
    names.join(", ")
}

pub(super) fn describe(field: &FieldDescriptor) -> String {
    match (field.is_map(), field.is_list(), field.kind()) {
        (true, ..) => "a map".to_owned(),
        (_, true, _) => "repeated".to_owned(),
        (.., Kind::Message(message)) => format!("a {}", message.full_name()),
        (.., Kind::Enum(names)) => format!("the enum {}", names.full_name()),
        (.., kind) => format!("a {kind:?}").to_lowercase(),
    }
}
