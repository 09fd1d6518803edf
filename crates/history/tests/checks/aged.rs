//! Aged reads, good and bad.

use super::rows::*;
use tenet_history::{AgedReads, Entry, RecordAnswer, RecordOperation, check_aged_reads};

type Rows = Vec<Entry<RecordOperation, RecordAnswer>>;

fn old(key: &str, age_ns: u64) -> RecordOperation {
    get(key).with_max_age(age_ns)
}

fn writes() -> Rows {
    vec![
        row(0, 100..=110, put("a", 1), at(1)),
        row(0, 200..=210, put("a", 2), at(2)),
        row(0, 300..=310, delete("a"), at(3)),
        row(0, 400..=410, mutate(&[("a", Some(4)), ("b", Some(5))]), at(4)),
    ]
}

#[test]
fn ages() {
    for (name, monotone, expected, reads) in [
        ("fresh", false, Ok(1), vec![row(1, 220..=230, old("a", 0), item(2, 2))]),
        ("old, within its age", false, Ok(1), vec![row(1, 220..=230, old("a", 10), item(1, 1))]),
        ("too old", false, Err("not current"), vec![row(1, 220..=230, old("a", 9), item(1, 1))]),
        ("not yet written", false, Err("not current"), vec![row(1, 150..=190, old("a", 90), item(2, 2))]),
        ("absent before the first write", false, Ok(1), vec![row(1, 150..=160, old("a", 45), absent())]),
        ("absent too long ago", false, Err("not current"), vec![row(1, 220..=260, old("a", 45), absent())]),
        ("absent after the delete", false, Ok(1), vec![row(1, 350..=360, old("a", 0), absent())]),
        ("absent between", false, Ok(1), vec![row(1, 450..=460, old("a", 45), absent())]),
        (
            "risen long after its delete",
            false,
            Err("not current"),
            vec![row(1, 390..=395, old("a", 45), item(2, 2))],
        ),
        ("made up", false, Err("nobody wrote"), vec![row(1, 220..=260, old("a", 45), item(7, 7))]),
        ("a wrong value", false, Err("did not write"), vec![row(1, 220..=260, old("a", 45), item(7, 2))]),
        (
            "whole",
            false,
            Ok(1),
            vec![row(1, 450..=460, scan().with_max_age(100), items(&[("a", 4, 4), ("b", 5, 4)]))],
        ),
        (
            "torn",
            false,
            Err("together"),
            vec![row(1, 450..=460, scan().with_max_age(500), items(&[("a", 2, 2), ("b", 5, 4)]))],
        ),
        (
            "half a mutate",
            false,
            Err("together"),
            vec![row(1, 405..=460, scan().with_max_age(500), items(&[("b", 5, 4)]))],
        ),
        (
            "a read that saw the next write ends the one before",
            false,
            Err("not current"),
            vec![row(2, 200..=202, get("a"), item(2, 2)), row(1, 206..=209, old("a", 2), item(1, 1))],
        ),
        (
            "back and forth",
            false,
            Ok(2),
            vec![row(1, 220..=230, old("a", 0), item(2, 2)), row(1, 240..=250, old("a", 90), item(1, 1))],
        ),
        (
            "back, where that is not allowed",
            true,
            Err("went back"),
            vec![row(1, 220..=230, old("a", 0), item(2, 2)), row(1, 240..=250, old("a", 90), item(1, 1))],
        ),
        (
            "back for another client",
            true,
            Ok(2),
            vec![row(1, 220..=230, old("a", 0), item(2, 2)), row(2, 240..=250, old("a", 90), item(1, 1))],
        ),
        (
            "back beside each other",
            true,
            Ok(2),
            vec![row(1, 220..=230, old("a", 0), item(2, 2)), row(1, 225..=250, old("a", 90), item(1, 1))],
        ),
        (
            "back to absent before the first write",
            true,
            Err("not current"),
            vec![row(1, 120..=130, old("a", 0), item(1, 1)), row(1, 140..=150, old("a", 90), absent())],
        ),
        (
            "an unknown write was seen",
            false,
            Ok(1),
            vec![open(3, 215, put("a", 9)), row(1, 420..=430, old("a", 0), item(9, 77))],
        ),
        (
            "an unknown delete may have been",
            false,
            Ok(1),
            vec![open(3, 215, delete("a")), row(1, 220..=230, old("a", 0), absent())],
        ),
        (
            "an unknown delete comes too late",
            false,
            Err("not current"),
            vec![row(1, 220..=230, old("a", 0), absent()), open(3, 235, delete("a"))],
        ),
    ] {
        let history = writes().into_iter().chain(reads).collect();
        let found = check_aged_reads(&AgedReads { monotone }, &history);
        match (&found, expected) {
            (Ok(count), Ok(expected)) => assert_eq!(*count, expected, "{name}"),
            (Err(stale), Err(words)) => assert!(stale.to_string().contains(words), "{name}: {stale}"),
            _ => panic!("{name}: {found:?}"),
        }
    }
}
