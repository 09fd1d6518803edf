//! Messages and enums as JSON Schema 2020-12, in their ProtoJSON form.

use super::JsonStyle;
use crate::extract::comments::Comments;
use crate::extract::options;
use crate::{Contract, Endpoint};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value as Reflected};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// `google.api.FieldBehavior` numbers.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;

pub(super) struct Schemas<'a> {
    comments: &'a Comments,
    /// How the service of the operation at hand prints JSON.
    pub(super) style: JsonStyle,
    /// Messages an answer can hold: ProtoJSON leaves their defaults out, so nothing in them is `required`.
    answered: BTreeSet<String>,
    done: Map<String, Value>,
    open: Vec<(Named, JsonStyle)>,
}

enum Named {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

/// Full names of the messages that answers of these endpoints can hold.
pub(super) fn reachable(contract: &Contract, endpoints: &[&Endpoint]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<MessageDescriptor> =
        endpoints.iter().map(|endpoint| contract.methods[endpoint.method].output.clone()).collect();
    while let Some(message) = open.pop() {
        if seen.insert(message.full_name().to_owned()) {
            open.extend(message.fields().filter_map(|field| field.kind().as_message().cloned()));
        }
    }
    seen
}

impl<'a> Schemas<'a> {
    pub(super) fn new(comments: &'a Comments, answered: BTreeSet<String>) -> Schemas<'a> {
        Schemas { comments, style: JsonStyle::default(), answered, done: Map::new(), open: Vec::new() }
    }

    /// Everything that was referred to, and what that refers to.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        while let Some((named, style)) = self.open.pop() {
            self.style = style;
            let (name, schema) = match &named {
                Named::Message(message) => {
                    (self.key(message.full_name()), self.object(message, &BTreeSet::new()))
                }
                Named::Enum(enumeration) => {
                    (self.key(enumeration.full_name()), self.enumeration(enumeration))
                }
            };
            self.done.insert(name, schema);
        }
        self.done
    }

    /// A message by reference, or inline where ProtoJSON gives it a form of its own.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        match special(message.full_name()) {
            Some(schema) => schema,
            None => self.reference(message.full_name(), Named::Message(message.clone())),
        }
    }

    /// The body of `body: "*"`: without the fields the path fills. Also says whether there must be one.
    pub(super) fn body(&mut self, message: &MessageDescriptor, bound: &BTreeSet<String>) -> (Value, bool) {
        let required = message.fields().any(|f| !bound.contains(f.name()) && self.is_required(&f));
        let plain =
            special(message.full_name()).is_some() || !message.fields().any(|f| bound.contains(f.name()));
        let schema = if plain { self.message(message) } else { self.object(message, bound) };
        (schema, required)
    }

    /// A field as a property.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let value = self.single(&entry.map_entry_value_field());
            return json!({ "type": "object", "additionalProperties": value });
        }
        let single = self.single(field);
        if field.is_list() { json!({ "type": "array", "items": single }) } else { single }
    }

    /// A field as a parameter: one element, never null.
    pub(super) fn parameter(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Message(message) => match wrapped(message.full_name()) {
                Some(kind) => scalar(&kind),
                None => self.single(field),
            },
            _ => self.single(field),
        }
    }

    pub(super) fn name(&self, field: &FieldDescriptor) -> String {
        let name = if self.style.preserve_field_names { field.name() } else { field.json_name() };
        name.to_owned()
    }

    pub(super) fn comment(&self, field: &FieldDescriptor) -> String {
        self.comments.of(&field.parent_file(), field.path())
    }

    pub(super) fn is_required(&self, field: &FieldDescriptor) -> bool {
        field.is_required() || behaves(field, REQUIRED)
    }

    pub(super) fn is_output_only(&self, field: &FieldDescriptor) -> bool {
        behaves(field, OUTPUT_ONLY)
    }

    fn single(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Message(message) => self.message(&message),
            Kind::Enum(enumeration) if enumeration.full_name() == "google.protobuf.NullValue" => {
                json!({ "type": "null" })
            }
            Kind::Enum(enumeration) => {
                self.reference(enumeration.full_name(), Named::Enum(enumeration.clone()))
            }
            kind => scalar(&kind),
        }
    }

    fn reference(&mut self, full_name: &str, named: Named) -> Value {
        let key = self.key(full_name);
        let reference = json!({ "$ref": format!("#/components/schemas/{key}") });
        if !self.done.contains_key(&key) {
            // Holds the place, so that a recursive message is opened once.
            self.done.insert(key, Value::Null);
            self.open.push((named, self.style));
        }
        reference
    }

    /// Services that print JSON differently have schemas of their own.
    fn key(&self, full_name: &str) -> String {
        let names = if self.style.preserve_field_names { "-original" } else { "" };
        let enums = if self.style.enums_as_numbers { "-numbers" } else { "" };
        format!("{full_name}{names}{enums}")
    }

    fn object(&mut self, message: &MessageDescriptor, without: &BTreeSet<String>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        let answered = self.answered.contains(message.full_name());
        for field in message.fields().filter(|field| !without.contains(field.name())) {
            let name = self.name(&field);
            if field.is_required() || (!answered && behaves(&field, REQUIRED)) {
                required.push(name.clone());
            }
            let schema = self.property(&field);
            properties.insert(name, schema);
        }
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        let comment = self.comments.of(&message.parent_file(), message.path());
        if !comment.is_empty() {
            schema.insert("description".into(), json!(comment));
        }
        if !properties.is_empty() {
            schema.insert("properties".into(), Value::Object(properties));
        }
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        if options::boolean(&message.options(), "deprecated") {
            schema.insert("deprecated".into(), json!(true));
        }
        Value::Object(schema)
    }

    fn property(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = self.field(field);
        let mut description = self.comment(field);
        if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            let names: Vec<String> = oneof.fields().map(|field| format!("`{}`", self.name(&field))).collect();
            let note = format!("At most one of {} is set.", names.join(", "));
            description = if description.is_empty() { note } else { format!("{description}\n\n{note}") };
        }
        let Some(object) = schema.as_object_mut() else { return schema };
        if !description.is_empty() {
            object.insert("description".into(), json!(description));
        }
        if behaves(field, OUTPUT_ONLY) {
            object.insert("readOnly".into(), json!(true));
        }
        if behaves(field, INPUT_ONLY) {
            object.insert("writeOnly".into(), json!(true));
        }
        if options::boolean(&field.options(), "deprecated") {
            object.insert("deprecated".into(), json!(true));
        }
        schema
    }

    fn enumeration(&self, enumeration: &EnumDescriptor) -> Value {
        let mut lines = Vec::new();
        let comment = self.comments.of(&enumeration.parent_file(), enumeration.path());
        if !comment.is_empty() {
            lines.push(comment);
        }
        let mut values: Vec<Value> = Vec::new();
        for value in enumeration.values() {
            let shown = if self.style.enums_as_numbers { json!(value.number()) } else { json!(value.name()) };
            // Aliases share a number; a list of allowed values holds each once.
            if values.contains(&shown) {
                continue;
            }
            let comment = self.comments.of(&enumeration.parent_file(), value.path()).replace('\n', " ");
            let text = if comment.is_empty() { value.name().to_owned() } else { comment };
            if self.style.enums_as_numbers {
                lines.push(format!("- `{}` ({}): {text}", value.number(), value.name()));
            } else if text != value.name() {
                lines.push(format!("- `{}`: {text}", value.name()));
            }
            values.push(shown);
        }
        lines.push("Requests may give a value by name or by number.".to_owned());
        let kind = if self.style.enums_as_numbers { "integer" } else { "string" };
        json!({ "type": kind, "enum": values, "description": lines.join("\n") })
    }
}

