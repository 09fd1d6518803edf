//! From the option to a schema, or to everything that is wrong with it.

use super::field::TIMESTAMP;
use super::lookup::{self, describe, is_plain, named, unfit};
use super::option::{self, CollectionOption, IndexOption};
use super::{DEFAULT_RETENTION, Index, KeyField, Schema, SchemaProblem};
use crate::name;
use prost_reflect::{FieldDescriptor, Kind as FieldKind, MessageDescriptor};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest the store can be told to keep something that it is told to drop: a hundred years.
const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// Every change is kept for so long: whoever was away for longer reads everything anew.
const MAX_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// An answer that may be older is no answer of the store but a copy.
const MAX_CACHED: Duration = HOUR;

pub(super) fn schema(message: &MessageDescriptor) -> Option<Result<Schema, Vec<SchemaProblem>>> {
    let option = option::read(message)?;
    let mut read = Read { message, part: "", problems: Vec::new() };
    let schema = read.schema(&option);
    Some(if read.problems.is_empty() { Ok(schema) } else { Err(read.problems) })
}

struct Read<'a> {
    message: &'a MessageDescriptor,
    /// The field of the option that is being read.
    part: &'static str,
    problems: Vec<SchemaProblem>,
}

impl Read<'_> {
    fn schema(&mut self, option: &CollectionOption) -> Schema {
        let name = match option.name.as_str() {
            "" => name::default_name(self.message.full_name()),
            given => given.to_owned(),
        };
        self.part = "name";
        self.name("name", &name);
        self.part = "key";
        if option.key.is_empty() {
            let hint = lookup::likely_key(self.message);
            self.wrong("it has no `key`; expected the fields that make a record's id", "", &hint);
        }
        let record = self.fields("key", &option.key);
        self.part = "item_key";
        let item = self.fields("item_key", &option.item_key);
        for twice in option.item_key.iter().filter(|name| option.key.contains(name)) {
            self.wrong(
                &format!("item_key: `{twice}` is in `key` already"),
                twice,
                "leave it out of one of the two",
            );
        }
        self.part = "expire_field";
        let expires = self.expire_field(&option.expire_field);
        Schema {
            name,
            message: self.message.full_name().to_owned(),
            atomic_across_records: option.atomic_across_records,
            ttl: self.duration("ttl", option.ttl.as_ref(), false, MAX_TTL),
            retention: self
                .duration("retention", option.retention.as_ref(), true, MAX_RETENTION)
                .unwrap_or(DEFAULT_RETENTION),
            cached: self.duration("cached", option.cached.as_ref(), false, MAX_CACHED),
            indexes: self.indexes(&option.indexes),
            expire_field: expires.as_ref().map(|field| field.name().to_owned()),
            record,
            item,
            expires: expires.map(|field| field.number()),
        }
    }

    /// Adds a problem; `message` says what was found and expected in the option.
    fn wrong(&mut self, message: &str, token: &str, hint: &str) {
        self.problems.push(SchemaProblem {
            message: format!("collection {}: {message}", self.message.full_name()),
            token: token.to_owned(),
            within: self.part,
            hint: hint.to_owned(),
        });
    }

    fn name(&mut self, what: &str, name: &str) {
        if let Err((message, hint)) = name::check(name) {
            self.wrong(&format!("{what}: {message}"), name, &hint);
        }
    }

    /// The fields of a key; `what` is how the option calls it. What cannot be one is reported and left out.
    fn fields(&mut self, what: &str, names: &[String]) -> Vec<KeyField> {
        let mut fields = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            if names.iter().take(index).any(|before| before == name) {
                self.wrong(&format!("{what}: `{name}` is there twice"), name, "leave one of the two out");
                continue;
            }
            let found = named(self.message, name).and_then(|field| match KeyField::of(&field) {
                Some(key) if is_plain(&field) => Ok(key),
                _ => Err(unfit(&field)),
            });
            match found {
                Ok(field) => fields.push(field),
                Err((message, hint)) => self.wrong(&format!("{what}: {message}"), name, &hint),
            }
        }
        fields
    }

    fn expire_field(&mut self, name: &str) -> Option<FieldDescriptor> {
        if name.is_empty() {
            return None;
        }
        let found = named(self.message, name).and_then(|field| {
            let time =
                matches!(field.kind(), FieldKind::Message(message) if message.full_name() == TIMESTAMP);
            if time && is_plain(&field) {
                return Ok(field);
            }
            let near = self.message.fields().find(|other| {
                is_plain(other)
                    && matches!(other.kind(), FieldKind::Message(message) if message.full_name() == TIMESTAMP)
            });
            let hint = near.map(|near| format!("did you mean `{}`?", near.name())).unwrap_or_default();
            Err((format!("`{name}` is {}; expected a single {TIMESTAMP}", describe(&field)), hint))
        });
        match found {
            Ok(field) => Some(field),
            Err((message, hint)) => {
                self.wrong(&format!("expire_field: {message}"), name, &hint);
                None
            }
        }
    }

    fn indexes(&mut self, options: &[IndexOption]) -> Vec<Index> {
        self.part = "indexes";
        let mut indexes: Vec<Index> = Vec::with_capacity(options.len());
        for option in options {
            let what = format!("index `{}`", option.name);
            self.name("the name of an index", &option.name);
            if indexes.iter().any(|index| index.name == option.name) {
                self.wrong(&format!("{what} is there twice"), &option.name, "rename one of the two");
            }
            if option.fields.is_empty() {
                let hint = "name them: `fields: \"…\"`";
                self.wrong(
                    &format!("{what} has no `fields`; expected what is looked up"),
                    &option.name,
                    hint,
                );
            }
            let fields = self.fields(&what, &option.fields);
            indexes.push(Index { name: option.name.clone(), fields, unique: option.unique });
        }
        indexes
    }

    fn duration(
        &mut self,
        what: &'static str,
        found: Option<&prost_types::Duration>,
        zero: bool,
        most: Duration,
    ) -> Option<Duration> {
        self.part = what;
        let found = found?;
        let duration = match (u64::try_from(found.seconds), u32::try_from(found.nanos)) {
            (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Duration::new(seconds, nanos),
            _ => {
                let (seconds, nanos) = (found.seconds, found.nanos);
                let message = format!(
                    "{what} is {seconds} s and {nanos} ns; expected neither negative, and nanos below 1e9"
                );
                self.wrong(&message, what, "");
                return None;
            }
        };
        if duration.is_zero() && !zero {
            let hint = if what == "cached" {
                "leave it out for strict reads"
            } else {
                "leave it out to keep it for good"
            };
            self.wrong(&format!("{what} is zero; expected more"), what, hint);
        } else if duration > most {
            let (found, most) = (duration.as_secs(), most.as_secs());
            self.wrong(
                &format!("{what} is {found} s; expected at most {most} s ({})", days(most)),
                what,
                "`seconds` and `nanos` are separate: 500 ms is { nanos: 500000000 }",
            );
        }
        Some(duration)
    }
}

/// A bound for people.
fn days(seconds: u64) -> String {
    match seconds / DAY.as_secs() {
        0 => format!("{} h", seconds / HOUR.as_secs()),
        days => format!("{days} days"),
    }
}
