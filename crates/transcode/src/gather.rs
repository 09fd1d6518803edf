//! The index of one message's wire bytes: which field lies where, in the order of field numbers.
//!
//! The wire format lets fields come in any order, more than once, and in pieces. A first look at one level notes the runs of
//! each field; payloads are not looked into, so the look costs a few nanoseconds a field and never more than once a level.

use crate::Codec;
use crate::table::{Kind, Message};
use crate::wire::{Cursor, LEN, Malformed, Record, START_GROUP, VARINT};
use smallvec::SmallVec;

/// A run of consecutive records of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The field's index, or [`UNKNOWN`].
    pub field: u32,
    pub start: u32,
    pub end: u32,
}

/// What the message has no field for; sorts after all fields.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// Runs of all levels being printed, innermost last. Most messages need no allocation.
pub(crate) type Entries = SmallVec<[Entry; 32]>;

/// Appends the runs of `wire` in the order of fields; of each oneof, only what its last member leaves set.
pub(crate) fn gather(
    codec: &Codec,
    message: &Message,
    wire: &[u8],
    keep_unknown: bool,
    entries: &mut Entries,
) -> Result<(), Malformed> {
    if u32::try_from(wire.len()).is_err() {
        return Err("a message is larger than 4 GiB");
    }
    let base = entries.len();
    let mut cursor = Cursor::new(wire);
    let mut sorted = true;
    let mut conflict = false;
    let mut oneofs: SmallVec<[u32; 8]> = SmallVec::from_elem(UNKNOWN, message.oneofs);
    let mut last = 0;
    while !cursor.at_end() {
        let start = cursor.pos as u32;
        let record = cursor.record()?;
        let field = classify(codec, message, &record)?;
        if field == UNKNOWN && !keep_unknown {
            continue;
        }
        if field != UNKNOWN
            && let Some(oneof) = message.fields[field as usize].oneof
        {
            let member = &mut oneofs[oneof as usize];
            conflict |= *member != UNKNOWN && *member != field;
            *member = field;
        }
        match entries[base..].last_mut() {
            Some(run) if run.field == field && run.end == start => run.end = cursor.pos as u32,
            _ => {
                sorted &= field >= last;
                last = field;
                entries.push(Entry { field, start, end: cursor.pos as u32 });
            }
        }
    }
    if conflict {
        settle_oneofs(message, base, entries);
    }
    if !sorted {
        entries[base..].sort_by_key(|entry| entry.field);
    }
    Ok(())
}

/// The index of the field a record is of.
#[inline]
fn classify(codec: &Codec, message: &Message, record: &Record<'_>) -> Result<u32, Malformed> {
    if message.message_set && record.number == 1 && record.wire_type == START_GROUP {
        let (type_id, _) = set_item(record.payload)?;
        return Ok(type_id
            .and_then(|number| message.by_number(number))
            .map_or(UNKNOWN, |index| index as u32));
    }
    let Some(index) = message.by_number(record.number) else { return Ok(UNKNOWN) };
    let field = &message.fields[index];
    if !field.reads(record.wire_type) {
        return Ok(UNKNOWN);
    }
    match field.kind {
        // A value a closed enum does not have counts as an unknown field, also where it would set a oneof.
        Kind::Enum(id)
            if record.wire_type == VARINT && !codec.enums[id as usize].holds(record.bits as i32) =>
        {
            Ok(UNKNOWN)
        }
        _ => Ok(index as u32),
    }
}

/// Drops members of a oneof that a later, other member has cleared.
fn settle_oneofs(message: &Message, base: usize, entries: &mut Entries) {
    let mut winners: SmallVec<[(u32, bool); 8]> = SmallVec::from_elem((UNKNOWN, false), message.oneofs);
    for at in (base..entries.len()).rev() {
        let field = entries[at].field;
        let Some(oneof) = message.fields.get(field as usize).and_then(|field| field.oneof) else { continue };
        let (winner, closed) = &mut winners[oneof as usize];
        if *winner == UNKNOWN {
            *winner = field;
        }
        *closed |= *winner != field;
        if *closed {
            // An empty run: removed below.
            entries[at].end = entries[at].start;
        }
    }
    let mut kept = base;
    for at in base..entries.len() {
        if entries[at].end > entries[at].start {
            entries[kept] = entries[at];
            kept += 1;
        }
    }
    entries.truncate(kept);
}

/// The type id and the message of a MessageSet's item, in either order.
pub(crate) fn set_item(item: &[u8]) -> Result<(Option<u32>, &[u8]), Malformed> {
    let mut cursor = Cursor::new(item);
    let (mut type_id, mut payload) = (None, &[][..]);
    while !cursor.at_end() {
        let record = cursor.record()?;
        match (record.number, record.wire_type) {
            (2, VARINT) if type_id.is_none() => type_id = u32::try_from(record.bits).ok(),
            (3, LEN) => payload = record.payload,
            _ => {}
        }
    }
    Ok((type_id, payload))
}

/// Visits the records of a field's runs, in the order of the wire. Items of a MessageSet come as plain message records.
pub(crate) fn records<'a, E: From<Malformed>>(
    message: &Message,
    wire: &'a [u8],
    runs: &[Entry],
    mut visit: impl FnMut(Record<'a>) -> Result<(), E>,
) -> Result<(), E> {
    for run in runs {
        let mut cursor = Cursor { bytes: &wire[..run.end as usize], pos: run.start as usize };
        while !cursor.at_end() {
            let mut record = cursor.record()?;
            if message.message_set && record.number == 1 && record.wire_type == START_GROUP {
                record.payload = set_item(record.payload)?.1;
            }
            visit(record)?;
        }
    }
    Ok(())
}

