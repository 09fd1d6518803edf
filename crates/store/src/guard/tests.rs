//! Looks as rows, and what is told of each.

use super::book::{ALARMS, Book, FAILURES, Notice};
use super::*;
use std::time::UNIX_EPOCH;
use tenet_telemetry::ProcessInfo;

fn session(pid: i32, user: &str, application: &str) -> ForeignSession {
    ForeignSession {
        pid,
        user: user.into(),
        address: Some("10.0.0.7".into()),
        application: application.into(),
        state: Some("idle".into()),
        since: Some(UnixMs(1_000 * i64::from(pid))),
        query: Some("SELECT 1".into()),
    }
}

fn write(pid: i32, table: &str, writes: u64) -> ForeignWrite {
    ForeignWrite {
        pid,
        user: "eve".into(),
        table: table.into(),
        address: None,
        application: "psql".into(),
        query: "DELETE\n  FROM item".into(),
        writes,
        first: UnixMs(5_000),
        last: UnixMs(5_000 + writes.cast_signed()),
    }
}

fn look(sessions: &[ForeignSession], writes: &[ForeignWrite]) -> Look {
    Look { sessions: sessions.into(), writes: writes.into() }
}

/// Notices in short: events by how many, alarms by what they begin with.
fn short(notices: &[Notice]) -> (usize, Vec<String>) {
    let events = notices.iter().filter(|notice| matches!(notice, Notice::Event(_))).count();
    let alarms = notices.iter().filter_map(|notice| match notice {
        Notice::Event(_) => None,
        Notice::Raise(alarm) => Some(format!("+{}", alarm.id)),
        Notice::Clear(id) => Some(format!("-{id}")),
    });
    (events, alarms.collect())
}

#[test]
fn each_session_is_told_once_and_is_an_alarm_while_it_is_there() {
    let known = BTreeSet::from(["exporter".to_owned()]);
    let mut book = Book::new("store");
    let (a, b, other) = (session(1, "eve", "psql"), session(2, "eve", "psql"), session(3, "bob", ""));
    let again = ForeignSession { since: Some(UnixMs(9)), ..a.clone() };
    let ran = ForeignSession { query: Some("DROP TABLE item".into()), ..b.clone() };
    let (eve, bob) = ("foreign session store eve@10.0.0.7 psql", "foreign session store bob@10.0.0.7 ");
    let (up, down) = (|id: &str| format!("+{id}"), |id: &str| format!("-{id}"));
    // What is there, how many events, which alarms change, how many sessions are counted now and ever.
    type Row = (Vec<ForeignSession>, usize, Vec<String>, u64, u64);
    let rows: Vec<Row> = vec![
        (vec![], 0, vec![], 0, 0),
        (vec![a.clone()], 1, vec![up(eve)], 1, 1),
        (vec![a.clone()], 0, vec![], 1, 1),
        // One more of the same is an event, and the alarm says how many.
        (vec![a.clone(), b.clone()], 1, vec![up(eve)], 2, 2),
        // It runs something else.
        (vec![a.clone(), ran.clone()], 0, vec![up(eve)], 2, 2),
        (vec![ran.clone(), other.clone()], 1, vec![up(bob), up(eve)], 2, 3),
        (vec![other.clone(), session(9, "exporter", "x")], 0, vec![down(eve)], 1, 3),
        // The number of a process that ended came again.
        (vec![a.clone()], 1, vec![down(bob), up(eve)], 1, 4),
        (vec![again], 1, vec![], 1, 5),
        (vec![], 0, vec![down(eve)], 0, 5),
    ];
    for (step, (sessions, events, alarms, now, ever)) in rows.into_iter().enumerate() {
        let notices = book.found(look(&sessions, &[]), &known, UNIX_EPOCH);
        assert_eq!(short(&notices), (events, alarms), "step {step}: {notices:?}");
        assert_eq!((book.tally().sessions, book.tally().seen), (now, ever), "step {step}");
    }
}

#[test]
fn what_is_told_names_who_where_since_when_and_what() {
    let mut book = Book::new("store");
    let notices = book.found(
        look(&[session(7, "eve", "psql")], &[write(8, "item", 3)]),
        &BTreeSet::new(),
        UNIX_EPOCH + Duration::from_secs(60),
    );
    let texts: Vec<(String, String)> = notices
        .iter()
        .map(|notice| match notice {
            Notice::Event(event) => (format!("{:?} {}", event.kind, event.subject), event.text.clone()),
            Notice::Raise(alarm) => (format!("{:?} {}", alarm.severity, alarm.subject), alarm.text.clone()),
            Notice::Clear(id) => (id.clone(), String::new()),
        })
        .collect();
    let expected = [
        (
            "Intruder store",
            "a session that is not its owner's: user eve from 10.0.0.7, application \"psql\", there since 1970-01-01T00:00:07Z. It ran: SELECT 1",
        ),
        (
            "Intruder store",
            "user eve from no address (a local socket, or hidden from us), application \"psql\" wrote past its owner to \"item\" at 1970-01-01T00:00:05Z. It ran: DELETE FROM item",
        ),
        (
            "Warning store",
            "1 session that is not its owner's: user eve from 10.0.0.7, application \"psql\". It ran: SELECT 1",
        ),
        (
            "Critical store",
            "3 statements past its owner of user eve from no address (a local socket, or hidden from us), application \"psql\", the last at 1970-01-01T00:00:05Z to \"item\". It ran: DELETE FROM item",
        ),
    ];
    assert_eq!(texts, expected.map(|(who, text)| (who.to_owned(), text.to_owned())));
}

