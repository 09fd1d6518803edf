//! The schema of a collection, and keys by it.

use super::key::Part;
use super::{Key, OpenError};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use std::borrow::Cow;
use tenet_collection::{Address, KeyBuilder, KeyField, KeyValue, Kind, MAX_KEY, Schema, SchemaProblem};

/// The message with this full name in a descriptor set, and the schema it is.
pub(super) fn open(set: &[u8], name: &str) -> Result<(MessageDescriptor, Schema), OpenError> {
    let pool = DescriptorPool::decode(set)
        .map_err(|error| OpenError::DescriptorSet { message: name.to_owned(), reason: error.to_string() })?;
    let message = pool
        .get_message_by_name(name)
        .ok_or_else(|| OpenError::NoMessage { message: name.to_owned(), nearest: nearest(&pool, name) })?;
    match Schema::of(&message) {
        None => Err(OpenError::NoCollection { message: name.to_owned() }),
        Some(Ok(schema)) => Ok((message, schema)),
        Some(Err(problems)) => {
            let problems: Vec<String> = problems.iter().map(problem).collect();
            Err(OpenError::Schema { message: name.to_owned(), problems: problems.join("; ") })
        }
    }
}

fn problem(problem: &SchemaProblem) -> String {
    let SchemaProblem { message, hint, .. } = problem;
    if hint.is_empty() { message.clone() } else { format!("{message} ({hint})") }
}

/// The collection whose last name is the same: a message was moved to another package, or the set is of another version.
fn nearest(pool: &DescriptorPool, name: &str) -> Option<String> {
    let last = name.rsplit('.').next()?;
    let named = |message: &MessageDescriptor| message.name() == last && Schema::of(message).is_some();
    pool.all_messages().find(named).map(|message| message.full_name().to_owned())
}

/// The address that a whole key is.
///
/// # Errors
/// What was expected, and what was found.
pub(super) fn address(schema: &Schema, key: &Key) -> Result<Address, String> {
    let records = schema.record().len();
    let fields: Vec<&KeyField> = schema.record().iter().chain(schema.item()).collect();
    let bad = || format!("expected the key {}, found {}", expected(&fields), found(&key.0));
    if key.0.len() != fields.len() {
        return Err(bad());
    }
    let (record, item) = key.0.split_at(records);
    let record = encode(schema.record(), record).ok_or_else(bad)?;
    let item = encode(schema.item(), item).ok_or_else(bad)?;
    fits("the record's id", &record)?;
    fits("the item's key", &item)?;
    Ok(Address { record, item })
}

/// The id of the record that a key names.
pub(super) fn record(schema: &Schema, key: &Key) -> Result<Vec<u8>, String> {
    let fields: Vec<&KeyField> = schema.record().iter().collect();
    let bad = || format!("expected the record's key {}, found {}", expected(&fields), found(&key.0));
    let id =
        (key.0.len() == fields.len()).then(|| encode(schema.record(), &key.0)).flatten().ok_or_else(bad)?;
    fits("the record's id", &id)?;
    Ok(id)
}

fn fits(what: &str, key: &[u8]) -> Result<(), String> {
    if key.len() <= MAX_KEY {
        return Ok(());
    }
    Err(format!("{what} has {} bytes, expected at most {MAX_KEY}", key.len()))
}

/// The first values of a key as bytes; `None` where there are more than fields, or one is not of its field's kind.
pub(super) fn encode(fields: &[KeyField], parts: &[Part]) -> Option<Vec<u8>> {
    if parts.len() > fields.len() {
        return None;
    }
    let mut key = KeyBuilder::new();
    for (field, part) in fields.iter().zip(parts) {
        key = key.value(&value(field.kind, part)?);
    }
    Some(key.finish())
}

fn value(kind: Kind, part: &Part) -> Option<KeyValue<'_>> {
    Some(match (kind, part) {
        (Kind::Text, Part::Text(text)) => KeyValue::Text(Cow::Borrowed(text)),
        (Kind::Bytes, Part::Bytes(bytes)) => KeyValue::Bytes(Cow::Borrowed(bytes)),
        (Kind::Signed, Part::Integer(number)) => KeyValue::Signed(i64::try_from(*number).ok()?),
        (Kind::Unsigned, Part::Integer(number)) => KeyValue::Unsigned(u64::try_from(*number).ok()?),
        (Kind::Boolean, Part::Boolean(truth)) => KeyValue::Boolean(*truth),
        (Kind::Timestamp, Part::Timestamp(seconds, nanos)) => {
            KeyValue::Timestamp { seconds: *seconds, nanos: *nanos }
        }
        _ => return None,
    })
}

/// The key that an address is; `None` where it is none of this schema.
pub(super) fn key(schema: &Schema, address: &Address) -> Option<Key> {
    let record = tenet_collection::decode(&schema.record_kinds(), &address.record).ok()?;
    let item = tenet_collection::decode(&schema.item_kinds(), &address.item).ok()?;
    let part = |value: KeyValue<'static>| match value {
        KeyValue::Text(text) => Part::Text(text.into_owned()),
        KeyValue::Bytes(bytes) => Part::Bytes(bytes.into_owned()),
        KeyValue::Signed(number) => Part::Integer(number.into()),
        KeyValue::Unsigned(number) => Part::Integer(number.into()),
        KeyValue::Boolean(truth) => Part::Boolean(truth),
        KeyValue::Timestamp { seconds, nanos } => Part::Timestamp(seconds, nanos),
    };
    Some(Key(record.into_iter().chain(item).map(part).collect()))
}

/// `(user_id: text, post_id: an integer)`.
pub(super) fn expected(fields: &[&KeyField]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.kind)).collect();
    format!("({})", fields.join(", "))
}

/// `("u7", 42)`.
pub(super) fn found(parts: &[Part]) -> String {
    let parts: Vec<String> = parts.iter().map(shown).collect();
    format!("({})", parts.join(", "))
}

fn shown(part: &Part) -> String {
    match part {
        Part::Text(text) => KeyValue::Text(Cow::Borrowed(text)).to_string(),
        Part::Bytes(bytes) => KeyValue::Bytes(Cow::Borrowed(bytes)).to_string(),
        Part::Integer(number) => number.to_string(),
        Part::Boolean(truth) => truth.to_string(),
        Part::Timestamp(seconds, nanos) => {
            KeyValue::Timestamp { seconds: *seconds, nanos: *nanos }.to_string()
        }
    }
}
