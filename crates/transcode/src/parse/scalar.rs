//! Scalar values: JSON token → the bits that go on the wire.

use super::{Outcome, Parser, Place};
use crate::json::Fault;
use crate::json::number::{self, Integer, NotInteger};
use crate::table::{Enum, Kind};
use crate::text;
use crate::wire::{self, FIXED32, FIXED64};

/// Appends the bits of a numeric kind, without a tag.
#[inline]
pub(crate) fn put(kind: Kind, bits: u64, out: &mut Vec<u8>) {
    match kind.wire_type() {
        FIXED64 => out.extend_from_slice(&bits.to_le_bytes()),
        FIXED32 => out.extend_from_slice(&(bits as u32).to_le_bytes()),
        _ => wire::put_varint(out, bits),
    }
}

/// The bits of an integer of this kind as they go on the wire.
pub(crate) fn integer_bits(kind: Kind, integer: Integer) -> Result<u64, NotInteger> {
    let int32 = || integer.signed(i32::MIN.into(), i32::MAX.into());
    let int64 = || integer.signed(i64::MIN, i64::MAX);
    Ok(match kind {
        Kind::Int32 | Kind::Sfixed32 | Kind::Enum(_) => int32()? as u64,
        Kind::Int64 | Kind::Sfixed64 => int64()? as u64,
        Kind::Sint32 => wire::zigzag(int32()?),
        Kind::Sint64 => wire::zigzag(int64()?),
        Kind::Uint32 | Kind::Fixed32 => integer.unsigned(u32::MAX.into())?,
        _ => integer.unsigned(u64::MAX)?,
    })
}

/// Why a text is not of a numeric kind.
pub(crate) fn refusal(kind: Kind, reason: NotInteger) -> String {
    match reason {
        NotInteger::Malformed => format!("expected {}, found something that is no number", kind.word()),
        NotInteger::Fraction => format!("expected {}, found a number with a fraction", kind.word()),
        NotInteger::Range => format!("the number is out of the range of {}", kind.word()),
    }
}

impl Parser<'_, '_> {
    /// A value of any kind but string, bytes and message. None for an enum value that is unknown and ignored.
    #[inline]
    pub(super) fn bits(&mut self, kind: Kind, place: &Place<'_>) -> Result<Option<u64>, Fault> {
        match kind {
            Kind::Bool => self.reader.boolean().map(|value| Some(value.into())),
            Kind::Double => self.double().map(|value| Some(value.to_bits())),
            Kind::Float => self.float().map(|value| Some(value.to_bits().into())),
            Kind::Enum(id) => self.enumerator(&self.codec.enums[id as usize], place),
            _ => self.integer(kind).map(Some),
        }
    }

    fn integer(&mut self, kind: Kind) -> Result<u64, Fault> {
        let quoted = self.reader.peek() == b'"';
        let at = self.reader.pos;
        let integer = if quoted {
            let text = self.reader.string()?;
            number::integer(self.reader.content(text))
        } else {
            number::integer(self.reader.number()?)
        };
        integer
            .and_then(|integer| integer_bits(kind, integer))
            .map_err(|reason| Fault::new(at, refusal(kind, reason)))
    }

    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        let (at, value) = self.real(text::float::parse_double)?;
        value.ok_or_else(|| Fault::new(at, "expected double, found something else or a number out of range"))
    }

    fn float(&mut self) -> Result<f32, Fault> {
        let (at, value) = self.real(text::float::parse_float)?;
        value.ok_or_else(|| Fault::new(at, "expected float, found something else or a number out of range"))
    }

    fn real<T>(&mut self, parse: impl Fn(&[u8]) -> Option<T>) -> Result<(usize, Option<T>), Fault> {
        let quoted = self.reader.peek() == b'"';
        let at = self.reader.pos;
        let value = if quoted {
            let text = self.reader.string()?;
            parse(self.reader.content(text))
        } else {
            parse(self.reader.number()?)
        };
        Ok((at, value))
    }

    fn enumerator(&mut self, table: &Enum, place: &Place<'_>) -> Result<Option<u64>, Fault> {
        let first = self.reader.peek();
        let at = self.reader.pos;
        if first == b'n' && table.null {
            self.reader.literal("null")?;
            return Ok(Some(0));
        }
        if first == b'"' {
            let text = self.reader.string()?;
            if let Some(number) = table.number_of(self.reader.content(text)) {
                return Ok(Some(i64::from(number) as u64));
            }
        } else {
            let kind = Kind::Enum(0);
            let bits = number::integer(self.reader.number()?)
                .and_then(|integer| integer_bits(kind, integer))
                .map_err(|reason| Fault::new(at, refusal(kind, reason)))?;
            if table.holds(bits as i32) {
                return Ok(Some(bits));
            }
        }
        if self.strict {
            return Err(Fault::new(at, format!("this is not a value of the enum {}", table.full_name)));
        }
        self.unknown.add(|| place.path());
        Ok(None)
    }

    /// Bytes in base64, appended without tag or length.
    pub(super) fn bytes(&mut self) -> Outcome {
        self.reader.peek();
        let at = self.reader.pos;
        let text = self.reader.string()?;
        if text::bytes::decode(self.reader.content(text), self.out) {
            return Ok(());
        }
        Err(Fault::new(at, "expected bytes in base64, found a string that is not"))
    }
}
