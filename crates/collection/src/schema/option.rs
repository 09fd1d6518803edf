//! The option as its message type has it, read out of the dynamic message that a descriptor keeps its options in.

use prost::Message;
use prost_reflect::{MessageDescriptor, Value};
use prost_types::Duration;

/// The full name of the option.
pub const OPTION: &str = "tenet.policy.v1.collection";

/// `tenet.policy.v1.Collection`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CollectionOption {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) key: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    pub(super) item_key: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) indexes: Vec<IndexOption>,
    #[prost(string, tag = "5")]
    pub(super) expire_field: String,
    #[prost(message, optional, tag = "6")]
    pub(super) ttl: Option<Duration>,
    #[prost(bool, tag = "7")]
    pub(super) atomic_across_records: bool,
    #[prost(message, optional, tag = "8")]
    pub(super) retention: Option<Duration>,
    #[prost(message, optional, tag = "9")]
    pub(super) cached: Option<Duration>,
}

/// `tenet.policy.v1.Index`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct IndexOption {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) fields: Vec<String>,
    #[prost(bool, tag = "3")]
    pub(super) unique: bool,
}

/// The option of `message`; `None` where it has none, and where the pool does not know the option.
pub(super) fn read(message: &MessageDescriptor) -> Option<CollectionOption> {
    let options = message.options();
    let extension = message.parent_pool().get_extension_by_name(OPTION)?;
    if !options.has_extension(&extension) {
        return None;
    }
    match options.get_extension(&extension).as_ref() {
        Value::Message(set) => CollectionOption::decode(set.encode_to_vec().as_slice()).ok(),
        _ => None,
    }
}
