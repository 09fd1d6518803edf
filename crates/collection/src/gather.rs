//! What the keys of a message are made of, out of a message that comes piece by piece and is never whole in memory.

use crate::{AddressError, Schema};

/// Bytes of one field that is part of a key: more would be no key ([`crate::MAX_KEY`]), even with every byte escaped.
const FIELD_MAX: u64 = 64 << 10;
/// Bytes of a varint (protobuf, Encoding: "Base 128 Varints").
const VARINT_MAX: usize = 10;

/// Takes the fields out of pieces; see [`Schema::gather`].
#[derive(Clone, Debug)]
pub struct Gather {
    /// What is taken.
    numbers: Vec<u32>,
    /// What came and is not read yet: at most one field that is taken, or the head of one.
    rest: Vec<u8>,
    /// Bytes of a field that are passed over.
    skip: u64,
    kept: Vec<u8>,
}

/// What stands at the beginning of some bytes.
enum Front {
    /// It has not come whole.
    Part,
    /// A field of this number, so long; what follows of it is to be passed over.
    Field { number: u32, length: usize, skip: u64 },
}

impl Gather {
    pub(crate) fn of(schema: &Schema) -> Gather {
        let numbers = schema.numbers();
        Gather { numbers, rest: Vec::new(), skip: 0, kept: Vec::new() }
    }

    /// The next bytes of the message.
    ///
    /// # Errors
    /// They are none of a message.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), AddressError> {
        self.rest.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let here = self.rest.get(at..).unwrap_or_default();
            if self.skip > 0 {
                let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(here.len());
                self.skip -= passed as u64;
                at += passed;
                if self.skip > 0 {
                    break;
                }
                continue;
            }
            match front(here, &self.numbers)? {
                Front::Part => break,
                Front::Field { number, length, skip } => {
                    if self.numbers.contains(&number) {
                        self.kept.extend_from_slice(here.get(..length).unwrap_or_default());
                    }
                    self.skip = skip;
                    at += length;
                }
            }
        }
        self.rest.drain(..at);
        Ok(())
    }

    /// A message of what was taken: it has the same address, index entries and end as the whole one.
    ///
    /// # Errors
    /// It ended inside of a field.
    pub fn finish(self) -> Result<Vec<u8>, AddressError> {
        if self.rest.is_empty() && self.skip == 0 {
            Ok(self.kept)
        } else {
            Err(AddressError::Pieces("it ends too soon"))
        }
    }
}

/// Reads the head of a field, and all of it where it is taken.
fn front(bytes: &[u8], taken: &[u32]) -> Result<Front, AddressError> {
    let Some((tag, head)) = varint(bytes)? else { return Ok(Front::Part) };
    let number =
        u32::try_from(tag >> 3).map_err(|_| AddressError::Pieces("a field's number is too large"))?;
    if number == 0 {
        return Err(AddressError::Pieces("a field has the number 0"));
    }
    let whole = |length: usize| match bytes.len() < length {
        true => Front::Part,
        false => Front::Field { number, length, skip: 0 },
    };
    let behind = bytes.get(head..).unwrap_or_default();
    match tag & 7 {
        0 => Ok(varint(behind)?.map_or(Front::Part, |(_, length)| whole(head + length))),
        1 => Ok(whole(head + 8)),
        5 => Ok(whole(head + 4)),
        2 => {
            let Some((length, more)) = varint(behind)? else { return Ok(Front::Part) };
            if !taken.contains(&number) {
                return Ok(Front::Field { number, length: head + more, skip: length });
            }
            if length > FIELD_MAX {
                return Err(AddressError::Pieces("a field of a key is too long"));
            }
            Ok(whole(head + more + length as usize))
        }
        3 | 4 => Err(AddressError::Pieces("it has a group, which is not looked into piece by piece")),
        _ => Err(AddressError::Pieces("a field has no wire type")),
    }
}

/// The number that bytes begin with, and its length; `None` where it has not come whole.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, AddressError> {
    let mut number = 0u64;
    for (place, byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        number |= u64::from(byte & 0x7F).checked_shl(7 * place as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(Some((number, place + 1)));
        }
    }
    if bytes.len() < VARINT_MAX { Ok(None) } else { Err(AddressError::Pieces("a varint has no end")) }
}
