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

impl ErrorInfo {
    /// That of a status, if it has one that can be read.
    pub(super) fn of(status: &Status) -> Option<ErrorInfo> {
        let details = Details::decode(status.details()).ok()?.details;
        let found =
            details.iter().find(|any| any.type_url.rsplit('/').next() == Some("google.rpc.ErrorInfo"))?;
        ErrorInfo::decode(&found.value[..]).ok()
    }
}
