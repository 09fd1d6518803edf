//! Changes under load: no request fails, none sees half of a release, a bad release is refused whole.

use crate::fleet::{contract, descendants, greeter, printed, project, settings, statuses, tenet, version};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tenet_tests::load::Load;
use tenet_tests::{Answer, GrpcBackend, Up, eventually, example, http1};

const HTTP1: usize = 4;
const HTTP2: usize = 4;

fn each<'s>(statuses: &'s [Value], key: &str) -> Vec<&'s Value> {
    statuses.iter().map(|status| &status[key]).collect()
}

#[test]
fn a_restart_loses_no_request() {
    // Slow enough that every gateway has calls in flight when it is told to go.
    let backend = GrpcBackend::start(|_| Answer::grpc(b"\x0a\x02hi").after(Duration::from_millis(30)));
    let project = project(&backend, "old");
    let mut up = Up::start(&project, &[]);
    let load = Load::start(up.public, "/hello", HTTP1, HTTP2, version);
    load.flows(100);
    let mut pids = BTreeSet::new();
    for round in 0..2 {
        let before = statuses(&up);
        pids.extend(before.iter().map(|status| status["pid"].as_u64()));
        let restart = tenet(&["restart"], project.path());
        assert!(restart.status.success(), "{round}: {}", printed(&restart));
        load.flows(100);
        let after = statuses(&up);
        for (old, new) in before.iter().zip(&after) {
            assert_ne!(old["pid"], new["pid"], "{round}: replaced");
        }
        assert_eq!(each(&before, "release"), each(&after, "release"));
        assert_eq!(load.failures(), [], "{round}");
    }
    let tally = load.stop();
    assert_eq!(tally.failures, []);
    assert_eq!(tally.answers.keys().collect::<Vec<_>>(), ["old"]);
    // At most one request of each connection met the GOAWAY of each of the four gateways that went.
    assert!(tally.moved <= 4 * HTTP2 as u64, "{tally:?}");
    assert_eq!(pids.len(), 4);
    assert_eq!(up.process.stop().code(), Some(0));
}

#[test]
fn a_restart_of_the_services_loses_no_request() {
    let (project, mut up) = example::up(|text| text);
    let judge = |answer: &http1::Response| match answer.status {
        200 => Ok(answer.json()["handle"].to_string()),
        _ => Err(format!("{} {}", answer.status, answer.text())),
    };
    let load = Load::start(up.public, "/v1/users/u1", HTTP1, HTTP2, judge);
    load.flows(100);
    let before = descendants(up.process.pid());
    let restart = tenet(&["restart", "--services"], project.path());
    assert!(restart.status.success(), "{}", printed(&restart));
    load.flows(100);
    let tally = load.stop();
    assert_eq!(tally.failures, []);
    assert_eq!(tally.answers.keys().collect::<Vec<_>>(), ["\"ben_1\""]);
    let kept: Vec<_> = descendants(up.process.pid()).into_iter().filter(|pid| before.contains(pid)).collect();
    assert!(kept.len() <= 1, "all but the console are new: {kept:?}");
    assert_eq!(up.process.stop().code(), Some(0));
}

