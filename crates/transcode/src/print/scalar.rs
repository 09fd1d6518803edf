//! Scalar values as JSON.

use super::{Outcome, Printer, Unprintable};
use crate::json;
use crate::table::Kind;
use crate::text;
use crate::wire::{self, Record};

/// Appends a string in quotes. Only what JSON demands is escaped (RFC 8259 §7).
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    let text = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    loop {
        let end = json::plain_until(text, at);
        out.extend_from_slice(&text[at..end]);
        let Some(&byte) = text.get(end) else { break };
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            _ => 0,
        };
        match short {
            0 => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        at = end + 1;
    }
    out.push(b'"');
}

fn utf8(bytes: &[u8]) -> Result<&str, Unprintable> {
    std::str::from_utf8(bytes).map_err(|_| Unprintable::new("a string is not UTF-8"))
}

impl Printer<'_> {
    /// A value of any kind but message.
    #[inline]
    pub(super) fn scalar(&mut self, kind: Kind, record: &Record<'_>) -> Outcome {
        let bits = record.bits;
        match kind {
            Kind::String => string(utf8(record.payload)?, self.out),
            Kind::Bytes => {
                self.out.push(b'"');
                text::bytes::encode(record.payload, self.out);
                self.out.push(b'"');
            }
            Kind::Bool => self.out.extend_from_slice(if bits != 0 { b"true" } else { b"false" }),
            Kind::Double => text::float::print_double(f64::from_bits(bits), self.out),
            Kind::Float => text::float::print_float(f32::from_bits(bits as u32), self.out),
            Kind::Enum(id) => self.enumerator(id, bits as i32),
            Kind::Int32 | Kind::Sfixed32 => self.integer(bits as i32),
            Kind::Uint32 | Kind::Fixed32 => self.integer(bits as u32),
            Kind::Sint32 => self.integer(wire::unzigzag(u64::from(bits as u32)) as i32),
            Kind::Int64 | Kind::Sfixed64 => self.quoted(bits as i64),
            Kind::Uint64 | Kind::Fixed64 => self.quoted(bits),
            Kind::Sint64 => self.quoted(wire::unzigzag(bits)),
            Kind::Message(_) => return Err(Unprintable::new("a message stands where a scalar is expected")),
        }
        Ok(())
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// 64 bits exceed what JavaScript's numbers hold, so ProtoJSON prints them as strings.
    fn quoted(&mut self, value: impl itoa::Integer) {
        self.out.push(b'"');
        self.integer(value);
        self.out.push(b'"');
    }

    fn enumerator(&mut self, id: u32, number: i32) {
        let table = &self.codec.enums[id as usize];
        if table.null {
            return self.out.extend_from_slice(b"null");
        }
        match table.name_of(number) {
            Some(name) if !self.options.enums_as_numbers => {
                self.out.push(b'"');
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b'"');
            }
            _ => self.integer(number),
        }
    }

    /// A map's key: always a string.
    pub(super) fn map_key(&mut self, kind: Kind, record: &Record<'_>) -> Outcome {
        let quoted = matches!(
            kind,
            Kind::String | Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64
        );
        if quoted {
            return self.scalar(kind, record);
        }
        self.out.push(b'"');
        self.scalar(kind, record)?;
        self.out.push(b'"');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_escape_what_json_demands() {
        let rows = [
            ("", r#""""#),
            ("plain, long enough for a word", r#""plain, long enough for a word""#),
            ("\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\""),
            ("é😀\u{2028}", "\"é😀\u{2028}\""),
        ];
        for (text, expected) in rows {
            let mut out = Vec::new();
            super::string(text, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
