//! The compiled tables of every message and enum of a descriptor pool.

use crate::{CompileError, JsonError, ParseOptions, PrintOptions, Unknowns, WireError};
use prost_reflect::DescriptorPool;

/// All message tables of a pool. Immutable, `Send + Sync`; compiled when a release is loaded, read by every request.
#[derive(Debug)]
pub struct Codec {}

/// A message type of one [`Codec`]; meaningless with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub(crate) u32);

impl Codec {
    /// Compiles the tables of every message in the pool.
    pub fn compile(_pool: &DescriptorPool) -> Result<Codec, CompileError> {
        todo!()
    }

    /// Compiles the tables of every message in a serialised `google.protobuf.FileDescriptorSet`, which may hold files
    /// of any syntax up to edition 2024. Imports must be in the set, in any order.
    pub fn from_descriptor_set(_set: &[u8]) -> Result<Codec, CompileError> {
        todo!()
    }

    /// The message with this full name, without a leading dot.
    pub fn message(&self, _full_name: &str) -> Option<MessageId> {
        todo!()
    }

    /// Reads the ProtoJSON form of `message` and appends its wire bytes to `out`.
    ///
    /// Fields the message does not have are ignored and named in `unknown`, or refused when `options.strict`.
    /// After an error `out` is as long as it was before.
    pub fn json_to_wire(
        &self,
        _message: MessageId,
        _json: &[u8],
        _options: &ParseOptions,
        _out: &mut Vec<u8>,
        _unknown: &mut Unknowns,
    ) -> Result<(), JsonError> {
        todo!()
    }

    /// Appends the ProtoJSON form of a message to `out`. After an error `out` is as long as it was before.
    pub fn wire_to_json(
        &self,
        _message: MessageId,
        _wire: &[u8],
        _options: &PrintOptions,
        _out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        todo!()
    }
}

/// Appends a JSON array of `google.rpc.Status.details`: each a `google.protobuf.Any` as (type URL, wire bytes).
///
/// Never fails, since it is part of an error's answer: a type this codec does not know, or bytes it cannot read, are
/// printed as `{"@type": URL, "value": BASE64}`.
pub fn any_details_json<'a>(
    _codec: &Codec,
    _details: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    _out: &mut Vec<u8>,
) {
    todo!()
}