#[test]
fn a_reload_switches_atomically_and_loses_no_request() {
    let backend = greeter();
    let project = project(&backend, "old");
    let mut up = Up::start(&project, &[]);
    let first = statuses(&up);
    let load = Load::start(up.public, "/hello", HTTP1, HTTP2, version);
    let mut epochs = vec![first[0]["epoch"].as_u64().unwrap()];
    for (other, gone) in [("new", "old"), ("old", "new"), ("newer", "old")] {
        load.flows(100);
        assert_eq!(http1::get(up.public, &format!("/{gone}/hello")).status, 200);
        project.write("proto/fleet/v1/fleet.proto", &contract(other));
        let reload = tenet(&["reload"], project.path());
        assert!(reload.status.success(), "{}", printed(&reload));
        // The command has returned: from here on nobody sees the release before.
        for _ in 0..10 {
            let answer = http1::get(up.public, "/hello");
            assert_eq!(version(&answer).as_deref(), Ok(other));
            assert_eq!(http1::get(up.public, &format!("/{gone}/hello")).status, 404);
            assert_eq!(http1::get(up.public, &format!("/{other}/hello")).status, 200);
        }
        let now = statuses(&up);
        assert_eq!(now[0]["epoch"], now[1]["epoch"]);
        assert_eq!(now[0]["release"], now[1]["release"]);
        assert_eq!(each(&now, "pid"), each(&first, "pid"), "the processes go on");
        epochs.push(now[0]["epoch"].as_u64().unwrap());
    }
    load.flows(100);
    let tally = load.stop();
    assert_eq!(tally.failures, [], "every answer was wholly of one release");
    assert_eq!(tally.answers.keys().collect::<Vec<_>>(), ["new", "newer", "old"]);
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    assert_eq!(up.process.stop().code(), Some(0));
}

#[test]
fn a_bad_release_is_refused_whole_and_the_running_one_goes_on() {
    let backend = greeter();
    let project = project(&backend, "old");
    let mut up = Up::start(&project, &[]);
    let first = statuses(&up);
    let load = Load::start(up.public, "/hello", HTTP1, HTTP2, version);
    let good = settings(&backend);
    let ambiguous = contract("old").replace(
        "message Words",
        "service Twin { rpc Hello(Words) returns (Words) { option (google.api.http) = { get: \"/hello\" }; } }\nmessage Words",
    );
    let serves_both = good.replace("[\"fleet.v1.Fleet\"]", "[\"fleet.v1.Fleet\", \"fleet.v1.Twin\"]");
    for (proto, toml, words) in [
        ("syntax = \"proto3\";\nmessage Half {\n".to_owned(), good.clone(), &["fleet.proto"][..]),
        (
            contract("new").replace("returns (Words)", "returns (Wodrs)"),
            good.clone(),
            &["fleet.proto", "Wodrs"],
        ),
        (ambiguous, serves_both, &["/hello", "Fleet", "Twin"]),
        (contract("new"), good.replace("serves", "servs"), &["tenet.toml", "servs"]),
        (contract("new"), format!("{good}[gateway]\ndeadline = \"0s\"\n"), &["deadline"]),
    ] {
        load.flows(50);
        project.write("proto/fleet/v1/fleet.proto", &proto);
        project.write("tenet.toml", &toml);
        let reload = tenet(&["reload"], project.path());
        let text = printed(&reload);
        assert_eq!(reload.status.code(), Some(1), "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {text}");
        }
        let now = statuses(&up);
        for key in ["release", "epoch", "pid"] {
            assert_eq!(each(&now, key), each(&first, key), "{key}");
        }
    }
    let tally = load.stop();
    assert_eq!(tally.failures, []);
    assert_eq!(tally.answers.keys().collect::<Vec<_>>(), ["old"]);
    // What was refused left nothing behind: the next good one is taken.
    project.write("proto/fleet/v1/fleet.proto", &contract("new"));
    project.write("tenet.toml", &good);
    let reload = tenet(&["reload"], project.path());
    assert!(reload.status.success(), "{}", printed(&reload));
    assert_eq!(version(&http1::get(up.public, "/hello")).as_deref(), Ok("new"));
    // A gateway that is started later has it as well.
    let pid = statuses(&up)[0]["pid"].as_i64().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let back = eventually("the gateway to be back", || {
        let answer = http1::try_call(up.admins()[0], "GET", "/-/status", &[], b"").ok()?.json();
        (answer["pid"].as_i64() != Some(pid)).then_some(answer)
    });
    let other = &statuses(&up)[1];
    assert_eq!((&back["release"], &back["epoch"]), (&other["release"], &other["epoch"]));
    assert_eq!(up.process.stop().code(), Some(0));
}