/// The last record of a field's runs: the one that counts where there is only one value.
pub(crate) fn last<'a>(
    message: &Message,
    wire: &'a [u8],
    runs: &[Entry],
) -> Result<Option<Record<'a>>, Malformed> {
    let Some(run) = runs.last() else { return Ok(None) };
    // Nearly always the run is one record.
    let mut cursor = Cursor { bytes: &wire[..run.end as usize], pos: run.start as usize };
    let first = cursor.record()?;
    if cursor.at_end() && !message.message_set {
        return Ok(Some(first));
    }
    let mut found = None;
    records::<Malformed>(message, wire, std::slice::from_ref(run), |record| {
        found = Some(record);
        Ok(())
    })?;
    Ok(found)
}

/// The pieces of a singular message, joined: concatenation is how the wire format merges.
pub(crate) enum Merged<'a> {
    One(&'a [u8]),
    Joined(Vec<u8>),
}

impl<'a> Merged<'a> {
    pub fn of(message: &Message, wire: &'a [u8], runs: &[Entry]) -> Result<Merged<'a>, Malformed> {
        let mut merged = Merged::One(&[]);
        let mut count = 0;
        records::<Malformed>(message, wire, runs, |record| {
            count += 1;
            merged.join(record.payload, count);
            Ok(())
        })?;
        Ok(merged)
    }

    /// Adds the `count`th piece.
    pub fn join(&mut self, piece: &'a [u8], count: usize) {
        match self {
            Merged::One(one) if count == 1 => *one = piece,
            Merged::One(one) => *self = Merged::Joined([one, piece].concat()),
            Merged::Joined(joined) => joined.extend_from_slice(piece),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Merged::One(one) => one,
            Merged::Joined(joined) => joined,
        }
    }
}

/// Visits each value of a list, from packed and single records alike.
pub(crate) fn elements<'a, E: From<Malformed>>(
    message: &Message,
    kind: Kind,
    wire: &'a [u8],
    runs: &[Entry],
    mut visit: impl FnMut(Record<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let wire_type = kind.wire_type();
    records::<E>(message, wire, runs, |record| {
        if record.wire_type != LEN || !kind.packable() {
            return visit(record);
        }
        let mut cursor = Cursor::new(record.payload);
        while !cursor.at_end() {
            let bits = match wire_type {
                VARINT => cursor.varint()?,
                crate::wire::FIXED64 => cursor.fixed64()?,
                _ => cursor.fixed32()?.into(),
            };
            visit(Record { wire_type, bits, payload: &[], ..record })?;
        }
        Ok(())
    })
}

/// One entry of a map: key and value as records, absent ones as the zero their kind has.
pub(crate) struct MapEntry<'a> {
    pub key: Record<'a>,
    pub value: Record<'a>,
    /// The value, when it is a message that came in pieces.
    pub joined: Option<Vec<u8>>,
    /// Where the entry's payload lies, for who keeps it as it is.
    pub raw: &'a [u8],
}

/// The entries of a map, each key once: the last on the wire counts. False in place of an entry whose value a closed
/// enum does not have: such an entry is an unknown field.
pub(crate) fn map_entries<'a>(
    codec: &Codec,
    owner: &Message,
    entry: &Message,
    wire: &'a [u8],
    runs: &[Entry],
) -> Result<SmallVec<[(MapEntry<'a>, bool); 4]>, Malformed> {
    let mut found: SmallVec<[(MapEntry<'a>, bool); 4]> = SmallVec::new();
    records::<Malformed>(owner, wire, runs, |record| {
        found.push(map_entry(codec, entry, record.payload)?);
        Ok(())
    })?;
    if found.len() > 1 {
        keep_last_of_each_key(&mut found);
    }
    Ok(found)
}

fn map_entry<'a>(codec: &Codec, entry: &Message, raw: &'a [u8]) -> Result<(MapEntry<'a>, bool), Malformed> {
    let [key_field, value_field] = &*entry.fields else {
        return Err("a map entry type without key and value");
    };
    let zero = |number, wire_type| Record { number, wire_type, bits: 0, payload: &[] };
    let mut key = zero(1, key_field.wire_type());
    let mut value = zero(2, value_field.wire_type());
    let mut pieces = Merged::One(&[]);
    let mut count = 0;
    let mut known = true;
    let mut cursor = Cursor::new(raw);
    while !cursor.at_end() {
        let record = cursor.record()?;
        if record.number == 1 && record.wire_type == key.wire_type {
            key = record;
        } else if record.number == 2 && record.wire_type == value.wire_type {
            if let Kind::Enum(id) = value_field.kind {
                known = codec.enums[id as usize].holds(record.bits as i32);
            }
            value = record;
            count += 1;
            if matches!(value_field.kind, Kind::Message(_)) {
                pieces.join(record.payload, count);
            }
        }
    }
    let joined = match pieces {
        Merged::Joined(bytes) => Some(bytes),
        Merged::One(_) => None,
    };
    Ok((MapEntry { key, value, joined, raw }, known))
}

fn keep_last_of_each_key(found: &mut SmallVec<[(MapEntry<'_>, bool); 4]>) {
    let mut order: SmallVec<[u32; 16]> = (0..found.len() as u32).collect();
    let key = |at: u32| {
        let record = &found[at as usize].0.key;
        (record.bits, record.payload)
    };
    order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
    let mut replaced: Vec<u32> =
        order.windows(2).filter(|pair| key(pair[0]) == key(pair[1])).map(|pair| pair[0]).collect();
    if replaced.is_empty() {
        return;
    }
    replaced.sort_unstable();
    let mut at = 0;
    found.retain(|_| {
        at += 1;
        replaced.binary_search(&(at - 1)).is_err()
    });
}
