//! `google.api.HttpBody`: bytes that pass through as they are, with their media type.

use super::ResponseKind;
use crate::WireError;
use crate::table::{Field, Kind, Message, Repeat};
use crate::wire::{self, Cursor, LEN, Malformed};
use std::ops::Range;

const CONTENT_TYPE: u32 = 1;
const DATA: u32 = 2;

/// Whether a message is the well-known `google.api.HttpBody`.
pub(super) fn is(message: &Message) -> bool {
    let has = |number: u32, kind: Kind| {
        message
            .fields
            .iter()
            .any(|field| field.number == number && field.kind == kind && field.repeat == Repeat::Single)
    };
    &*message.full_name == "google.api.HttpBody" && has(CONTENT_TYPE, Kind::String) && has(DATA, Kind::Bytes)
}

/// Appends the message for a request's body.
pub(super) fn write(content_type: &str, data: &[u8], out: &mut Vec<u8>) {
    if !content_type.is_empty() {
        wire::put_bytes(out, CONTENT_TYPE, content_type.as_bytes());
    }
    wire::put_bytes(out, DATA, data);
}

/// Finds the parts in a response: in the whole of it, or in one field.
pub(super) fn read(message: &Message, wire: &[u8], field: Option<&Field>) -> Result<ResponseKind, WireError> {
    let broken = |message_text: &str| WireError {
        message_type: message.full_name.to_string(),
        message: message_text.to_owned(),
    };
    let mut parts = Parts { content_type: &[], data: &[] };
    match field {
        None => parts.read(wire).map_err(broken)?,
        Some(field) => {
            let mut cursor = Cursor::new(wire);
            while !cursor.at_end() {
                let record = cursor.record().map_err(broken)?;
                if record.number == field.number && record.wire_type == field.wire_type() {
                    parts.read(record.payload).map_err(broken)?;
                }
            }
        }
    }
    let content_type = std::str::from_utf8(parts.content_type)
        .map_err(|_| broken("its content_type is not UTF-8"))?
        .to_owned();
    Ok(ResponseKind::HttpBody { content_type, data: range_in(wire, parts.data) })
}

/// The last of each field, across all pieces of the message.
struct Parts<'a> {
    content_type: &'a [u8],
    data: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(&mut self, wire: &'a [u8]) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(wire);
        while !cursor.at_end() {
            let record = cursor.record()?;
            match (record.number, record.wire_type) {
                (CONTENT_TYPE, LEN) => self.content_type = record.payload,
                (DATA, LEN) => self.data = record.payload,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Where a part of a slice lies in it.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}