#[test]
fn writes_are_told_once_for_each_session_and_table_and_counted() {
    let mut book = Book::new("store");
    let id = "foreign write store eve@ psql";
    let (up, down) = (format!("+{id}"), format!("-{id}"));
    let rows: Vec<(Vec<ForeignWrite>, usize, Vec<&str>, u64)> = vec![
        (vec![write(1, "item", 2)], 1, vec![&up], 2),
        (vec![write(1, "item", 2)], 0, vec![], 2),
        (vec![write(1, "item", 5)], 0, vec![&up], 5),
        (vec![write(1, "token", 1), write(1, "item", 5)], 1, vec![&up], 6),
        (vec![write(2, "item", 2), write(1, "item", 5)], 1, vec![&up], 8),
        // The engine names them no longer: they are old.
        (vec![], 0, vec![&down], 8),
    ];
    for (step, (writes, events, alarms, counted)) in rows.into_iter().enumerate() {
        let notices = book.found(look(&[], &writes), &BTreeSet::new(), UNIX_EPOCH);
        let alarms: Vec<String> = alarms.into_iter().map(str::to_owned).collect();
        assert_eq!(short(&notices), (events, alarms), "step {step}: {notices:?}");
        assert_eq!(book.tally().writes, counted, "step {step}");
    }
}

#[test]
fn alarms_have_a_bound_and_those_that_are_there_stay() {
    let mut book = Book::new("store");
    let sessions = |from: usize, to: usize| -> Vec<ForeignSession> {
        (from..to).map(|n| session(n as i32, &format!("u{n:03}"), "a")).collect()
    };
    let raised = |book: &Book| book.tally().sessions;
    let first = book.found(look(&sessions(50, 50 + ALARMS), &[]), &BTreeSet::new(), UNIX_EPOCH);
    assert_eq!(short(&first).1.len(), ALARMS);
    // Forty more, whose names come before: the ones that are raised are not taken back for them.
    let notices = book.found(look(&sessions(10, 50 + ALARMS), &[]), &BTreeSet::new(), UNIX_EPOCH);
    assert_eq!(short(&notices), (40, vec!["+foreign sessions store".to_owned()]));
    let Some(Notice::Raise(alarm)) = notices.last() else { panic!("{notices:?}") };
    assert_eq!(alarm.text, "sessions that are not its owner's, of 40 more users or places");
    assert_eq!(raised(&book), 40 + ALARMS as u64);
    let over = book.found(look(&[], &[]), &BTreeSet::new(), UNIX_EPOCH);
    assert_eq!(short(&over).1.len(), ALARMS + 1);
}

#[test]
fn a_watch_that_fails_is_an_alarm_and_takes_nothing_back() {
    let mut book = Book::new("store");
    let error = EngineError::Unavailable("gone".into());
    let there = look(&[session(1, "eve", "psql")], &[]);
    book.found(there.clone(), &BTreeSet::new(), UNIX_EPOCH);
    for failure in 1..=FAILURES + 2 {
        let expected = if failure < FAILURES { vec![] } else { vec!["+guard store".to_owned()] };
        assert_eq!(short(&book.failed(&error, UNIX_EPOCH)), (0, expected), "{failure}");
    }
    assert_eq!(book.tally().failures, u64::from(FAILURES) + 2);
    assert_eq!(short(&book.found(there, &BTreeSet::new(), UNIX_EPOCH)), (0, vec!["-guard store".to_owned()]));
    // One that fails now and then is not.
    assert_eq!(short(&book.failed(&error, UNIX_EPOCH)).1, Vec::<String>::new());
}

/// One whose looks fail, hang or panic, each in turn, and then find somebody.
struct Rough(std::sync::atomic::AtomicU32);

impl Sentry for Rough {
    fn look(&self, _: Duration) -> Pending<'_, Look> {
        let turn = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(async move {
            match turn {
                0 => Err(EngineError::Unavailable("away".into())),
                1 => std::future::pending().await,
                2 => panic!("of the test"),
                _ => Ok(look(&[session(1, "eve", "psql")], &[])),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_a_look_the_watch_goes_on() {
    let process = ProcessInfo {
        name: "store-1".into(),
        role: "store".into(),
        zone: String::new(),
        release: String::new(),
        epoch: 0,
        version: String::new(),
        started: UNIX_EPOCH,
    };
    let collector = Arc::new(Collector::new(process));
    let guard = Arc::new(Guard::new("store", collector.clone()));
    let watched = guard.clone();
    let sentry = Arc::new(Rough(std::sync::atomic::AtomicU32::new(0)));
    let task = tokio::spawn(async move { watched.keep_watch(sentry).await });
    let mut told = Vec::new();
    while !told.iter().any(|event: &tenet_api::telemetry::v1::Event| event.text.contains("user eve")) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        collector.tick(UNIX_EPOCH);
        told.extend(collector.snapshot().events.clone());
    }
    let texts: Vec<&str> = told.iter().map(|event| &event.text[..]).collect();
    assert!(texts.iter().any(|text| text.starts_with("nobody looks")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("cleared: nobody looks")), "{texts:?}");
    assert!(told.iter().any(|event| event.kind() == tenet_api::telemetry::v1::EventKind::Intruder));
    let alarms = collector.snapshot().alarms.clone();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let mut page = String::new();
    Guard::write_metrics([&*guard], &mut page);
    for line in [
        "tenet_foreign_sessions{database=\"store\"} 1\n",
        "tenet_foreign_sessions_seen_total{database=\"store\"} 1\n",
        "tenet_foreign_writes_total{database=\"store\"} 0\n",
        "tenet_guard_failures_total{database=\"store\"} 3\n",
        "tenet_guard_age_seconds{database=\"store\"} ",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    task.abort();
    guard.end(UNIX_EPOCH);
    collector.tick(UNIX_EPOCH);
    assert_eq!(collector.snapshot().alarms, []);
}
