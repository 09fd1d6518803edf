//! A field that is part of a key: how its value is taken out of an encoded message.

use crate::{AddressError, KeyValue, Kind};
use prost_reflect::{FieldDescriptor, Kind as FieldKind, Value};
use std::borrow::Cow;
use tenet_transcode::{Fields, MalformedMessage, WireValue};

/// The message that a time is.
pub(super) const TIMESTAMP: &str = "google.protobuf.Timestamp";
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z in seconds since 1970: what a Timestamp may hold.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Nanoseconds of a second.
const SECOND: i32 = 1_000_000_000;

/// A field that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyField {
    /// Its name.
    pub name: String,
    /// What kind of values it has.
    pub kind: Kind,
    pub(super) number: u32,
    form: Form,
    /// Its value in a message where it is absent.
    default: KeyValue<'static>,
}

/// How a value stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Bytes,
    Bool,
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
    Timestamp,
}

impl KeyField {
    /// A singular field of a kind that keys can be made of; `None` for any other kind.
    pub(super) fn of(field: &FieldDescriptor) -> Option<KeyField> {
        let (form, kind) = match field.kind() {
            FieldKind::String => (Form::Text, Kind::Text),
            FieldKind::Bytes => (Form::Bytes, Kind::Bytes),
            FieldKind::Bool => (Form::Bool, Kind::Boolean),
            FieldKind::Int32 | FieldKind::Enum(_) => (Form::Int32, Kind::Signed),
            FieldKind::Int64 => (Form::Int64, Kind::Signed),
            FieldKind::Uint32 => (Form::Uint32, Kind::Unsigned),
            FieldKind::Uint64 => (Form::Uint64, Kind::Unsigned),
            FieldKind::Sint32 => (Form::Sint32, Kind::Signed),
            FieldKind::Sint64 => (Form::Sint64, Kind::Signed),
            FieldKind::Fixed32 => (Form::Fixed32, Kind::Unsigned),
            FieldKind::Fixed64 => (Form::Fixed64, Kind::Unsigned),
            FieldKind::Sfixed32 => (Form::Sfixed32, Kind::Signed),
            FieldKind::Sfixed64 => (Form::Sfixed64, Kind::Signed),
            FieldKind::Message(message) if message.full_name() == TIMESTAMP => {
                (Form::Timestamp, Kind::Timestamp)
            }
            FieldKind::Message(_) | FieldKind::Float | FieldKind::Double => return None,
        };
        let default = default(&field.default_value());
        Some(KeyField { name: field.name().to_owned(), kind, number: field.number(), form, default })
    }

    /// The value under this number on the wire; `None` for another wire type, which makes it an unknown field.
    fn take<'a>(&self, value: WireValue<'a>) -> Option<Taken<'a>> {
        Some(match (self.form, value) {
            (Form::Text, WireValue::Bytes(bytes)) => Taken::Text(bytes),
            (Form::Bytes, WireValue::Bytes(bytes)) => Taken::Value(KeyValue::Bytes(Cow::Borrowed(bytes))),
            (Form::Timestamp, WireValue::Bytes(_)) => Taken::Timestamp,
            (Form::Bool, WireValue::Varint(bits)) => Taken::Value(KeyValue::Boolean(bits != 0)),
            // Varints are cut to the width of their type, as every protobuf runtime does.
            (Form::Int32, WireValue::Varint(bits)) => Taken::signed(i64::from(bits as i32)),
            (Form::Int64, WireValue::Varint(bits)) => Taken::signed(bits as i64),
            (Form::Uint32, WireValue::Varint(bits)) => Taken::unsigned(u64::from(bits as u32)),
            (Form::Uint64, WireValue::Varint(bits)) => Taken::unsigned(bits),
            (Form::Sint32, WireValue::Varint(bits)) => Taken::signed(unzigzag(u64::from(bits as u32))),
            (Form::Sint64, WireValue::Varint(bits)) => Taken::signed(unzigzag(bits)),
            (Form::Fixed32, WireValue::Fixed32(bits)) => Taken::unsigned(u64::from(bits)),
            (Form::Sfixed32, WireValue::Fixed32(bits)) => Taken::signed(i64::from(bits as i32)),
            (Form::Fixed64, WireValue::Fixed64(bits)) => Taken::unsigned(bits),
            (Form::Sfixed64, WireValue::Fixed64(bits)) => Taken::signed(bits as i64),
            _ => return None,
        })
    }
}