/// Whether `google.api.field_behavior` lists a behaviour.
fn behaves(field: &FieldDescriptor, behavior: i32) -> bool {
    match options::extension(&field.options(), "google.api.field_behavior") {
        Some(Reflected::List(values)) => values.iter().any(|value| value.as_enum_number() == Some(behavior)),
        _ => false,
    }
}

fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
        Kind::Uint32 | Kind::Fixed32 => {
            json!({ "type": "integer", "format": "uint32", "minimum": 0, "maximum": u32::MAX })
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]+$" })
        }
        Kind::Uint64 | Kind::Fixed64 => {
            json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]+$" })
        }
        // What JSON has no number for is a string.
        Kind::Double | Kind::Float => {
            let format = if *kind == Kind::Double { "double" } else { "float" };
            json!({ "type": ["number", "string"], "format": format, "pattern": "^(NaN|-?Infinity)$" })
        }
        Kind::Bytes => json!({ "type": "string", "format": "byte", "contentEncoding": "base64" }),
        _ => json!({ "type": "string" }),
    }
}

/// What a wrapper message wraps.
fn wrapped(full_name: &str) -> Option<Kind> {
    Some(match full_name {
        "google.protobuf.DoubleValue" => Kind::Double,
        "google.protobuf.FloatValue" => Kind::Float,
        "google.protobuf.Int64Value" => Kind::Int64,
        "google.protobuf.UInt64Value" => Kind::Uint64,
        "google.protobuf.Int32Value" => Kind::Int32,
        "google.protobuf.UInt32Value" => Kind::Uint32,
        "google.protobuf.BoolValue" => Kind::Bool,
        "google.protobuf.StringValue" => Kind::String,
        "google.protobuf.BytesValue" => Kind::Bytes,
        _ => return None,
    })
}

/// Well-known types with a JSON form of their own.
fn special(full_name: &str) -> Option<Value> {
    if let Some(kind) = wrapped(full_name) {
        let mut schema = scalar(&kind);
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().cloned().chain([json!("null")]).collect(),
            one => json!([one, "null"]),
        };
        schema["type"] = types;
        return Some(schema);
    }
    Some(match full_name {
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" }),
        "google.protobuf.FieldMask" => json!({ "type": "string" }),
        "google.protobuf.Struct" | "google.protobuf.Empty" => json!({ "type": "object" }),
        "google.protobuf.Value" => json!({}),
        "google.protobuf.ListValue" => json!({ "type": "array", "items": {} }),
        "google.protobuf.Any" => {
            json!({ "type": "object", "properties": { "@type": { "type": "string" } } })
        }
        _ => return None,
    })
}
