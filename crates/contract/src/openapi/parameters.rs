//! Path and query parameters.

use super::paths::Path;
use super::schemas::Schemas;
use crate::extract::options;
use crate::{Body, Endpoint, FieldPath};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// Nested messages are followed this deep; deeper query parameters work, but nobody reads them.
const MAX_DEPTH: usize = 4;

pub(super) fn path(input: &MessageDescriptor, path: &Path, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for parameter in &path.parameters {
        let field = parameter.field.as_ref().and_then(|path| resolve(input, path));
        let part = json!({ "type": "string", "minLength": 1 });
        let (mut schema, mut description) = match (&field, &parameter.whole, &parameter.field) {
            (Some(_), Some(whole), Some(name)) => (part, format!("Part of `{name}`, which is `{whole}`.")),
            (Some(field), None, _) => (schemas.parameter(field), schemas.comment(field)),
            _ => (part, "Any one segment.".to_owned()),
        };
        if let Some(object) = schema.as_object_mut()
            && object.get("type") == Some(&json!("string"))
            && !object.contains_key("enum")
        {
            object.insert("minLength".into(), json!(1));
        }
        if parameter.rest {
            let note = "Stands for any number of segments: `/` in it is not encoded.";
            description =
                if description.is_empty() { note.to_owned() } else { format!("{description}\n\n{note}") };
        }
        let mut out = Map::new();
        out.insert("name".into(), json!(parameter.name));
        out.insert("in".into(), json!("path"));
        out.insert("required".into(), json!(true));
        out.insert("schema".into(), schema);
        if !description.is_empty() {
            out.insert("description".into(), json!(description));
        }
        all.push(Value::Object(out));
    }
    all
}

/// Every field that neither path nor body takes, nested ones as `outer.inner`.
pub(super) fn query(input: &MessageDescriptor, endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut taken: Vec<String> =
        endpoint.template.variables().iter().map(|variable| variable.field_path.to_string()).collect();
    match &endpoint.body {
        Body::Whole => return Vec::new(),
        Body::Field(field) => taken.push(field.to_string()),
        Body::None => {}
    }
    let mut all = Vec::new();
    let mut walk = Walk { taken: &taken, schemas, all: &mut all };
    walk.message(input, &mut Vec::new(), "", "", true);
    all
}

struct Walk<'w, 's> {
    taken: &'w [String],
    schemas: &'w mut Schemas<'s>,
    all: &'w mut Vec<Value>,
}

impl Walk<'_, '_> {
    /// `path` in original names, to compare with bindings; `shown` as the document writes it.
    fn message(
        &mut self,
        message: &MessageDescriptor,
        open: &mut Vec<String>,
        path: &str,
        shown: &str,
        required: bool,
    ) {
        if open.len() == MAX_DEPTH || open.iter().any(|name| name == message.full_name()) {
            return;
        }
        open.push(message.full_name().to_owned());
        for field in message.fields() {
            let path = format!("{path}{}", field.name());
            let shown = format!("{shown}{}", self.schemas.name(&field));
            if !self.taken.contains(&path) && !field.is_map() && !self.schemas.is_output_only(&field) {
                let required = required && self.schemas.is_required(&field);
                self.field(&field, open, &path, &shown, required);
            }
        }
        open.pop();
    }

    fn field(
        &mut self,
        field: &FieldDescriptor,
        open: &mut Vec<String>,
        path: &str,
        shown: &str,
        required: bool,
    ) {
        if let Kind::Message(message) = field.kind()
            && !crate::extract::is_scalar_message(message.full_name())
        {
            // A list of messages, and what has a JSON form of its own, has none as a query parameter.
            if !field.is_list() && !message.full_name().starts_with("google.protobuf.") {
                self.message(&message, open, &format!("{path}."), &format!("{shown}."), required);
            }
            return;
        }
        let item = self.schemas.parameter(field);
        let schema = if field.is_list() { json!({ "type": "array", "items": item }) } else { item };
        let mut out = Map::new();
        out.insert("name".into(), json!(shown));
        out.insert("in".into(), json!("query"));
        out.insert("schema".into(), schema);
        let comment = self.schemas.comment(field);
        if !comment.is_empty() {
            out.insert("description".into(), json!(comment));
        }
        if required {
            out.insert("required".into(), json!(true));
        }
        if options::boolean(&field.options(), "deprecated") {
            out.insert("deprecated".into(), json!(true));
        }
        self.all.push(Value::Object(out));
    }
}

fn resolve(message: &MessageDescriptor, path: &FieldPath) -> Option<FieldDescriptor> {
    let (last, outer) = path.names().split_last()?;
    let mut message = message.clone();
    for name in outer {
        let Kind::Message(inner) = message.get_field_by_name(name)?.kind() else { return None };
        message = inner;
    }
    message.get_field_by_name(last)
}
