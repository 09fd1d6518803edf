//! Histories of one record, good and bad, as rows.

use super::*;

fn call(client: u32, span: (u64, u64), asked: Asked, told: Told) -> Call {
    Call { client, record: "r0", call_ns: span.0, return_ns: span.1, asked, told }
}

fn put(value: u64, version: u64, span: (u64, u64)) -> Call {
    write(None, &[("a", Some(value))], Told::Written(Version(version)), span)
}

fn write(
    condition: Option<Expected>,
    changes: &[(&'static str, Option<u64>)],
    told: Told,
    span: (u64, u64),
) -> Call {
    let condition = condition.map(|expected| ("a", expected));
    call(0, span, Asked::Write { condition, changes: changes.iter().copied().collect() }, told)
}

fn seen(value: u64, version: u64) -> Option<Seen> {
    Some(Seen { value, version: Version(version) })
}

fn read(saw: &[(&'static str, Option<Seen>)], span: (u64, u64)) -> Call {
    call(1, span, Asked::Read, Told::Saw(saw.iter().copied().collect()))
}

#[track_caller]
fn judged(what: &str, history: &[Call], linearizable: bool) {
    assert_eq!(check(history).is_ok(), linearizable, "{what}: {:?}", check(history));
}

#[test]
fn histories_are_told_apart() {
    let two = [put(1, 1, (0, 10)), put(2, 2, (20, 30))];
    let with = |calls: &[Call]| [&two[..], calls].concat();
    let a = |item| [("a", item)];
    let both = |value, version| [("a", seen(value, version)), ("b", seen(value, version))];
    let pair = |value, version, span| {
        write(None, &[("a", Some(value)), ("b", Some(value))], Told::Written(Version(version)), span)
    };
    let cas =
        |version, told, span| write(Some(Expected::Version(Version(version))), &[("a", Some(9))], told, span);
    let gone = |version, span| write(None, &[("a", None)], Told::Written(Version(version)), span);
    let rows: &[(&str, Vec<Call>, bool)] = &[
        ("writes alone", with(&[]), true),
        ("versions against real time", vec![put(1, 2, (0, 10)), put(2, 1, (20, 30))], false),
        ("versions against each other at the same time", vec![put(1, 2, (0, 25)), put(2, 1, (20, 30))], true),
        ("one version twice", vec![put(1, 1, (0, 10)), put(2, 1, (0, 10))], false),
        ("the newest", with(&[read(&a(seen(2, 2)), (40, 50))]), true),
        ("a stale read", with(&[read(&a(seen(1, 1)), (40, 50))]), false),
        ("an old one while it is written", with(&[read(&a(seen(1, 1)), (25, 50))]), true),
        ("a new one while it is written", with(&[read(&a(seen(2, 2)), (21, 22))]), true),
        ("from the future", with(&[read(&a(seen(2, 2)), (12, 15))]), false),
        ("a value nobody wrote", with(&[read(&a(seen(7, 2)), (40, 50))]), false),
        ("absent at first", vec![read(&a(None), (0, 5)), put(1, 1, (1, 10))], true),
        ("absent afterwards", with(&[read(&a(None), (40, 50))]), false),
        ("back and forth", with(&[read(&a(seen(2, 2)), (21, 22)), read(&a(seen(1, 1)), (23, 24))]), false),
        ("forth", with(&[read(&a(seen(1, 1)), (21, 22)), read(&a(seen(2, 2)), (23, 24))]), true),
        (
            "a read before a write of a smaller version",
            vec![put(1, 5, (0, 90)), read(&a(seen(1, 5)), (10, 20)), put(2, 3, (30, 40))],
            false,
        ),
        ("whole", vec![pair(1, 1, (0, 10)), pair(2, 2, (20, 30)), read(&both(2, 2), (25, 26))], true),
        (
            "torn",
            vec![
                pair(1, 1, (0, 10)),
                pair(2, 2, (20, 30)),
                read(&[("a", seen(1, 1)), ("b", seen(2, 2))], (25, 26)),
            ],
            false,
        ),
        ("set where it was so", with(&[cas(2, Told::Written(Version(3)), (40, 50))]), true),
        ("set where it was not so", with(&[cas(1, Told::Written(Version(3)), (40, 50))]), false),
        ("refused rightly", with(&[cas(1, Told::Refused(seen(2, 2)), (40, 50))]), true),
        ("refused wrongly", with(&[cas(2, Told::Refused(seen(2, 2)), (40, 50))]), false),
        ("refused by what is over", with(&[cas(2, Told::Refused(seen(1, 1)), (40, 50))]), false),
        ("removed", with(&[gone(3, (40, 50)), read(&a(None), (60, 70))]), true),
        ("risen again", with(&[gone(3, (40, 50)), read(&a(seen(2, 2)), (60, 70))]), false),
        ("nothing to remove", vec![gone(0, (0, 10)), put(1, 1, (5, 20))], true),
        ("nothing to remove, where there was something", with(&[gone(0, (40, 50))]), false),
    ];
    for (what, history, linearizable) in rows {
        judged(what, history, *linearizable);
    }
}
