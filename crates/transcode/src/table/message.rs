//! The table of one message: its fields in the order of their numbers, found by name or number.

use super::Names;
use crate::wire;

/// How a message looks in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object with a member for each field.
    Plain,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// One of `google/protobuf/wrappers.proto`: its value alone.
    Wrapper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    /// An index into the codec's enums.
    Enum(u32),
    /// An index into the codec's messages.
    Message(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Single,
    List,
    /// The kind is the entry message, with `key` at index 0 and `value` at index 1.
    Map,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub full_name: Box<str>,
    pub shape: Shape,
    /// In the order of their numbers; an extension stands among them.
    pub fields: Box<[Field]>,
    pub names: Names,
    /// Field index + 1 by number, for the low numbers that nearly all fields have.
    pub dense: Box<[u16]>,
    /// How many fields proto2 requires.
    pub required: usize,
    pub oneofs: usize,
    /// Written as `MessageSet`: items that carry a type id and a message.
    pub message_set: bool,
}

#[derive(Debug)]
pub(crate) struct Field {
    /// The name in the `.proto` file; `[package.name]` for an extension.
    pub name: Box<str>,
    pub json_name: Box<str>,
    /// `"jsonName":` and `"name":`, ready to print.
    pub json_key: Box<[u8]>,
    pub name_key: Box<[u8]>,
    pub number: u32,
    pub kind: Kind,
    pub repeat: Repeat,
    /// Lists are written packed.
    pub packed: bool,
    /// Messages are written between group tags.
    pub delimited: bool,
    /// Whether being set to the default differs from being absent.
    pub presence: bool,
    /// Declared elsewhere; never printed when it is not set.
    pub extension: bool,
    /// proto2's `required`.
    pub required: bool,
    /// Strings must be UTF-8 on the wire.
    pub utf8: bool,
    pub oneof: Option<u16>,
    /// Accepts JSON null as a value: `google.protobuf.Value` and `NullValue`.
    pub takes_null: bool,
}

/// Field numbers below this are looked up by index; the table costs two bytes each.
pub(crate) const DENSE: u32 = 1024;

impl Message {
    #[inline]
    pub fn by_number(&self, number: u32) -> Option<usize> {
        if let Some(&index) = self.dense.get(number as usize) {
            return (index as usize).checked_sub(1);
        }
        if number < DENSE {
            return None;
        }
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }

    #[inline]
    pub fn by_name(&self, name: &[u8]) -> Option<usize> {
        self.names.find(name, |index| {
            let field = &self.fields[index];
            field.json_name.as_bytes() == name || field.name.as_bytes() == name
        })
    }
}

impl Kind {
    /// The wire type of one value.
    pub fn wire_type(self) -> u8 {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => wire::FIXED64,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => wire::FIXED32,
            Kind::String | Kind::Bytes | Kind::Message(_) => wire::LEN,
            _ => wire::VARINT,
        }
    }

    /// Whether a list of these may be packed into one record.
    pub fn packable(self) -> bool {
        self.wire_type() != wire::LEN
    }

    /// A varint cut to the bits its kind has, and extended again as its kind is written.
    #[inline]
    pub fn narrowed(self, bits: u64) -> u64 {
        match self {
            Kind::Int32 | Kind::Enum(_) => i64::from(bits as i32) as u64,
            Kind::Uint32 | Kind::Sint32 => u64::from(bits as u32),
            Kind::Bool => u64::from(bits != 0),
            _ => bits,
        }
    }

    /// What a person calls it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Double => "double",
            Kind::Float => "float",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Sint32 => "sint32",
            Kind::Sint64 => "sint64",
            Kind::Fixed32 => "fixed32",
            Kind::Fixed64 => "fixed64",
            Kind::Sfixed32 => "sfixed32",
            Kind::Sfixed64 => "sfixed64",
            Kind::Bool => "bool",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Enum(_) => "enum",
            Kind::Message(_) => "message",
        }
    }
}

impl Field {
    /// The wire type of one record of this field, unpacked.
    pub fn wire_type(&self) -> u8 {
        if self.delimited { wire::START_GROUP } else { self.kind.wire_type() }
    }

    /// Whether a record of this wire type is of this field; any other is an unknown field of the same number.
    #[inline]
    pub fn reads(&self, wire_type: u8) -> bool {
        wire_type == self.wire_type()
            || (wire_type == wire::LEN && self.repeat == Repeat::List && self.kind.packable())
    }
}

/// An enum's values by number and by name.
#[derive(Debug)]
pub(crate) struct Enum {
    pub full_name: Box<str>,
    /// Sorted by number; of several names for one number the first declared.
    pub by_number: Box<[(i32, Box<str>)]>,
    /// Sorted by name.
    pub by_name: Box<[(Box<str>, i32)]>,
    /// Unknown numbers are unknown fields.
    pub closed: bool,
    /// `google.protobuf.NullValue`, whose JSON is `null`.
    pub null: bool,
}

impl Enum {
    pub fn name_of(&self, number: i32) -> Option<&str> {
        let found = self.by_number.binary_search_by_key(&number, |value| value.0).ok()?;
        Some(&self.by_number[found].1)
    }

    pub fn number_of(&self, name: &[u8]) -> Option<i32> {
        let found = self.by_name.binary_search_by(|value| value.0.as_bytes().cmp(name)).ok()?;
        Some(self.by_name[found].1)
    }

    /// Whether a number on the wire is a value of this enum.
    pub fn holds(&self, number: i32) -> bool {
        !self.closed || self.name_of(number).is_some()
    }
}
