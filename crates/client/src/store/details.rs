//! What the store says beside a status's code: the reason, and the values its text was made of (`google/rpc/error_details.proto`).

use prost::Message;
use std::collections::HashMap;
use tonic::Status;

/// `google.rpc.ErrorInfo`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub(super) reason: String,
    #[prost(map = "string, string", tag = "3")]
    pub(super) metadata: HashMap<String, String>,
}

/// `google.rpc.Status`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.BadRequest`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, Message)]
struct Violation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

impl ErrorInfo {
    /// That of a status, if it has one that can be read.
    pub(super) fn of(status: &Status) -> Option<ErrorInfo> {
        read(status, "google.rpc.ErrorInfo")
    }
}

/// A status for the log: its code, its text, and which fields of the request are wrong.
pub(super) fn text(status: &Status) -> String {
    let wrong = read::<BadRequest>(status, "google.rpc.BadRequest").unwrap_or_default().violations;
    let wrong: Vec<String> = wrong.iter().map(|one| format!(" {}: {}", one.field, one.description)).collect();
    format!("{:?}: {}{}", status.code(), status.message(), wrong.join(";"))
}

/// The first detail with this name that can be read.
fn read<T: Message + Default>(status: &Status, name: &str) -> Option<T> {
    let details = Details::decode(status.details()).ok()?.details;
    let found = details.iter().find(|any| any.type_url.rsplit('/').next() == Some(name))?;
    T::decode(&found.value[..]).ok()
}
