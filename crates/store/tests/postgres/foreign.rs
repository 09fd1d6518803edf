//! Who else is there: sessions and writes that are not the store's, and another owner.

use super::*;
use tenet_store::engine::Stamp;
use tenet_store::guard::{Guard, Sentry as _, WRITE_ALARM};
use tenet_telemetry::{Collector, ProcessInfo};

#[tokio::test(flavor = "multi_thread")]
async fn foreign_sessions_are_told_from_those_of_all_our_processes() {
    let test = "foreign_sessions_are_told_from_those_of_all_our_processes";
    let Some(server) = Server::start(test, &[]) else { return };
    let engines = [open(&server, "watch").await, open(&server, "watch").await];
    let users = declare(&engines[0], "users").await;
    let many = (0..8).map(|n| {
        let engine = &engines[n % 2];
        async move { one(engine, put(users, &[&format!("u{n}")], None, "v")).await }
    });
    futures_util::future::join_all(many).await;
    assert_eq!(engines[0].foreign_sessions().await.unwrap(), []);
    let curious = foreigner(&server, "postgres", "curious").await;
    curious.query("SELECT 'what they ran'", &[]).await.unwrap();
    let name = server.sql(
        "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'tenet-store %' LIMIT 1",
    );
    // A copied name alone makes nobody ours.
    let copy = foreigner(&server, "postgres", &name.replace(' ', "%20")).await;
    for engine in &engines {
        let found = eventually("psql to be gone", || async {
            let found = engine.foreign_sessions().await.unwrap();
            (!found.iter().any(|session| session.application == "psql")).then_some(found)
        })
        .await;
        let names: Vec<_> = found.iter().map(|session| session.application.as_str()).collect();
        assert!(names.len() == 2 && names.contains(&"curious") && names.contains(&&name[..]), "{found:?}");
        let curious = found.iter().find(|session| session.application == "curious").unwrap();
        assert_eq!((curious.user.as_str(), curious.address.as_deref()), ("postgres", Some("127.0.0.1")));
        assert!(curious.query.as_ref().is_some_and(|query| query.contains("what they ran")));
    }
    drop((curious, copy));
    eventually("the others to be gone", || async {
        engines[1].foreign_sessions().await.unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_sees_that_they_are_there() {
    let test = "a_role_without_rights_sees_that_they_are_there";
    let Some(server) = Server::start(test, &[]) else { return };
    server.sql("CREATE ROLE store LOGIN; CREATE SCHEMA plain AUTHORIZATION store");
    let url = server.url().replace("postgres@", "store@");
    let engine = Postgres::open(config(url, "plain")).await.unwrap();
    let users = declare(&engine, "users").await;
    one(&engine, put(users, &["u"], None, "v")).await;
    let curious = foreigner(&server, "postgres", "curious").await;
    curious.query("SELECT 1", &[]).await.unwrap();
    // The server's own sender of its log is hidden from such a role like everybody else, and yet no stranger.
    let mut sender = server.session("replication=database", "IDENTIFY_SYSTEM");
    // Sessions of `psql` are gone a moment after it ended.
    let only = || async {
        eventually("the curious one to be the only one", || async {
            let mut found = engine.foreign_sessions().await.unwrap();
            (found.len() == 1).then(|| found.remove(0))
        })
        .await
    };
    for seen in [false, true] {
        let found = only().await;
        assert_eq!((found.user.as_str(), found.application.as_str()), ("postgres", "curious"));
        assert_eq!((found.query.is_some(), found.address.is_some()), (seen, seen), "{found:?}");
        server.sql("GRANT pg_monitor TO store");
    }
    sender.kill().unwrap();
    sender.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_writes_are_noted_and_ours_are_not() {
    let Some(server) = shared("foreign_writes_are_noted_and_ours_are_not") else { return };
    let engine = open(server, "notes").await;
    let users = declare(&engine, "users").await;
    one(&engine, act(users, "u", "", Action::Put(inline("v")), Some(Duration::ZERO))).await;
    one(&engine, put(users, &["w"], None, "v")).await;
    engine.stage(1, 0, bytes("v")).await.unwrap();
    engine.claim(Stamp { owner: "feed".into(), id: 7 }).await.unwrap();
    engine.upkeep(Duration::ZERO, 100).await.unwrap();
    assert_eq!(engine.foreign_writes(UnixMs(0)).await.unwrap(), []);
    let intruder = foreigner(server, "postgres", "intruder").await;
    intruder.batch_execute("BEGIN; DELETE FROM notes.item; ROLLBACK").await.unwrap();
    assert_eq!(engine.foreign_writes(UnixMs(0)).await.unwrap(), [], "it did nothing");
    for _ in 0..3 {
        intruder.batch_execute("UPDATE notes.item SET value = 'theirs'").await.unwrap();
    }
    intruder.batch_execute("SET session_replication_role = replica; TRUNCATE notes.token").await.unwrap();
    let found = engine.foreign_writes(UnixMs(0)).await.unwrap();
    assert_eq!(found.iter().map(|write| &write.table[..]).collect::<Vec<_>>(), ["token", "item"]);
    let write = &found[1];
    assert_eq!((write.writes, write.user.as_str(), write.application.as_str()), (3, "postgres", "intruder"));
    assert_eq!(write.address.as_deref(), Some("127.0.0.1"));
    assert!(write.query.contains("theirs") && write.last >= write.first, "{write:?}");
    assert_eq!(engine.foreign_writes(found[0].last).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_owner_stays() {
    let Some(server) = shared("the_first_owner_stays") else { return };
    let engines = [open(server, "stamps").await, open(server, "stamps").await];
    let stamps = [1, 2].map(|id| Stamp { owner: format!("owner {id}"), id });
    let claims = engines.iter().zip(&stamps).map(|(engine, stamp)| engine.claim(stamp.clone()));
    let answers = futures_util::future::join_all(claims).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers[0] == answers[1] && stamps.contains(&answers[0]), "{answers:?}");
    assert_eq!(engines[1].claim(stamps[1].clone()).await.unwrap(), answers[0]);
}

fn collector() -> std::sync::Arc<Collector> {
    let started = std::time::SystemTime::now();
    let text = String::new;
    std::sync::Arc::new(Collector::new(ProcessInfo {
        name: "store-1".into(),
        role: "store".into(),
        zone: text(),
        release: text(),
        epoch: 0,
        version: text(),
        started,
    }))
}

/// What one more look tells: alarms that stand, and texts of the events that came.
async fn told(
    guard: &Guard,
    collector: &Collector,
    engine: &Postgres,
) -> (Vec<(tenet_api::telemetry::v1::Severity, String)>, Vec<String>) {
    let now = std::time::SystemTime::now();
    guard.take(engine.look(WRITE_ALARM).await, now);
    collector.tick(now);
    let second = collector.snapshot();
    let alarms = second.alarms.iter().map(|alarm| (alarm.severity(), alarm.text.clone())).collect();
    (alarms, second.events.iter().map(|event| event.text.clone()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_tells_who_is_there_and_who_wrote_and_when_it_is_over() {
    use tenet_api::telemetry::v1::Severity;
    let test = "the_guard_tells_who_is_there_and_who_wrote_and_when_it_is_over";
    let Some(mut server) = Server::start(test, &[]) else { return };
    server.sql("CREATE ROLE exporter LOGIN");
    let engines = [open(&server, "guarded").await, open(&server, "guarded").await];
    let users = declare(&engines[0], "users").await;
    one(&engines[1], put(users, &["u"], None, "v")).await;
    let collector = collector();
    let guard = Guard::new("store", collector.clone());
    guard.know(["exporter".to_owned()]);
    let _exporter = foreigner(&server, "exporter", "metrics").await;
    // The replica of a database is no stranger either.
    let mut sender = server.session("replication=database", "IDENTIFY_SYSTEM");
    eventually("psql to be gone", || async {
        let found = engines[0].foreign_sessions().await.unwrap();
        (!found.iter().any(|session| session.application == "psql")).then_some(())
    })
    .await;
    assert_eq!(told(&guard, &collector, &engines[0]).await, (vec![], vec![]));

    let curious = foreigner(&server, "postgres", "curious").await;
    curious.query("SELECT 'what they ran'", &[]).await.unwrap();
    let (alarms, events) = told(&guard, &collector, &engines[0]).await;
    let who = "user postgres from 127.0.0.1, application \"curious\"";
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].0 == Severity::Warning && alarms[0].1.contains(who), "{alarms:?}");
    assert!(alarms[0].1.contains("SELECT 'what they ran'"), "{alarms:?}");
    assert!(events.iter().any(|text| text.contains(who) && text.contains("there since 2")), "{events:?}");
    assert_eq!(told(&guard, &collector, &engines[0]).await.1, Vec::<String>::new(), "told once");

    curious.batch_execute("UPDATE guarded.item SET value = 'theirs'").await.unwrap();
    let (alarms, _) = told(&guard, &collector, &engines[0]).await;
    let critical: Vec<_> = alarms.iter().filter(|alarm| alarm.0 == Severity::Critical).collect();
    assert_eq!((alarms.len(), critical.len()), (2, 1), "{alarms:?}");
    assert!(critical[0].1.contains(who) && critical[0].1.contains("UPDATE guarded.item"), "{critical:?}");

    drop(curious);
    let left = eventually("the session's alarm to be over", || async {
        let (alarms, events) = told(&guard, &collector, &engines[0]).await;
        (alarms.len() == 1).then_some((alarms, events))
    })
    .await;
    assert_eq!(left.0[0].0, Severity::Critical, "what was written stays written: {left:?}");
    assert!(left.1.iter().any(|text| text.starts_with("cleared: 1 session")), "{left:?}");

    // A server that is away ends nothing but the look, which is then an alarm itself.
    sender.kill().unwrap();
    sender.wait().unwrap();
    server.kill();
    let blind =
        |alarms: &[(Severity, String)]| alarms.iter().any(|alarm| alarm.1.starts_with("nobody looks"));
    eventually("the watch to be an alarm", || async {
        let (alarms, _) = told(&guard, &collector, &engines[0]).await;
        (blind(&alarms) && alarms.len() == 2).then_some(())
    })
    .await;
    server.restart();
    eventually("the watch to be well again", || async {
        let (alarms, _) = told(&guard, &collector, &engines[0]).await;
        (!blind(&alarms) && alarms.len() == 1).then_some(())
    })
    .await;
    assert_eq!(value(&engines[0], key(users, "u", "")).await, Some(inline("theirs")), "it serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_somebody_elses_own_is_watched_by_who_its_owner_is() {
    use tenet_store::guard::{Database, OwnedBy};
    let test = "a_database_of_somebody_elses_own_is_watched_by_who_its_owner_is";
    let Some(mut server) = Server::start(test, &[]) else { return };
    server.sql(
        "CREATE ROLE app LOGIN; CREATE ROLE dba LOGIN; CREATE ROLE watch LOGIN; GRANT pg_monitor TO watch",
    );
    let url = server.url().replace("postgres@", "watch@");
    let of = |users: &[&str], applications: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Database::new(&url, OwnedBy { users: list(users), applications: list(applications) }).unwrap()
    };
    let own = foreigner(&server, "app", "api").await;
    let _script = foreigner(&server, "app", "script").await;
    let _other = foreigner(&server, "dba", "api").await;
    let mut sender = server.session("replication=database", "IDENTIFY_SYSTEM");
    // Who the owner is said to be, and who is foreign then; another watch is not.
    let watches = [of(&["app"], &[]), of(&[], &["api"]), of(&["app"], &["api"]), of(&["app", "dba"], &[])];
    let expected: [&[&str]; 4] = [&["dba api"], &["app script"], &["app script", "dba api"], &[]];
    for (watch, expected) in watches.iter().zip(expected) {
        let found = eventually("psql to be gone", || async {
            let found = watch.look(WRITE_ALARM).await.unwrap().sessions;
            (!found.iter().any(|session| session.application == "psql")).then_some(found)
        })
        .await;
        let mut who: Vec<String> =
            found.iter().map(|session| format!("{} {}", session.user, session.application)).collect();
        who.sort();
        assert_eq!(who, expected, "{watch:?}");
    }
    own.query("SELECT 'what it runs'", &[]).await.unwrap();
    let found = of(&["nobody"], &[]).look(WRITE_ALARM).await.unwrap().sessions;
    let own = found.iter().find(|session| session.application == "api" && session.user == "app").unwrap();
    assert!(own.query.as_ref().is_some_and(|query| query.contains("what it runs")), "{own:?}");
    assert!(own.since.is_some() && own.address.as_deref() == Some("127.0.0.1"), "{own:?}");
    // The connection is kept, and made anew where it was lost.
    sender.kill().unwrap();
    sender.wait().unwrap();
    server.kill();
    let away = watches[0].look(WRITE_ALARM).await.unwrap_err().to_string();
    assert!(away.contains("connect") || away.contains("closed"), "{away}");
    server.restart();
    assert_eq!(watches[0].look(WRITE_ALARM).await.unwrap().sessions, []);
}
