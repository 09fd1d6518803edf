//! The fields of an encoded message one after the other, for those who want a few of them and know no more of it.

use crate::wire::{Cursor, FIXED32, FIXED64, LEN, START_GROUP, VARINT};

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedMessage(&'static str);

/// A field's value as it stands on the wire; what it means, its type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireValue<'a> {
    /// An integer, bool or enum, as the varint has it: neither cut to 32 bits nor taken out of zigzag.
    Varint(u64),
    /// 8 bytes, read as a little-endian number.
    Fixed64(u64),
    /// A string, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// What stands between the tags of a group.
    Group(&'a [u8]),
    /// 4 bytes, read as a little-endian number.
    Fixed32(u32),
}

/// Number and value of each field, in the order they stand in; ends with the first that is malformed.
///
/// Of a singular field that occurs several times a decoder takes the last (and merges messages): that is left to who asks.
#[derive(Clone)]
pub struct Fields<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Fields<'a> {
    /// Of an encoded message.
    pub fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { cursor: Cursor::new(message) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, WireValue<'a>), MalformedMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.at_end() {
            return None;
        }
        let record = match self.cursor.record() {
            Ok(record) => record,
            Err(malformed) => {
                self.cursor = Cursor::new(&[]);
                return Some(Err(MalformedMessage(malformed)));
            }
        };
        let value = match record.wire_type {
            VARINT => WireValue::Varint(record.bits),
            FIXED64 => WireValue::Fixed64(record.bits),
            FIXED32 => WireValue::Fixed32(record.bits as u32),
            START_GROUP => WireValue::Group(record.payload),
            _ => {
                debug_assert_eq!(record.wire_type, LEN);
                WireValue::Bytes(record.payload)
            }
        };
        Some(Ok((record.number, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type_is_told_and_what_is_malformed_ends_it() {
        let message = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0x80, // 2: fixed64
            0x1a, 0x02, b'h', b'i', // 3: bytes
            0x23, 0x08, 0x01, 0x24, // 4: a group with one field
            0x2d, 2, 0, 0, 0, // 5: fixed32
        ];
        let expected = [
            (1, WireValue::Varint(150)),
            (2, WireValue::Fixed64(1 | 1 << 63)),
            (3, WireValue::Bytes(b"hi")),
            (4, WireValue::Group(&[0x08, 0x01])),
            (5, WireValue::Fixed32(2)),
        ];
        let found: Result<Vec<_>, _> = Fields::of(&message).collect();
        assert_eq!(found.unwrap(), expected);
        let mut cut = Fields::of(&message[..message.len() - 1]);
        assert_eq!(cut.by_ref().filter(Result::is_ok).count(), 4);
        assert!(cut.next().is_none());
        assert!(
            Fields::of(&[0x0a, 0x02, 0x01]).next().unwrap().unwrap_err().to_string().contains("ends past")
        );
        assert!(Fields::of(&[]).next().is_none());
    }
}
