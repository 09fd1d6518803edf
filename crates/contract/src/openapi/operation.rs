//! One operation: an endpoint with its parameters, body and answers.

use super::parameters;
use super::paths::Path;
use super::{Info, errors, names::Names, schemas::Schemas};
use crate::{Body, Contract, Endpoint, Method};
use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Longest summary; the whole comment is the description.
const MAX_SUMMARY: usize = 120;

pub(super) fn operation(
    contract: &Contract,
    endpoint: &Endpoint,
    path: &Path,
    id: &str,
    info: &Info,
    names: &Names,
    schemas: &mut Schemas<'_>,
) -> Value {
    let method = &contract.methods[endpoint.method];
    let service = contract.service_of(method);
    schemas.style = info.json.get(&service.full_name).copied().unwrap_or_default();
    let summary = summary(method);
    let description = if method.comment.is_empty() { summary.clone() } else { method.comment.clone() };
    let mut operation = Map::new();
    operation.insert("operationId".into(), json!(id));
    operation.insert("tags".into(), json!([names.tag(method.service)]));
    operation.insert("summary".into(), json!(summary));
    operation.insert("description".into(), json!(description));
    if method.deprecated {
        operation.insert("deprecated".into(), json!(true));
    }
    let mut all = parameters::path(&method.input, path, schemas);
    all.extend(parameters::query(&method.input, endpoint, schemas));
    if !all.is_empty() {
        operation.insert("parameters".into(), Value::Array(all));
    }
    if let Some(body) = request_body(method, endpoint, schemas) {
        operation.insert("requestBody".into(), body);
    }
    let mut responses = errors::responses(&method.errors);
    responses.insert("200".into(), success(method, endpoint, schemas));
    operation.insert("responses".into(), Value::Object(responses));
    Value::Object(operation)
}

/// The comment's first sentence.
fn summary(method: &Method) -> String {
    let paragraph = method.comment.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let sentence =
        paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first).trim_end_matches('.');
    if sentence.is_empty() {
        return method.name().to_owned();
    }
    match sentence.char_indices().nth(MAX_SUMMARY) {
        None => sentence.to_owned(),
        Some((end, _)) => {
            let cut = sentence[..end].rsplit_once(' ').map_or(&sentence[..end], |(words, _)| words);
            format!("{cut} …")
        }
    }
}

fn request_body(method: &Method, endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Option<Value> {
    let (content, required) = match &endpoint.body {
        Body::None => return None,
        Body::Whole if is_http_body(&method.input) => (any_media(), false),
        Body::Whole => {
            let bound: BTreeSet<String> = endpoint
                .template
                .variables()
                .iter()
                .map(|variable| variable.field_path.to_string())
                .collect();
            let (schema, required) = schemas.body(&method.input, &bound);
            (json!({ "application/json": { "schema": schema } }), required)
        }
        Body::Field(path) => {
            let field = path.names().first().and_then(|name| method.input.get_field_by_name(name))?;
            match field.kind() {
                Kind::Message(message) if is_http_body(&message) && !field.is_list() => (any_media(), false),
                _ => {
                    let required = schemas.is_required(&field);
                    (json!({ "application/json": { "schema": schemas.field(&field) } }), required)
                }
            }
        }
    };
    let mut body = Map::new();
    body.insert("content".into(), content);
    if required {
        body.insert("required".into(), json!(true));
    }
    Some(Value::Object(body))
}

fn success(method: &Method, endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Value {
    let field = endpoint
        .response_body
        .as_ref()
        .and_then(|path| path.names().first())
        .and_then(|name| method.output.get_field_by_name(name));
    let content = match field {
        Some(field) => match field.kind() {
            Kind::Message(message) if is_http_body(&message) && !field.is_list() => any_media(),
            _ => json!({ "application/json": { "schema": schemas.field(&field) } }),
        },
        None if is_http_body(&method.output) => any_media(),
        None => json!({ "application/json": { "schema": schemas.message(&method.output) } }),
    };
    json!({ "description": "Success", "content": content })
}

fn is_http_body(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.api.HttpBody"
}

/// `google.api.HttpBody`: the bytes as they are, of the type the service says.
fn any_media() -> Value {
    json!({ "*/*": { "schema": {} } })
}
