//! Finds one field's value in an encoded message, without decoding the rest: what a call is hashed by.

use crate::wire::{Cursor, FIXED32, FIXED64, LEN, Malformed, START_GROUP, VARINT};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// Most names of a path: the search goes as deep, and no sensible key lies deeper.
pub const MAX_LOCATED_DEPTH: usize = 16;

/// Where a singular scalar field lies in messages of one type: field numbers from the message inwards, and how its value is written.
/// Compiled when a contract is loaded; knows no descriptors afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldLocator {
    steps: Box<[Step]>,
}

/// One field on the way, as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    number: u32,
    wire_type: u8,
    /// Number and wire type of the other members of its oneof: a later one of them unsets it.
    others: Box<[(u32, u8)]>,
}

impl FieldLocator {
    /// Compiles a path of field names, outermost first, in messages of the type `message`. `None` unless all but the last are
    /// singular messages, the last is a singular string, bytes, integer, float, bool or enum, and there are 1 to
    /// [`MAX_LOCATED_DEPTH`] of them.
    pub fn compile<S: AsRef<str>>(message: &MessageDescriptor, names: &[S]) -> Option<FieldLocator> {
        let (last, outer) = names.split_last().filter(|_| names.len() <= MAX_LOCATED_DEPTH)?;
        let mut steps = Vec::with_capacity(names.len());
        let mut message = message.clone();
        for name in outer {
            let field = singular(&message, name.as_ref())?;
            steps.push(step(&field));
            let Kind::Message(inner) = field.kind() else { return None };
            message = inner;
        }
        let field = singular(&message, last.as_ref())?;
        if matches!(field.kind(), Kind::Message(_)) {
            return None;
        }
        steps.push(step(&field));
        Some(FieldLocator { steps: steps.into() })
    }

    /// The field numbers along the path, outermost first.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().map(|step| step.number)
    }

    /// The field's value as `message` encodes it: the contents of a string or bytes, the varint of an integer, bool or enum, the 4 or 8
    /// bytes of a fixed number.
    ///
    /// As a decoder would have it, the last occurrence wins, occurrences of a message on the way are merged, and a later member of the
    /// same oneof unsets. `None` where the field is absent (which a default without presence is) and where the message or one on the
    /// way is malformed. Reads the message once; takes memory only where unknown groups nest more than 8 deep, at most 100.
    pub fn find<'a>(&self, message: &'a [u8]) -> Option<&'a [u8]> {
        let mut found = None;
        search(&self.steps, message, &mut found).ok()?;
        found
    }
}

fn search<'a>(steps: &[Step], message: &'a [u8], found: &mut Option<&'a [u8]>) -> Result<(), Malformed> {
    let Some((step, inner)) = steps.split_first() else { return Ok(()) };
    let mut cursor = Cursor::new(message);
    while !cursor.at_end() {
        let start = cursor.pos;
        let record = cursor.record()?;
        // A known number under another wire type is an unknown field, as for protobuf's own runtimes.
        if (record.number, record.wire_type) == (step.number, step.wire_type) {
            match record.wire_type {
                LEN | START_GROUP if !inner.is_empty() => search(inner, record.payload, found)?,
                LEN => *found = Some(record.payload),
                _ => {
                    let mut value = Cursor { bytes: message, pos: start };
                    value.tag()?;
                    *found = message.get(value.pos..cursor.pos);
                }
            }
        } else if step.others.contains(&(record.number, record.wire_type)) {
            *found = None;
        }
    }
    Ok(())
}

fn singular(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).filter(|field| !field.is_list() && !field.is_map())
}

fn step(field: &FieldDescriptor) -> Step {
    let oneof = field.containing_oneof();
    let members = oneof.iter().flat_map(|oneof| oneof.fields());
    let others = members.filter(|other| other.number() != field.number());
    Step {
        number: field.number(),
        wire_type: wire_type(field),
        others: others.map(|other| (other.number(), wire_type(&other))).collect(),
    }
}

fn wire_type(field: &FieldDescriptor) -> u8 {
    match field.kind() {
        Kind::Message(_) if field.is_group() => START_GROUP,
        Kind::Message(_) | Kind::String | Kind::Bytes => LEN,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Bool
        | Kind::Enum(_) => VARINT,
    }
}
