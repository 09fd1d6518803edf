//! OpenAPI 3.1 from a contract: what `tenet docs` writes and `/openapi.json` serves.
//!
//! The document must be true: what the gateway prints validates against it, and every answer it can give is in it. So no
//! property of an answer is `required` (ProtoJSON leaves defaults out), objects stay open (services get newer than
//! the document), and the `default` response stands for every error the catalogue has. Streaming methods are left out
//! until they have a REST form.

mod errors;
mod names;
mod operation;
mod parameters;
mod paths;
mod schemas;
#[cfg(test)]
mod tests;

use crate::extract::comments::Comments;
use crate::{Contract, Endpoint};
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What the document says that no contract does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Name of the API.
    pub title: String,
    /// Version of the document (a release's short hash, a date).
    pub version: String,
    /// CommonMark text about the API; empty: none.
    pub description: String,
    /// Base URLs; empty: the server that serves the document.
    pub servers: Vec<String>,
    /// How JSON is printed, by protobuf service; services not named use the default.
    pub json: std::collections::BTreeMap<String, JsonStyle>,
}

/// ProtoJSON choices of a service that change the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JsonStyle {
    /// Original field names rather than lowerCamelCase.
    pub preserve_field_names: bool,
    /// Enums as numbers.
    pub enums_as_numbers: bool,
}

impl Default for Info {
    fn default() -> Self {
        Info {
            title: "API".into(),
            version: "1".into(),
            description: String::new(),
            servers: Vec::new(),
            json: std::collections::BTreeMap::new(),
        }
    }
}

/// The document of every public endpoint. Deterministic: equal contracts give equal documents.
pub fn document(contract: &Contract, info: &Info) -> Value {
    let comments = Comments::new(&contract.pool);
    let endpoints: Vec<&Endpoint> =
        contract.endpoints.iter().filter(|endpoint| is_documented(contract, endpoint)).collect();
    let mut schemas = Schemas::new(&comments, schemas::reachable(contract, &endpoints));
    let names = names::Names::new(contract, &endpoints);
    let paths = paths::paths(contract, &endpoints, info, &names, &mut schemas);
    let mut components = schemas.finish();
    errors::add_schemas(&mut components);
    json!({
        "openapi": "3.1.0",
        "info": header(contract, &endpoints, info),
        "servers": servers(info),
        "security": [],
        "tags": names.tags(contract),
        "paths": paths,
        "components": { "schemas": components },
    })
}

fn is_documented(contract: &Contract, endpoint: &Endpoint) -> bool {
    let method = &contract.methods[endpoint.method];
    endpoint.public && !method.client_streaming && !method.server_streaming
}

fn header(contract: &Contract, endpoints: &[&Endpoint], info: &Info) -> Value {
    let description = if info.description.is_empty() {
        format!("{}. Every error is an RFC 9457 problem document.", info.title)
    } else {
        info.description.clone()
    };
    let mut header = Map::new();
    header.insert("title".into(), json!(info.title));
    header.insert("version".into(), json!(info.version));
    header.insert("description".into(), json!(description));
    let owners: BTreeSet<&str> = endpoints
        .iter()
        .map(|endpoint| contract.service_of(&contract.methods[endpoint.method]).owner.as_str())
        .filter(|owner| !owner.is_empty())
        .collect();
    if !owners.is_empty() {
        let names: Vec<&str> = owners.into_iter().collect();
        header.insert("contact".into(), json!({ "name": names.join(", ") }));
    }
    Value::Object(header)
}

fn servers(info: &Info) -> Value {
    if info.servers.is_empty() {
        return json!([{ "url": "/", "description": "The gateway that serves this document" }]);
    }
    info.servers.iter().map(|url| json!({ "url": url })).collect()
}
