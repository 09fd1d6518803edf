//! The protobuf wire format: varints, tags, records, and how to step over what is not wanted.

use smallvec::SmallVec;

/// Wire types (`encoding.md` of the protobuf documentation).
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const LEN: u8 = 2;
pub(crate) const START_GROUP: u8 = 3;
pub(crate) const END_GROUP: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

/// Unknown groups may nest this deep, as known messages may.
const MAX_GROUP_DEPTH: usize = 100;

/// Why bytes are not protobuf; the caller knows the message type.
pub(crate) type Malformed = &'static str;

/// Appends a varint.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
#[inline]
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, u64::from(number << 3 | u32::from(wire_type)));
}

/// Appends a length-delimited record.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, LEN);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Leaves room for a length; [`close`] fills it in. Most lengths are one byte, so that is what is kept free.
#[inline]
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Writes the length of what follows `start` in front of it, moving it when the length needs more than one byte.
#[inline]
pub(crate) fn close(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
    } else {
        close_long(out, start, length);
    }
}

fn close_long(out: &mut Vec<u8>, start: usize, length: usize) {
    let mut prefix = [0u8; 10];
    let mut size = 0;
    let mut rest = length;
    while rest >= 0x80 {
        prefix[size] = rest as u8 | 0x80;
        rest >>= 7;
        size += 1;
    }
    prefix[size] = rest as u8;
    size += 1;
    let end = out.len();
    out.resize(end + size - 1, 0);
    out.copy_within(start..end, start - 1 + size);
    out[start - 1..start - 1 + size].copy_from_slice(&prefix[..size]);
}

/// The zigzag form of a signed number, in which small magnitudes are small varints.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads records from one message's bytes.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub pos: usize,
}

/// One record: where its payload lies and what it is.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub number: u32,
    pub wire_type: u8,
    /// The value of a VARINT, FIXED32 or FIXED64 record.
    pub bits: u64,
    /// The payload of a LEN record, or what stands between the tags of a group.
    pub payload: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, pos: 0 }
    }

    pub fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        match self.bytes.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for index in 0..10 {
            let Some(&byte) = self.bytes.get(self.pos + index) else {
                return Err("a varint is cut short");
            };
            // Bits past the 64th are dropped, as every protobuf runtime does.
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.pos += index + 1;
                return Ok(value);
            }
        }
        Err("a varint is longer than ten bytes")
    }

    /// Reads a tag: field number and wire type.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = self.varint()?;
        if tag > u64::from(u32::MAX) {
            return Err("a tag does not fit into 32 bits");
        }
        let number = (tag >> 3) as u32;
        if number == 0 {
            return Err("a field has the number 0");
        }
        Ok((number, (tag & 7) as u8))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let rest = &self.bytes[self.pos..];
        if length > rest.len() as u64 {
            return Err("a field ends past its message");
        }
        self.pos += length as usize;
        Ok(&rest[..length as usize])
    }

    pub fn fixed32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        let low = u64::from(self.fixed32()?);
        Ok(low | u64::from(self.fixed32()?) << 32)
    }

    /// Reads the record at this place, tag and all.
    #[inline]
    pub fn record(&mut self) -> Result<Record<'a>, Malformed> {
        let (number, wire_type) = self.tag()?;
        let mut record = Record { number, wire_type, bits: 0, payload: &[] };
        match wire_type {
            VARINT => record.bits = self.varint()?,
            FIXED64 => record.bits = self.fixed64()?,
            LEN => {
                let length = self.varint()?;
                record.payload = self.take(length)?;
            }
            START_GROUP => record.payload = self.group(number)?,
            END_GROUP => return Err("a group ends that was not begun"),
            FIXED32 => record.bits = u64::from(self.fixed32()?),
            _ => return Err("a wire type is 6 or 7, which mean nothing"),
        }
        Ok(record)
    }

    /// What stands between a group's start tag, just read, and its end tag; without recursion.
    fn group(&mut self, number: u32) -> Result<&'a [u8], Malformed> {
        let start = self.pos;
        let mut open: SmallVec<[u32; 8]> = SmallVec::new();
        open.push(number);
        loop {
            let before = self.pos;
            let (number, wire_type) = self.tag()?;
            match wire_type {
                VARINT => drop(self.varint()?),
                FIXED64 => drop(self.take(8)?),
                LEN => {
                    let length = self.varint()?;
                    self.take(length)?;
                }
                START_GROUP if open.len() == MAX_GROUP_DEPTH => return Err("groups nest more than 100 deep"),
                START_GROUP => open.push(number),
                END_GROUP if open.pop() != Some(number) => {
                    return Err("a group ends under another number than it began");
                }
                END_GROUP if open.is_empty() => return Ok(&self.bytes[start..before]),
                END_GROUP => {}
                FIXED32 => drop(self.take(4)?),
                _ => return Err("a wire type is 6 or 7, which mean nothing"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_and_zigzag_come_back() {
        for value in [0u64, 1, 127, 128, 300, 16383, 16384, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Cursor::new(&out).varint(), Ok(value));
            assert_eq!(zigzag(unzigzag(value)), value);
        }
    }

    #[test]
    fn a_length_is_written_in_front_whatever_its_size() {
        for size in [0, 1, 127, 128, 16383, 16384, 70_000] {
            let mut out = vec![9];
            let start = open(&mut out);
            out.extend((0..size).map(|i| i as u8));
            close(&mut out, start);
            let mut cursor = Cursor { bytes: &out, pos: 1 };
            assert_eq!(cursor.varint(), Ok(size as u64));
            assert!(out[cursor.pos..].iter().copied().eq((0..size).map(|i| i as u8)), "{size}");
        }
    }

    #[test]
    fn broken_records_are_refused() {
        let rows: &[(&[u8], &str)] = &[
            (&[0x80], "cut short"),
            (&[0x08, 0x80], "cut short"),
            (&[0xff; 11], "longer than ten"),
            (&[0x00, 0x01], "number 0"),
            (&[0x0a, 0x02, 0x01], "ends past"),
            (&[0x09, 1, 2, 3], "ends past"),
            (&[0x0e, 0x00], "6 or 7"),
            (&[0x0c], "not begun"),
            (&[0x0b, 0x14], "another number"),
            (&[0x0b], "cut short"),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], "32 bits"),
        ];
        for (bytes, expected) in rows {
            let error = Cursor::new(bytes).record().err().unwrap_or("no error");
            assert!(error.contains(expected), "{bytes:02x?}: {error}");
        }
        let deep = [0x0b; 200];
        assert!(Cursor::new(&deep).record().is_err_and(|error| error.contains("nest")));
    }
}
