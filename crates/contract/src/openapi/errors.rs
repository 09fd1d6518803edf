//! Error answers: the problem document, and which statuses a method promises.

use crate::ExpectedError;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tenet_error::Code;

pub(super) const PROBLEM: &str = "tenet.Problem";
pub(super) const STATUS: &str = "tenet.Status";

/// The answers of any operation but its success: what the contract lists, a bad request, and all others.
pub(super) fn responses(errors: &[ExpectedError]) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    by_status
        .insert(400, vec!["The request cannot be read, or the service refuses a value in it.".to_owned()]);
    for error in errors {
        let reason =
            if error.reason.is_empty() { String::new() } else { format!(", reason `{}`", error.reason) };
        let entry = Code::from_service(error.code).entry();
        let text = if error.description.is_empty() { entry.explanation } else { &error.description };
        by_status.entry(entry.http).or_default().push(format!("`{}`{reason}: {text}", error.code.name()));
    }
    let mut responses: Map<String, Value> = by_status
        .into_iter()
        .map(|(status, lines)| (status.to_string(), response(&lines.join("\n\n"))))
        .collect();
    responses.insert("default".into(), response("Any other error of the catalogue at `/errors`."));
    responses
}

fn response(description: &str) -> Value {
    let reference = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    json!({
        "description": description,
        "content": { "application/problem+json": reference(PROBLEM), "application/json": reference(STATUS) },
    })
}

pub(super) fn add_schemas(components: &mut Map<String, Value>) {
    let details = json!({
        "type": "array",
        "description": "Details of type `google.rpc.*` or the service's own, told apart by `@type`.",
        "items": { "type": "object", "properties": { "@type": { "type": "string" } }, "required": ["@type"] },
    });
    components.insert(
        PROBLEM.into(),
        json!({
            "type": "object",
            "description": "RFC 9457 problem document.",
            "properties": {
                "type": { "type": "string", "format": "uri-reference", "description": "Page that explains the code." },
                "title": { "type": "string", "description": "What went wrong, the same for every occurrence." },
                "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status." },
                "detail": { "type": "string", "description": "What went wrong this time." },
                "code": { "type": "string", "description": "Stable name of the error in the catalogue." },
                "grpc_code": { "type": "string", "description": "The name in google.rpc.Code." },
                "retry": {
                    "type": "string",
                    "enum": ["never", "safe", "idempotent"],
                    "description": "Whether repeating may help: `safe` for any method, `idempotent` only for those.",
                },
                "request_id": { "type": "string", "description": "What to quote when asking for help." },
                "details": details.clone(),
            },
            "required": ["type", "title", "status", "code", "grpc_code", "retry", "request_id"],
        }),
    );
    components.insert(
        STATUS.into(),
        json!({
            "type": "object",
            "description": "google.rpc.Status, for callers whose Accept asks for application/json and not for problem documents.",
            "properties": {
                "code": { "type": "integer", "format": "int32", "description": "The number in google.rpc.Code." },
                "message": { "type": "string", "description": "What went wrong." },
                "details": details,
            },
            "required": ["code", "message", "details"],
        }),
    );
}
