//! The compiled tables: every message and enum of a descriptor set, addressed by small numbers.

mod message;
mod names;

pub(crate) use message::{DENSE, Enum, Field, Kind, Message, Repeat, Shape};
pub(crate) use names::Names;

use crate::{CompileError, compile};
use prost_reflect::DescriptorPool;
use std::collections::BTreeMap;

/// All message tables of a pool. Immutable, `Send + Sync`; compiled when a release is loaded, read by every request.
#[derive(Debug)]
pub struct Codec {
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    pub(crate) by_name: BTreeMap<Box<str>, u32>,
}

/// A message type of one [`Codec`]; meaningless with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub(crate) u32);

impl Codec {
    /// Compiles the tables of every message in the pool.
    pub fn compile(pool: &DescriptorPool) -> Result<Codec, CompileError> {
        Codec::from_descriptor_set(&pool.encode_to_vec())
    }

    /// Compiles the tables of every message in a serialised `google.protobuf.FileDescriptorSet`, which may hold files
    /// of any syntax up to edition 2024 (a [`DescriptorPool`] knows proto2 and proto3 only). Imports must be in the
    /// set, in any order.
    pub fn from_descriptor_set(set: &[u8]) -> Result<Codec, CompileError> {
        compile::codec(set)
    }

    /// The message with this full name, without a leading dot.
    pub fn message(&self, full_name: &str) -> Option<MessageId> {
        self.by_name.get(full_name).copied().map(MessageId)
    }

    pub(crate) fn table(&self, id: u32) -> &Message {
        &self.messages[id as usize]
    }

    /// The table a type URL speaks of: the name after its last slash.
    pub(crate) fn by_type_url(&self, url: &str) -> Option<&Message> {
        let (_, name) = url.rsplit_once('/')?;
        self.by_name.get(name).map(|&id| self.table(id))
    }
}
