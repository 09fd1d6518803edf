//! The `google.rpc` detail messages (`google/rpc/error_details.proto`, AIP-193): what makes an error one that a program
//! can act upon. Written here by hand because they are nine small messages that have not changed in years.

use prost::{Message, Name};
use std::collections::HashMap;
use tonic::Status;

/// Why, as a constant a program can match on.
#[derive(Clone, PartialEq, Message)]
pub struct ErrorInfo {
    /// Upper-snake reason, unique within the domain (`CARD_DECLINED`).
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Who defines the reason, usually the service's name.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// What the message's text was made of, so that nobody needs to parse it.
    #[prost(map = "string, string", tag = "3")]
    pub metadata: HashMap<String, String>,
}

/// How long to wait before a retry.
#[derive(Clone, PartialEq, Message)]
pub struct RetryInfo {
    /// The least pause.
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<prost_types::Duration>,
}

/// Which fields of the request are wrong.
#[derive(Clone, PartialEq, Message)]
pub struct BadRequest {
    /// One entry for each thing that is wrong.
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

/// One field that is wrong.
#[derive(Clone, PartialEq, Message)]
pub struct FieldViolation {
    /// Path of the field in the request message (`post.tags[2]`).
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong with it and what would be right.
    #[prost(string, tag = "2")]
    pub description: String,
    /// Upper-snake reason a program can match on.
    #[prost(string, tag = "3")]
    pub reason: String,
}

/// Which conditions do not hold.
#[derive(Clone, PartialEq, Message)]
pub struct PreconditionFailure {
    /// One entry for each condition.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<PreconditionViolation>,
}

/// One condition that does not hold.
#[derive(Clone, PartialEq, Message)]
pub struct PreconditionViolation {
    /// Kind of the condition (`STATE`, `TOS`).
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// What it is about.
    #[prost(string, tag = "2")]
    pub subject: String,
    /// How to satisfy it.
    #[prost(string, tag = "3")]
    pub description: String,
}

/// Which quotas are used up.
#[derive(Clone, PartialEq, Message)]
pub struct QuotaFailure {
    /// One entry for each quota.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<QuotaViolation>,
}

/// One quota that is used up.
#[derive(Clone, PartialEq, Message)]
pub struct QuotaViolation {
    /// Whose quota.
    #[prost(string, tag = "1")]
    pub subject: String,
    /// Which quota, and when there is more.
    #[prost(string, tag = "2")]
    pub description: String,
}

/// Which resource the error is about.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceInfo {
    /// Kind of the resource (`feed.accounts.v1.User`).
    #[prost(string, tag = "1")]
    pub resource_type: String,
    /// Its name (`users/u1`).
    #[prost(string, tag = "2")]
    pub resource_name: String,
    /// Whose it is, where that helps.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// What went wrong with it.
    #[prost(string, tag = "4")]
    pub description: String,
}

/// Where to read more.
#[derive(Clone, PartialEq, Message)]
pub struct Help {
    /// Pages that help.
    #[prost(message, repeated, tag = "1")]
    pub links: Vec<HelpLink>,
}

/// One page that helps.
#[derive(Clone, PartialEq, Message)]
pub struct HelpLink {
    /// What it says.
    #[prost(string, tag = "1")]
    pub description: String,
    /// Where it is.
    #[prost(string, tag = "2")]
    pub url: String,
}

macro_rules! names {
    ($($message:ident),* $(,)?) => {
        $(impl Name for $message {
            const NAME: &'static str = stringify!($message);
            const PACKAGE: &'static str = "google.rpc";
        })*
    };
}

names!(ErrorInfo, RetryInfo, BadRequest, PreconditionFailure, QuotaFailure, ResourceInfo, Help);

/// `google.rpc.Status`, the content of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    /// Number of the gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// Text for the caller.
    #[prost(string, tag = "2")]
    pub message: String,
    /// The details.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<prost_types::Any>,
}

/// Reads the first detail of type `T` from a status that came from a service. `None` when it has none, or when its
/// details cannot be read.
pub fn read<T: Message + Name + Default>(status: &Status) -> Option<T> {
    let status = RpcStatus::decode(status.details()).ok()?;
    status.details.iter().find_map(|any| {
        let name = any.type_url.rsplit_once('/').map_or(any.type_url.as_str(), |(_, name)| name);
        (name == T::full_name()).then(|| T::decode(any.value.as_slice()).ok())?
    })
}
