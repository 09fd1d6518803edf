//! Keys of all kinds, what is none, and in which order they lie.

use super::contract::{Counter, Note, Plain, Reading, SET, note};
use super::stage::Stage;
use prost_types::Timestamp;
use tenet_client::store::{IntoKey, IntoPart, Key, Part, Range, StoreErrorKind};

fn part(value: impl IntoPart) -> Part {
    value.into_part()
}

fn reading(at: i64, kind: i32, ordinal: u32, valid: bool, delta: i64) -> Reading {
    Reading {
        place: "roof".into(),
        sensor: vec![0, 255],
        at: Some(Timestamp { seconds: at, nanos: 5 }),
        kind,
        ordinal,
        valid,
        delta,
        value: format!("{at} {kind} {ordinal} {valid} {delta}"),
    }
}

#[tokio::test]
async fn every_kind_of_field_can_be_in_a_key() {
    let stage = Stage::one().await;
    let readings = stage.of::<Reading>();
    let rows = [
        reading(-7, 0, 0, false, 0),
        reading(7, 0, 1, true, -300),
        reading(7, 1, 0, false, i64::MIN),
        reading(7, 1, 0, false, i64::MAX),
        reading(7, 1, 0, true, -1),
        reading(7, 2, u32::MAX, false, 0),
    ];
    for row in rows.iter().rev() {
        readings.put(row).await.unwrap();
    }
    for row in &rows {
        let at = row.at.unwrap();
        let record = ("roof", &[0u8, 255][..], at);
        // Seven values are more than a tuple takes.
        let mut key = vec![part("roof"), part(&row.sensor), part(at)];
        key.extend([part(row.kind), part(row.ordinal), part(row.valid), part(row.delta)]);
        let kept = readings.get(Key::from(key)).await.unwrap().unwrap();
        assert_eq!(kept.value, *row);
        assert!(readings.record(record).await.unwrap().iter().any(|kept| kept.value == *row));
    }
    let all = readings.scan(..).collect().await.unwrap();
    assert_eq!(
        all.into_iter().map(|kept| kept.value).collect::<Vec<_>>(),
        rows,
        "in the order of their values"
    );
    let low = Range::record(("roof", &[0u8, 255][..], rows[1].at.unwrap()));
    for (range, expected) in [
        (low.clone().starting_at(1).until(2), &[2, 3, 4][..]),
        (low.clone().after((1, 0, false)), &[4, 5]),
        (low.through((1, 0, false, i64::MIN)).reverse(), &[2, 1]),
        (Range::of("roof").limit(1), &[0]),
        (Range::of("cellar"), &[]),
    ] {
        let what = format!("{range:?}");
        let kept = readings.scan(range).collect().await.unwrap();
        let found: Vec<usize> =
            kept.iter().filter_map(|kept| rows.iter().position(|row| *row == kept.value)).collect();
        assert_eq!(found, expected, "{what}");
    }
}

#[tokio::test]
async fn ranges_are_of_what_comes_next() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    for user in ["al", "ann", "anna", "bob"] {
        for number in [1, 2] {
            notes.put(&note(user, number, "")).await.unwrap();
        }
    }
    for (range, expected) in [
        (Range::from(..), "al1 al2 ann1 ann2 anna1 anna2 bob1 bob2"),
        (Range::of("ann"), "ann1 ann2"),
        (Range::record("ann").reverse(), "ann2 ann1"),
        (Range::record("ann").after(1), "ann2"),
        (Range::all().beginning("ann"), "ann1 ann2 anna1 anna2"),
        (Range::all().starting_at("ann").until("bob"), "ann1 ann2 anna1 anna2"),
        (Range::all().after("ann").through("bob").limit(3), "anna1 anna2 bob1"),
        (Range::all().reverse().limit(2).page_bytes(1), "bob2 bob1"),
        (Range::all().starting_at("c"), ""),
    ] {
        let what = format!("{range:?}");
        let kept = notes.scan(range).collect().await.unwrap();
        let found: Vec<String> = kept.iter().map(|note| format!("{}{}", note.user_id, note.number)).collect();
        assert_eq!(found.join(" "), expected, "{what}");
    }
}

#[tokio::test]
async fn what_is_no_key_is_told_before_anything_is_asked() {
    let stage = Stage::one().await;
    let (notes, counters) = (stage.of::<Note>(), stage.of::<Counter>());
    let failed = async |key: Key| notes.get(key).await.unwrap_err();
    let whole = "expected the key (user_id: text, number: an integer), found ";
    for (found, expected) in [
        ("ann".into_key(), format!("{whole}(\"ann\")")),
        (("ann", 1, 2).into_key(), format!("{whole}(\"ann\", 1, 2)")),
        ((1, "ann").into_key(), format!("{whole}(1, \"ann\")")),
        (("ann", true).into_key(), format!("{whole}(\"ann\", true)")),
        (("ann", u64::MAX).into_key(), format!("{whole}(\"ann\", {})", u64::MAX)),
        (("x".repeat(600), 1).into_key(), "the record's id has 602 bytes, expected at most 512".to_owned()),
    ] {
        let error = failed(found).await;
        assert_eq!(error.to_string(), format!("notes/note: {expected}"));
    }
    let error = notes.record(("ann", 1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "notes/note: expected the record's key (user_id: text), found (\"ann\", 1)"
    );
    let error = notes.put(&note(&"x".repeat(600), 1, "")).await.unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Value { .. }) && error.to_string().contains("user_id"),
        "{error}"
    );
    for (range, part) in [
        (Range::of(5), "expected the first of the values (user_id: text), found (5)"),
        (
            Range::record("ann").starting_at("x"),
            "expected the first of the values (number: an integer), found (\"x\")",
        ),
        (Range::of("ann").beginning("x"), "expected a text behind (\"ann\") of (user_id: text)"),
    ] {
        let mut scan = notes.scan(range);
        let text = scan.next().await.unwrap().unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
        assert!(scan.next().await.is_none());
    }
    let text = counters.by_index("by-name", "ann").next().await.unwrap().unwrap_err().to_string();
    assert_eq!(text, "notes/counter: no index \"by-name\": it has by-owner");
    assert!(stage.faults.calls.lock().unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn what_is_no_collection_is_told_when_it_is_opened() {
    let stage = Stage::one().await;
    let error = stage.store.collection::<Plain>(&SET).unwrap_err().to_string();
    assert!(error.contains("notes.v1.Plain has no option (tenet.policy.v1.collection)"), "{error}");
    let error = stage.store.collection::<Elsewhere>(&SET).unwrap_err().to_string();
    assert!(error.contains("no message diary.v1.Note; did you mean notes.v1.Note?"), "{error}");
    let error = stage.store.collection::<Note>(b"\xff").unwrap_err().to_string();
    assert!(error.contains("the descriptor set of notes.v1.Note"), "{error}");
}

#[derive(Clone, PartialEq, prost::Message)]
struct Elsewhere {}

impl prost::Name for Elsewhere {
    const NAME: &'static str = "Note";
    const PACKAGE: &'static str = "diary.v1";
}