/// A value of a key, as far as it is known without looking at what it is made of.
pub(crate) enum Taken<'a> {
    Value(KeyValue<'a>),
    /// Not yet known to be UTF-8.
    Text(&'a [u8]),
    /// There is one. A decoder merges all its occurrences, so they are looked up once more.
    Timestamp,
}

impl<'a> Taken<'a> {
    fn signed(value: i64) -> Taken<'a> {
        Taken::Value(KeyValue::Signed(value))
    }

    fn unsigned(value: u64) -> Taken<'a> {
        Taken::Value(KeyValue::Unsigned(value))
    }

    /// The values of `fields` in `message`, in their order; the message is read once, and whole, so that nothing malformed passes.
    pub(crate) fn all(
        fields: &[&KeyField],
        message: &'a [u8],
    ) -> Result<Vec<Option<Taken<'a>>>, MalformedMessage> {
        let mut taken: Vec<Option<Taken<'a>>> = fields.iter().map(|_| None).collect();
        for found in Fields::of(message) {
            let (number, value) = found?;
            for (field, place) in fields.iter().zip(&mut taken) {
                if field.number == number
                    && let Some(value) = field.take(value)
                {
                    *place = Some(value);
                }
            }
        }
        Ok(taken)
    }

    /// The value itself, where it is one that its type can have.
    pub(crate) fn value(
        taken: Option<Taken<'a>>,
        field: &KeyField,
        message: &'a [u8],
    ) -> Result<KeyValue<'a>, AddressError> {
        match taken {
            None => Ok(field.default.clone()),
            Some(Taken::Value(value)) => Ok(value),
            Some(Taken::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(KeyValue::Text(Cow::Borrowed(text))),
                Err(_) => Err(AddressError::value(&field.name, "it is not UTF-8")),
            },
            Some(Taken::Timestamp) => match timestamp(field.number, message) {
                Ok(Some((seconds, nanos))) => Ok(KeyValue::Timestamp { seconds, nanos }),
                Ok(None) => Ok(field.default.clone()),
                Err(what) => Err(AddressError::value(&field.name, &what)),
            },
        }
    }
}

/// The Timestamp that `message` has under `number`, its occurrences merged; `None` where there is none.
pub(crate) fn timestamp(number: u32, message: &[u8]) -> Result<Option<(i64, u32)>, String> {
    let mut there = false;
    let (mut seconds, mut nanos) = (0, 0);
    for found in Fields::of(message) {
        let (found, value) = found.map_err(|malformed| malformed.to_string())?;
        let WireValue::Bytes(inner) = value else { continue };
        if found != number {
            continue;
        }
        there = true;
        for field in Fields::of(inner) {
            match field.map_err(|malformed| malformed.to_string())? {
                (1, WireValue::Varint(bits)) => seconds = bits as i64,
                (2, WireValue::Varint(bits)) => nanos = bits as i32,
                _ => {}
            }
        }
    }
    if !TIMES.contains(&seconds) || !(0..SECOND).contains(&nanos) {
        return Err(format!("{seconds} s and {nanos} ns are no time between the years 1 and 9999"));
    }
    Ok(there.then_some((seconds, nanos.unsigned_abs())))
}

/// The inverse of zigzag, in which small magnitudes are small varints.
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn default(value: &Value) -> KeyValue<'static> {
    match value {
        Value::Bool(value) => KeyValue::Boolean(*value),
        Value::I32(value) | Value::EnumNumber(value) => KeyValue::Signed(i64::from(*value)),
        Value::I64(value) => KeyValue::Signed(*value),
        Value::U32(value) => KeyValue::Unsigned(u64::from(*value)),
        Value::U64(value) => KeyValue::Unsigned(*value),
        Value::String(value) => KeyValue::Text(Cow::Owned(value.clone())),
        Value::Bytes(value) => KeyValue::Bytes(Cow::Owned(value.to_vec())),
        // All that is left of what a key can be made of is a Timestamp.
        _ => KeyValue::Timestamp { seconds: 0, nanos: 0 },
    }
}
