//! One path or query parameter written as wire bytes.

use super::path::FieldPath;
use crate::json::number;
use crate::parse::{integer_bits, put_bits, refusal};
use crate::table::{Field, Kind, Shape};
use crate::text;
use crate::wire::{self, END_GROUP, LEN, START_GROUP, VARINT};
use crate::{Codec, MessageId, ParseOptions, Unknowns};

/// Appends the field at `path`, inside the messages that lead to it. What is appended replaces what the body said, so
/// defaults are written too. The error says what was expected.
pub(super) fn write(
    codec: &Codec,
    path: &FieldPath,
    value: &[u8],
    options: &ParseOptions,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let fields: smallvec::SmallVec<[&Field; 8]> = path.fields(codec).collect();
    descend(codec, &fields, value, options, out)
}

fn descend(
    codec: &Codec,
    fields: &[&Field],
    value: &[u8],
    options: &ParseOptions,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    match fields {
        [] => Ok(()),
        [leaf] => self::leaf(codec, leaf, value, options, out),
        [field, rest @ ..] => nested(field, out, |out| descend(codec, rest, value, options, out)),
    }
}

/// A message field around what `write` appends.
pub(super) fn nested<E>(
    field: &Field,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    if field.delimited {
        wire::put_tag(out, field.number, START_GROUP);
        write(out)?;
        wire::put_tag(out, field.number, END_GROUP);
        return Ok(());
    }
    wire::put_tag(out, field.number, LEN);
    let start = wire::open(out);
    write(out)?;
    wire::close(out, start);
    Ok(())
}

fn leaf(
    codec: &Codec,
    field: &Field,
    value: &[u8],
    options: &ParseOptions,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let bits = match field.kind {
        Kind::String if std::str::from_utf8(value).is_err() => return Err("the text is not UTF-8".to_owned()),
        Kind::String => {
            wire::put_bytes(out, field.number, value);
            return Ok(());
        }
        Kind::Bytes => {
            wire::put_tag(out, field.number, LEN);
            let start = wire::open(out);
            if !text::bytes::decode(value, out) {
                return Err("expected bytes in base64".to_owned());
            }
            wire::close(out, start);
            return Ok(());
        }
        Kind::Message(id) => return nested(field, out, |out| message(codec, id, value, options, out)),
        Kind::Bool => match value {
            b"true" | b"1" => 1,
            b"false" | b"0" => 0,
            _ => return Err("expected true or false".to_owned()),
        },
        Kind::Double => text::float::parse_double(value).ok_or("expected a double")?.to_bits(),
        Kind::Float => text::float::parse_float(value).ok_or("expected a float")?.to_bits().into(),
        Kind::Enum(id) => enumerator(codec, id, value)?,
        kind => number::integer(value)
            .and_then(|integer| integer_bits(kind, integer))
            .map_err(|reason| refusal(kind, reason))?,
    };
    wire::put_tag(out, field.number, field.kind.wire_type());
    put_bits(field.kind, bits, out);
    Ok(())
}

fn enumerator(codec: &Codec, id: u32, value: &[u8]) -> Result<u64, String> {
    let table = &codec.enums[id as usize];
    let number = table.number_of(value).map(i64::from).or_else(|| {
        let number = number::integer(value).ok()?.signed(i32::MIN.into(), i32::MAX.into()).ok()?;
        table.holds(number as i32).then_some(number)
    });
    number
        .map(|number| number as u64)
        .ok_or_else(|| format!("expected a value of the enum {}", table.full_name))
}

/// A message that has a form as one text.
fn message(
    codec: &Codec,
    id: u32,
    value: &[u8],
    options: &ParseOptions,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let table = codec.table(id);
    let instant = match table.shape {
        Shape::Timestamp => {
            text::timestamp::parse(value).ok_or("expected an RFC 3339 time, such as 2006-01-02T15:04:05Z")?
        }
        Shape::Duration => {
            text::duration::parse(value).ok_or("expected a duration in seconds, such as 1.5s")?
        }
        Shape::Wrapper => return leaf(codec, &table.fields[0], value, options, out),
        Shape::FieldMask => {
            for path in value.split(|&byte| byte == b',').filter(|path| !path.is_empty()) {
                if std::str::from_utf8(path).is_err() {
                    return Err("the text is not UTF-8".to_owned());
                }
                wire::put_tag(out, 1, LEN);
                let start = wire::open(out);
                text::mask::from_parameter(path, out);
                wire::close(out, start);
            }
            return Ok(());
        }
        Shape::Struct | Shape::Value | Shape::ListValue => {
            let json = codec.json_to_wire(MessageId(id), value, options, out, &mut Unknowns::new());
            return json.map_err(|error| format!("expected JSON: {error}"));
        }
        Shape::Plain | Shape::Any => {
            return Err(format!("the field is a message ({}); name one of its fields", table.full_name));
        }
    };
    for (number, part) in [(1, instant.0), (2, i64::from(instant.1))] {
        wire::put_tag(out, number, VARINT);
        wire::put_varint(out, part as u64);
    }
    Ok(())
}
