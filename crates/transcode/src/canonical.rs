//! Wire → wire: the one form that equal messages share.

use crate::gather::{self, Entries, Entry, MapEntry, Merged, UNKNOWN};
use crate::parse::put_bits;
use crate::table::{Field, Kind, Message, Repeat};
use crate::wire::{self, END_GROUP, LEN, Malformed, Record, START_GROUP, VARINT};
use crate::{Codec, DEFAULT_DEPTH, MessageId, WireError};
use smallvec::SmallVec;

struct Writer<'c> {
    codec: &'c Codec,
    out: &'c mut Vec<u8>,
    entries: Entries,
    /// Records of values that closed enums do not have, taken out of packed lists: written after all fields.
    late: Vec<u8>,
}

impl Codec {
    /// Appends the message re-encoded: fields by number, each singular field once with all its pieces merged, lists
    /// packed as the contract says, defaults without presence left out, one entry a map key, strings checked for
    /// UTF-8, and unknown fields kept, last, as they came. Messages that mean the same become the same bytes, but for
    /// the order of map entries and unknown fields.
    ///
    /// After an error `out` is as long as it was before.
    pub fn canonical(&self, message: MessageId, wire: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        let before = out.len();
        let table = self.table(message.0);
        let mut writer = Writer { codec: self, out, entries: Entries::new(), late: Vec::new() };
        writer.message(table, wire, DEFAULT_DEPTH).map_err(|message| {
            writer.out.truncate(before);
            WireError { message_type: table.full_name.to_string(), message: message.to_owned() }
        })
    }
}

impl Writer<'_> {
    fn message(&mut self, message: &Message, wire: &[u8], depth: u32) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or("messages are nested too deeply")?;
        let (base, late) = (self.entries.len(), self.late.len());
        gather::gather(self.codec, message, wire, true, &mut self.entries)?;
        let end = self.entries.len();
        let mut at = base;
        while at < end {
            let index = self.entries[at].field;
            let runs: SmallVec<[Entry; 2]> =
                self.entries[at..end].iter().take_while(|entry| entry.field == index).copied().collect();
            at += runs.len();
            if index == UNKNOWN {
                for run in &runs {
                    self.out.extend_from_slice(&wire[run.start as usize..run.end as usize]);
                }
                continue;
            }
            self.field(message, &message.fields[index as usize], wire, &runs, depth)?;
        }
        self.entries.truncate(base);
        self.out.extend(self.late.drain(late..));
        Ok(())
    }

    fn field(
        &mut self,
        message: &Message,
        field: &Field,
        wire: &[u8],
        runs: &[Entry],
        depth: u32,
    ) -> Result<(), Malformed> {
        match (field.repeat, field.kind) {
            (Repeat::Single, Kind::Message(id)) if message.message_set => {
                let merged = Merged::of(message, wire, runs)?;
                wire::put_tag(self.out, 1, START_GROUP);
                wire::put_tag(self.out, 2, VARINT);
                wire::put_varint(self.out, field.number.into());
                self.nested(3, false, self.codec.table(id), merged.bytes(), depth)?;
                wire::put_tag(self.out, 1, END_GROUP);
            }
            (Repeat::Single, Kind::Message(id)) => {
                let merged = Merged::of(message, wire, runs)?;
                self.nested(field.number, field.delimited, self.codec.table(id), merged.bytes(), depth)?;
            }
            (Repeat::Single, _) => {
                let Some(record) = gather::last(message, wire, runs)? else { return Ok(()) };
                if field.presence || field.kind.narrowed(record.bits) != 0 || !record.payload.is_empty() {
                    self.scalar(field, &record)?;
                }
            }
            (Repeat::Map, Kind::Message(id)) => {
                let entry = self.codec.table(id);
                for (item, known) in gather::map_entries(self.codec, message, entry, wire, runs)? {
                    self.entry(field, entry, &item, known, depth)?;
                }
            }
            (Repeat::Map, _) => {}
            (Repeat::List, Kind::Message(id)) => {
                gather::records::<Malformed>(message, wire, runs, |record| {
                    self.nested(field.number, field.delimited, self.codec.table(id), record.payload, depth)
                })?;
            }
            (Repeat::List, _) => self.list(message, field, wire, runs)?,
        }
        Ok(())
    }

    fn nested(
        &mut self,
        number: u32,
        delimited: bool,
        message: &Message,
        payload: &[u8],
        depth: u32,
    ) -> Result<(), Malformed> {
        if delimited {
            wire::put_tag(self.out, number, START_GROUP);
            self.message(message, payload, depth)?;
            wire::put_tag(self.out, number, END_GROUP);
            return Ok(());
        }
        wire::put_tag(self.out, number, LEN);
        let start = wire::open(self.out);
        self.message(message, payload, depth)?;
        wire::close(self.out, start);
        Ok(())
    }

    /// One record of a string, bytes or numeric field.
    fn scalar(&mut self, field: &Field, record: &Record<'_>) -> Result<(), Malformed> {
        if field.kind.wire_type() == LEN {
            let strict = field.kind == Kind::String && field.utf8;
            if strict && std::str::from_utf8(record.payload).is_err() {
                return Err("a string is not UTF-8");
            }
            wire::put_bytes(self.out, field.number, record.payload);
            return Ok(());
        }
        wire::put_tag(self.out, field.number, field.kind.wire_type());
        put_bits(field.kind, field.kind.narrowed(record.bits), self.out);
        Ok(())
    }

    fn list(
        &mut self,
        message: &Message,
        field: &Field,
        wire: &[u8],
        runs: &[Entry],
    ) -> Result<(), Malformed> {
        let packed = field.packed.then(|| {
            wire::put_tag(self.out, field.number, LEN);
            wire::open(self.out)
        });
        gather::elements::<Malformed>(message, field.kind, wire, runs, |record| {
            let codec = self.codec;
            match field.kind {
                Kind::Enum(id) if !codec.enums[id as usize].holds(record.bits as i32) => {
                    wire::put_tag(&mut self.late, field.number, VARINT);
                    wire::put_varint(&mut self.late, record.bits);
                }
                kind if packed.is_some() => put_bits(kind, kind.narrowed(record.bits), self.out),
                _ => self.scalar(field, &record)?,
            }
            Ok(())
        })?;
        match packed {
            // A packed record of nothing is no record.
            Some(start) if start == self.out.len() => {
                self.out.pop();
                let tag = tag_length(field.number);
                self.out.truncate(self.out.len() - tag);
            }
            Some(start) => wire::close(self.out, start),
            None => {}
        }
        Ok(())
    }

    fn entry(
        &mut self,
        field: &Field,
        entry: &Message,
        item: &MapEntry<'_>,
        known: bool,
        depth: u32,
    ) -> Result<(), Malformed> {
        if !known {
            wire::put_bytes(self.out, field.number, item.raw);
            return Ok(());
        }
        wire::put_tag(self.out, field.number, LEN);
        let start = wire::open(self.out);
        self.scalar(&entry.fields[0], &item.key)?;
        match entry.fields[1].kind {
            Kind::Message(id) => {
                let payload = item.joined.as_deref().unwrap_or(item.value.payload);
                self.nested(2, false, self.codec.table(id), payload, depth)?;
            }
            _ => self.scalar(&entry.fields[1], &item.value)?,
        }
        wire::close(self.out, start);
        Ok(())
    }
}

fn tag_length(number: u32) -> usize {
    let mut tag = Vec::with_capacity(5);
    wire::put_tag(&mut tag, number, LEN);
    tag.len()
}
