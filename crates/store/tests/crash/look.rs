//! Looking at everything that is there, while nobody writes: all items, each value proved, and the log of changes.

use super::operation::{Answer, COUNTERS, Operation, RECORDS, What, unplace};
use super::value;
use super::wire::{Log, Message, Told, now_ns};
use bytes::Bytes;
use std::collections::BTreeMap;
use tenet_history::{Key, RecordAnswer, RecordOperation, Seen};
use tenet_store::engine::{Bound, Cursor, Engine, EngineError, Scan, ScanOf};
use tenet_store::item::{Item, Value};
use tenet_store::name::{CollectionId, ItemKey};

/// Changes read at a time.
const PAGE: usize = 500;

/// Items as they are, by record and item of the histories.
pub type Items = BTreeMap<String, BTreeMap<String, (u64, u64)>>;

/// Reads all items of the collection, in order.
pub async fn scan(
    engine: &dyn Engine,
    of: ScanOf,
    record: Option<Bytes>,
) -> Result<Vec<(ItemKey, Item)>, EngineError> {
    let first = record.map(|record| Bound { record, key: Bytes::new() });
    let mut all: Vec<(ItemKey, Item)> = Vec::new();
    loop {
        let from = match all.last() {
            // The first key behind the last one there was.
            Some((key, _)) => {
                let behind = [&key.key[..], &[0]].concat();
                Some(Bound { record: key.record.id.clone(), key: behind.into() })
            }
            None => first.clone(),
        };
        let asked = Scan { of: of.clone(), from, to: None, reverse: false, items: 10_000, bytes: usize::MAX };
        let page = engine.scan(asked).await?;
        all.extend(page.items);
        if !page.more {
            return Ok(all);
        }
    }
}

/// The number of an item's value, without a look at chunks; the number it holds where it is a counter.
pub fn shown(item: &Item) -> Result<u64, String> {
    match &item.value {
        Value::Inline(bytes) => value::read(bytes)
            .filter(|number| !value::is_long(*number))
            .ok_or_else(|| format!("{} bytes that nobody wrote", bytes.len())),
        Value::Chunked { blob, .. } => Ok(value::of_blob(*blob)),
    }
}

/// What a counter holds.
pub fn counted(item: &Item) -> Result<i64, String> {
    match &item.value {
        Value::Inline(bytes) => <[u8; 8]>::try_from(&bytes[..])
            .map(i64::from_be_bytes)
            .map_err(|_| format!("{} bytes that are no number", bytes.len())),
        Value::Chunked { .. } => Err("chunks that are no number".to_owned()),
    }
}

/// Reads everything and says it: as scans of each record, and as a whole.
pub async fn everything(engine: &dyn Engine, of: CollectionId, log: &Log, client: u32) -> Result<(), String> {
    let scans: Vec<(RecordOperation, u64)> = RECORDS
        .iter()
        .flat_map(|record| match *record {
            // Two records of the store, and nothing says that they are read at one moment.
            "pair" => vec![
                RecordOperation::scan_range("pair", Some("0"), Some("1")),
                RecordOperation::scan_range("pair", Some("1"), Some("2")),
            ],
            record => vec![RecordOperation::scan(record)],
        })
        .map(|operation| {
            let asked = Operation { id: 0, fence: None, what: What::Record(operation.clone()) };
            (operation, log.call(client, &asked))
        })
        .collect();
    let found = scan(engine, ScanOf::Collection(of), None).await.map_err(|error| error.to_string())?;
    let mut items = Items::new();
    let mut counters = BTreeMap::new();
    for (key, item) in &found {
        let (record, name) = (text(&key.record.id), text(&key.key));
        let at = |what: String| format!("{record}/{name} holds {what}");
        if COUNTERS.contains(&&record[..]) {
            counters.insert(record.clone(), counted(item).map_err(at)?);
            continue;
        }
        let (of, name_there) = unplace(&record, &name);
        if !RECORDS.contains(&&of[..]) {
            continue;
        }
        let number = shown(item).map_err(at)?;
        if let Value::Chunked { blob, size } = item.value {
            whole(engine, blob, size, number).await.map_err(at)?;
        }
        items.entry(of).or_default().insert(name_there, (number, item.version.0));
    }
    for (operation, call) in scans {
        let shown: Vec<(Key, Seen)> = items
            .get(&operation.record[..])
            .into_iter()
            .flatten()
            .map(|(key, (value, version))| (Key::from(&key[..]), Seen { value: *value, version: *version }))
            .filter(|(key, _)| in_range(&operation, key))
            .collect();
        log.answer(call, &Answer::Record(RecordAnswer::Items(shown)));
    }
    log.say(&Message::Seen { items, counters });
    Ok(())
}

fn in_range(operation: &RecordOperation, key: &str) -> bool {
    match &operation.action {
        tenet_history::Action::Scan { from, to, .. } => {
            from.as_ref().is_none_or(|from| **from <= *key) && to.as_ref().is_none_or(|to| *key < **to)
        }
        _ => false,
    }
}

/// Whether a value in chunks is whole.
async fn whole(engine: &dyn Engine, blob: u64, size: u64, number: u64) -> Result<(), String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while (bytes.len() as u64) < size {
        let chunk = engine.chunk(blob, at).await.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(&chunk.ok_or_else(|| format!("a value whose chunk {at} is not there"))?);
        at += 1;
    }
    match value::read(&bytes) {
        Some(found) if found == number && bytes.len() as u64 == size => Ok(()),
        _ => Err(format!("chunks of {} bytes that are not value {number}", bytes.len())),
    }
}

/// Reads the log from a point to its end and says it; where it ended.
pub async fn feed(engine: &dyn Engine, of: CollectionId, log: &Log, from: u64) -> Result<u64, String> {
    let mut at = Cursor(from);
    let mut told = Vec::new();
    loop {
        let changes = engine.changes(of, at, PAGE).await.map_err(|error| error.to_string())?;
        let more = changes.changes.len() == PAGE || changes.next != at && !changes.changes.is_empty();
        at = changes.next;
        for change in changes.changes {
            let (record, key) = (text(&change.item.record.id), text(&change.item.key));
            let at = |what: String| format!("the log tells of {record}/{key}: {what}");
            let (there, _) = unplace(&record, &key);
            let value = match &change.now {
                None => None,
                Some(item) if COUNTERS.contains(&&record[..]) => Some(counted(item).map_err(at)?),
                Some(item) if RECORDS.contains(&&there[..]) => Some(shown(item).map_err(at)? as i64),
                Some(_) => Some(0),
            };
            told.push(Told { record, key, version: change.version.0, value });
        }
        if !more {
            break;
        }
    }
    log.say(&Message::Feed { at_ns: now_ns(), whole: from == 0, told, next: at.0 });
    Ok(at.0)
}

/// Names of a crash run are text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
