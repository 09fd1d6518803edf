//! A message as a JSON object, field by field.

use super::{Outcome, Printer, Unprintable};
use crate::gather::{self, Entry, Merged};
use crate::table::{Field, Kind, Message, Repeat};
use crate::wire::Record;
use smallvec::SmallVec;

/// A field's runs, copied off the stack of runs while its values push their own.
type Runs = SmallVec<[Entry; 2]>;

impl<'c> Printer<'c> {
    pub(super) fn object(&mut self, message: &'c Message, wire: &[u8], depth: u32) -> Outcome {
        self.out.push(b'{');
        self.members(message, wire, depth, true)?;
        self.out.push(b'}');
        Ok(())
    }

    /// The fields of a message, without braces. `first` is false when members stand before them.
    pub(super) fn members(
        &mut self,
        message: &'c Message,
        wire: &[u8],
        depth: u32,
        mut first: bool,
    ) -> Outcome {
        let base = self.entries.len();
        gather::gather(self.codec, message, wire, false, &mut self.entries)?;
        let end = self.entries.len();
        let mut at = base;
        let mut next = 0;
        while at < end {
            let index = self.entries[at].field;
            let runs = self.entries[at..end].iter().take_while(|entry| entry.field == index).count();
            if self.options.print_defaults {
                self.defaults(&message.fields[next..index as usize], &mut first)?;
                next = index as usize + 1;
            }
            let runs = Runs::from_slice(&self.entries[at..at + runs]);
            at += runs.len();
            let field = &message.fields[index as usize];
            let before = self.out.len();
            self.key(field, first);
            if self.field(message, field, wire, &runs, depth)? {
                first = false;
            } else {
                self.out.truncate(before);
                if self.options.print_defaults {
                    self.defaults(std::slice::from_ref(field), &mut first)?;
                }
            }
            self.bounded()?;
        }
        if self.options.print_defaults {
            self.defaults(&message.fields[next..], &mut first)?;
        }
        self.entries.truncate(base);
        Ok(())
    }

    fn key(&mut self, field: &Field, first: bool) {
        if !first {
            self.out.push(b',');
        }
        let key = if self.options.preserve_names { &field.name_key } else { &field.json_key };
        self.out.extend_from_slice(key);
    }

    /// Absent fields that have no presence, as their defaults.
    fn defaults(&mut self, fields: &[Field], first: &mut bool) -> Outcome {
        for field in fields.iter().filter(|field| !field.presence && !field.extension) {
            self.key(field, *first);
            *first = false;
            self.default(field)?;
            self.bounded()?;
        }
        Ok(())
    }

    fn default(&mut self, field: &Field) -> Outcome {
        match field.repeat {
            Repeat::List => self.out.extend_from_slice(b"[]"),
            Repeat::Map => self.out.extend_from_slice(b"{}"),
            Repeat::Single => self.scalar(field.kind, &zero(field))?,
        }
        Ok(())
    }

    /// A field that stands for its whole message, or alone in a body: its value, or its default.
    pub(super) fn lone_field(
        &mut self,
        message: &'c Message,
        field: &Field,
        wire: &[u8],
        depth: u32,
    ) -> Outcome {
        let base = self.entries.len();
        gather::gather(self.codec, message, wire, false, &mut self.entries)?;
        let is_it = |entry: &&Entry| message.fields[entry.field as usize].number == field.number;
        let runs: Runs = self.entries[base..].iter().filter(is_it).copied().collect();
        self.entries.truncate(base);
        let before = self.out.len();
        if !runs.is_empty() && self.field(message, field, wire, &runs, depth)? {
            return Ok(());
        }
        self.out.truncate(before);
        match field.kind {
            Kind::Message(id) if field.repeat == Repeat::Single => {
                self.message(self.codec.table(id), &[], depth)
            }
            _ => self.default(field),
        }
    }

    /// The value of a field. False when there is nothing to print after all.
    pub(super) fn field(
        &mut self,
        message: &'c Message,
        field: &Field,
        wire: &[u8],
        runs: &[Entry],
        depth: u32,
    ) -> Result<bool, Unprintable> {
        match (field.repeat, field.kind) {
            (Repeat::Single, Kind::Message(id)) => {
                let merged = Merged::of(message, wire, runs)?;
                self.message(self.codec.table(id), merged.bytes(), depth)?;
                Ok(true)
            }
            (Repeat::Single, kind) => {
                let Some(record) = gather::last(message, wire, runs)? else { return Ok(false) };
                if !field.presence && kind.narrowed(record.bits) == 0 && record.payload.is_empty() {
                    return Ok(false);
                }
                self.scalar(kind, &record)?;
                Ok(true)
            }
            (Repeat::List, kind) => self.list(message, kind, wire, runs, depth),
            (Repeat::Map, Kind::Message(entry)) => {
                self.map(message, self.codec.table(entry), wire, runs, depth)
            }
            (Repeat::Map, _) => Ok(false),
        }
    }

    fn list(
        &mut self,
        message: &'c Message,
        kind: Kind,
        wire: &[u8],
        runs: &[Entry],
        depth: u32,
    ) -> Result<bool, Unprintable> {
        self.out.push(b'[');
        let start = self.out.len();
        let codec = self.codec;
        gather::elements::<Unprintable>(message, kind, wire, runs, |record| {
            if matches!(kind, Kind::Enum(id) if !codec.enums[id as usize].holds(record.bits as i32)) {
                return Ok(());
            }
            self.one(kind, &record, None, depth)?;
            self.out.push(b',');
            self.bounded()
        })?;
        if self.out.len() == start {
            return Ok(false);
        }
        self.out.pop();
        self.out.push(b']');
        Ok(true)
    }

    fn map(
        &mut self,
        message: &'c Message,
        entry: &'c Message,
        wire: &[u8],
        runs: &[Entry],
        depth: u32,
    ) -> Result<bool, Unprintable> {
        let found = gather::map_entries(self.codec, message, entry, wire, runs)?;
        self.out.push(b'{');
        let start = self.out.len();
        for (item, _) in found.iter().filter(|(_, known)| *known) {
            self.map_key(entry.fields[0].kind, &item.key)?;
            self.out.push(b':');
            self.one(entry.fields[1].kind, &item.value, item.joined.as_deref(), depth)?;
            self.out.push(b',');
            self.bounded()?;
        }
        if self.out.len() == start {
            return Ok(false);
        }
        self.out.pop();
        self.out.push(b'}');
        Ok(true)
    }

    /// One value of a list or map.
    fn one(&mut self, kind: Kind, record: &Record<'_>, joined: Option<&[u8]>, depth: u32) -> Outcome {
        match kind {
            Kind::Message(id) => self.message(self.codec.table(id), joined.unwrap_or(record.payload), depth),
            kind => self.scalar(kind, record),
        }
    }
}

fn zero(field: &Field) -> Record<'static> {
    Record { number: field.number, wire_type: field.wire_type(), bits: 0, payload: &[] }
}
