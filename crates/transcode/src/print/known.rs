//! The well-known types that JSON writes in a form of their own.

use super::{Outcome, Printer, Unprintable, string};
use crate::gather;
use crate::table::Message;
use crate::text;
use crate::wire::{Cursor, LEN, VARINT};

impl<'c> Printer<'c> {
    pub(super) fn timestamp(&mut self, wire: &[u8]) -> Outcome {
        let (seconds, nanos) = instant(wire)?;
        self.out.push(b'"');
        if !text::timestamp::print(seconds, nanos, self.out) {
            let found = format!("{seconds} seconds and {nanos} nanoseconds are outside the years 1 to 9999");
            return Err(Unprintable::new(found));
        }
        self.out.push(b'"');
        Ok(())
    }

    pub(super) fn duration(&mut self, wire: &[u8]) -> Outcome {
        let (seconds, nanos) = instant(wire)?;
        self.out.push(b'"');
        if !text::duration::print(seconds, nanos, self.out) {
            let found =
                format!("{seconds} seconds and {nanos} nanoseconds are no duration within 10,000 years");
            return Err(Unprintable::new(found));
        }
        self.out.push(b'"');
        Ok(())
    }

    pub(super) fn field_mask(&mut self, wire: &[u8]) -> Outcome {
        self.out.push(b'"');
        let mut first = true;
        let mut cursor = Cursor::new(wire);
        while !cursor.at_end() {
            let record = cursor.record()?;
            if (record.number, record.wire_type) != (1, LEN) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            let safe = record
                .payload
                .iter()
                .all(|&byte| byte > 0x1f && byte.is_ascii() && !b"\"\\,".contains(&byte));
            if !safe || !text::mask::to_json(record.payload, self.out) {
                let path = crate::error::excerpt(record.payload);
                return Err(Unprintable::new(format!("the path \"{path}\" has no lowerCamelCase form")));
            }
            self.bounded()?;
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Whatever kind is set; null when none is, as in a list every place must be filled.
    pub(super) fn value(&mut self, message: &'c Message, wire: &[u8], depth: u32) -> Outcome {
        let base = self.entries.len();
        gather::gather(self.codec, message, wire, false, &mut self.entries)?;
        let runs: gather::Entries = self.entries[base..].into();
        self.entries.truncate(base);
        let Some(run) = runs.last() else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        let field = &message.fields[run.field as usize];
        if field.number == 2
            && let Some(record) = gather::last(message, wire, &runs)?
            && !f64::from_bits(record.bits).is_finite()
        {
            return Err(Unprintable::new("NaN and infinities have no form as a Value"));
        }
        self.field(message, field, wire, &runs, depth).map(drop)
    }
}

/// Fields 1 and 2 of a Timestamp or Duration.
fn instant(wire: &[u8]) -> Result<(i64, i32), Unprintable> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut cursor = Cursor::new(wire);
    while !cursor.at_end() {
        let record = cursor.record()?;
        match (record.number, record.wire_type) {
            (1, VARINT) => seconds = record.bits as i64,
            (2, VARINT) => nanos = record.bits as i32,
            _ => {}
        }
    }
    Ok((seconds, nanos))
}

/// Type URL and value of an Any.
pub(super) fn any_parts(wire: &[u8]) -> Result<(&str, &[u8]), Unprintable> {
    let (mut url, mut value) = (&[][..], &[][..]);
    let mut cursor = Cursor::new(wire);
    while !cursor.at_end() {
        let record = cursor.record()?;
        match (record.number, record.wire_type) {
            (1, LEN) => url = record.payload,
            (2, LEN) => value = record.payload,
            _ => {}
        }
    }
    let url = std::str::from_utf8(url).map_err(|_| Unprintable::new("a type URL is not UTF-8"))?;
    Ok((url, value))
}

impl Printer<'_> {
    /// `{"@type":URL` without the closing brace.
    pub(super) fn type_member(&mut self, url: &str) {
        self.out.extend_from_slice(b"{\"@type\":");
        string(url, self.out);
    }
}
