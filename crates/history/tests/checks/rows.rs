//! Short words for histories written by hand.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use tenet_history::{
    Entry, Expected, History, Model, Outcome, RecordAnswer, RecordOperation, Seen, check, check_generally,
};

/// An entry of a model.
pub type Row<M> = Entry<<M as Model>::Operation, <M as Model>::Answer>;

/// Steps that every history by hand must do with.
const BUDGET: u64 = 100_000;

/// An operation of `client` over a span, and its answer.
pub fn row<O, A>(client: u32, span: RangeInclusive<u64>, operation: O, answer: A) -> Entry<O, A> {
    let outcome = Outcome::Answered { return_ns: *span.end(), answer };
    Entry { client, call_ns: *span.start(), operation, outcome }
}

/// An operation whose outcome nobody learned.
pub fn open<O, A>(client: u32, call_ns: u64, operation: O) -> Entry<O, A> {
    Entry { client, call_ns, operation, outcome: Outcome::Unknown }
}

/// Checks each history both ways and compares with what is expected.
pub fn judge<M: Model>(model: &M, rows: Vec<(&str, bool, Vec<Row<M>>)>)
where
    M::Operation: Debug,
{
    for (name, expected, entries) in rows {
        let history: History<_, _> = entries.into_iter().collect();
        for report in [check(model, &history, BUDGET), check_generally(model, &history, BUDGET)] {
            assert_eq!(report.verdict.is_linearizable(), expected, "{name}: {:?}", report.verdict);
        }
    }
}

pub fn put(key: &str, value: u64) -> RecordOperation {
    RecordOperation::put("r", key, value)
}

pub fn delete(key: &str) -> RecordOperation {
    RecordOperation::delete("r", key)
}

pub fn get(key: &str) -> RecordOperation {
    RecordOperation::get("r", key)
}

pub fn scan() -> RecordOperation {
    RecordOperation::scan("r")
}

pub fn cas(key: &str, version: u64, value: u64) -> RecordOperation {
    RecordOperation::compare_and_set("r", key, Expected::Version(version), value)
}

pub fn mutate(changes: &[(&str, Option<u64>)]) -> RecordOperation {
    RecordOperation::mutate("r", &[], changes)
}

pub fn at(version: u64) -> RecordAnswer {
    RecordAnswer::Written { version }
}

pub fn refused() -> RecordAnswer {
    RecordAnswer::Refused { found: None }
}

pub fn refused_by(key: &str, version: Option<u64>) -> RecordAnswer {
    RecordAnswer::Refused { found: Some((key.into(), version)) }
}

pub fn absent() -> RecordAnswer {
    RecordAnswer::Item(None)
}

pub fn item(value: u64, version: u64) -> RecordAnswer {
    RecordAnswer::Item(Some(Seen { value, version }))
}

pub fn items(items: &[(&str, u64, u64)]) -> RecordAnswer {
    let items =
        items.iter().map(|(key, value, version)| ((*key).into(), Seen { value: *value, version: *version }));
    RecordAnswer::Items(items.collect())
}
