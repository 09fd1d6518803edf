//! Change feeds, good and bad.

use super::rows::*;
use tenet_history::FeedStart::{After, Beginning, Now};
use tenet_history::{
    Change, Feed, FeedEvent, FeedSession, FeedStart, History, RecordAnswer, RecordOperation, check_feed,
};

fn history() -> History<RecordOperation, RecordAnswer> {
    [
        row(0, 100..=110, put("a", 1), at(1)),
        row(0, 200..=210, put("a", 2), at(5)),
        row(0, 300..=310, delete("a"), at(7)),
        open(1, 320, put("b", 3)),
        row(0, 400..=410, mutate(&[("a", Some(4)), ("b", Some(5))]), at(9)),
        row(0, 150..=160, RecordOperation::put("s", "a", 1), at(2)),
    ]
    .into_iter()
    .collect()
}

fn event(record: &str, version: u64) -> FeedEvent {
    let changes: &[(&str, Option<u64>)] = match (record, version) {
        ("r", 1) | ("s", _) => &[("a", Some(1))],
        ("r", 5) => &[("a", Some(2))],
        ("r", 7) => &[("a", None)],
        ("r", 8 | 10) => &[("b", Some(3))],
        _ => &[("b", Some(5)), ("a", Some(4))],
    };
    let changes = changes.iter().map(|(key, value)| Change { key: (*key).into(), value: *value }).collect();
    FeedEvent { at_ns: 1000, record: record.into(), version, changes }
}

fn session(start: FeedStart, events: &[(&str, u64)]) -> FeedSession {
    FeedSession { start, events: events.iter().map(|(record, version)| event(record, *version)).collect() }
}

#[test]
fn feeds() {
    let all = [("r", 1), ("s", 2), ("r", 5), ("r", 7), ("r", 9)];
    for (name, drained, expected, sessions) in [
        ("all", true, Ok(5), vec![session(Beginning, &all)]),
        (
            "records in another order",
            true,
            Ok(5),
            vec![session(Beginning, &[("r", 1), ("r", 5), ("r", 7), ("r", 9), ("s", 2)])],
        ),
        (
            "the unknown one came",
            true,
            Ok(6),
            vec![session(Beginning, &[("r", 1), ("s", 2), ("r", 5), ("r", 7), ("r", 8), ("r", 9)])],
        ),
        ("not at its end", false, Ok(2), vec![session(Beginning, &[("r", 1), ("r", 5)])]),
        (
            "ended early",
            true,
            Err("read to its end"),
            vec![session(Beginning, &[("r", 1), ("r", 5), ("r", 7), ("r", 9)])],
        ),
        ("skipped", false, Err("version 5 before it"), vec![session(Beginning, &[("r", 1), ("r", 7)])]),
        ("the first skipped", false, Err("version 1 before it"), vec![session(Beginning, &[("r", 5)])]),
        ("out of order", false, Err("came after"), vec![session(Beginning, &[("r", 1), ("r", 5), ("r", 1)])]),
        ("twice", false, Ok(3), vec![session(Beginning, &[("r", 1), ("r", 1), ("r", 5)])]),
        (
            "resumed",
            true,
            Ok(5),
            vec![session(Beginning, &all[..3]), session(After { session: 0, event: 2 }, &all[3..])],
        ),
        (
            "resumed with repetition",
            true,
            Ok(8),
            vec![
                session(Beginning, &all[..4]),
                session(After { session: 0, event: 2 }, &[("s", 2), ("r", 5), ("r", 7), ("r", 9)]),
            ],
        ),
        (
            "what the token had not seen is skipped",
            false,
            Err("version 5 before it"),
            vec![session(Beginning, &all[..4]), session(After { session: 0, event: 0 }, &[("r", 7)])],
        ),
        (
            "the last session alone counts at the end",
            true,
            Err("read to its end"),
            vec![session(Beginning, &all), session(After { session: 0, event: 0 }, &[("r", 5)])],
        ),
        (
            "a token that is not there",
            false,
            Err("not there"),
            vec![session(After { session: 0, event: 0 }, &[])],
        ),
        ("from now on", true, Ok(2), vec![session(Now { return_ns: 250 }, &[("r", 7), ("r", 9)])]),
        (
            "from now on, with one too many",
            true,
            Ok(3),
            vec![session(Now { return_ns: 250 }, &[("r", 5), ("r", 7), ("r", 9)])],
        ),
        (
            "from now on, skipped",
            false,
            Err("version 7 before it"),
            vec![session(Now { return_ns: 250 }, &[("r", 9)])],
        ),
        (
            "skipped what came elsewhere",
            false,
            Err("version 8 before it"),
            vec![
                session(Beginning, &[("r", 1), ("r", 5), ("r", 7), ("r", 8)]),
                session(Beginning, &[("r", 1), ("r", 5), ("r", 7), ("r", 9)]),
            ],
        ),
        ("made up", false, Err("nobody wrote"), vec![session(Beginning, &[("r", 1), ("r", 3)])]),
        (
            "the unknown one with two versions",
            false,
            Err("nobody wrote"),
            vec![session(Beginning, &[("r", 1), ("r", 5), ("r", 7), ("r", 8), ("r", 9), ("r", 10)])],
        ),
    ] {
        let found = check_feed(&history(), &Feed { sessions, drained });
        match (&found, expected) {
            (Ok(count), Ok(expected)) => assert_eq!(*count, expected, "{name}"),
            (Err(breach), Err(words)) => assert!(breach.to_string().contains(words), "{name}: {breach}"),
            _ => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn an_event_is_its_write() {
    for (words, change) in [
        ("other changes", FeedEvent { changes: vec![], ..event("r", 1) }),
        ("before it was written", FeedEvent { at_ns: 99, ..event("r", 1) }),
    ] {
        let sessions = vec![FeedSession { start: Beginning, events: vec![change] }];
        let breach = check_feed(&history(), &Feed { sessions, drained: false }).unwrap_err();
        assert!(breach.to_string().contains(words), "{breach}");
    }
}

#[test]
fn a_delete_of_nothing_need_not_be_told() {
    let history: History<_, _> = [
        row(0, 0..=1, put("a", 1), at(1)),
        row(0, 2..=3, mutate(&[("b", None), ("a", Some(2)), ("c", None)]), at(2)),
    ]
    .into_iter()
    .collect();
    let change = |key: &str, value| Change { key: key.into(), value };
    for (good, changes) in [
        (true, vec![change("c", None), change("a", Some(2)), change("b", None)]),
        (true, vec![change("a", Some(2))]),
        (true, vec![change("a", Some(2)), change("b", None)]),
        (false, vec![change("b", None)]),
        (false, vec![change("a", Some(2)), change("d", None)]),
        (false, vec![]),
    ] {
        let events = vec![event("r", 1), FeedEvent { changes: changes.clone(), ..event("r", 2) }];
        let sessions = vec![FeedSession { start: Beginning, events }];
        assert_eq!(check_feed(&history, &Feed { sessions, drained: true }).is_ok(), good, "{changes:?}");
    }
}
