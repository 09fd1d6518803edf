//! What is refused when there is too much: at once, with when to come back, the unimportant first, and without a call upstream.

use crate::stage::{Stage, scripted};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tenet_tests::{Answer, eventually, http1};

const SETTINGS: &str =
    "[resilience.admission]\nlimit = \"off\"\n[resilience.bulkhead]\nin_flight = 2\nqueue = 0";

#[test]
fn a_full_service_is_refused_at_once_and_says_when_to_come_back() {
    let slow = scripted(|call| Answer::grpc(&call.message()).after(Duration::from_millis(1500)));
    let stage = Stage::open(vec![slow], SETTINGS);
    let public = stage.gateway.public;
    let held: Vec<_> =
        (0..2).map(|_| std::thread::spawn(move || http1::get(public, "/v1/read").status)).collect();
    eventually("both are under way", || (stage.calls("/survive.v1.Shop/Read") == 2).then_some(()));
    for path in ["/v1/suggest", "/v1/read", "/v1/quick"] {
        let answer = http1::get(public, path);
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.text().contains("\"code\":\"OVERLOADED\""), "{}", answer.text());
        let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&after), "{after}");
    }
    assert_eq!(stage.calls("/survive.v1.Shop/Suggest") + stage.calls("/survive.v1.Shop/Quick"), 0);
    for one in held {
        assert_eq!(one.join().unwrap(), 200);
    }
    assert_eq!(http1::get(public, "/v1/suggest").status, 200, "there is room again");
    eventually("what was shed is counted by its priority", || {
        let shed = |priority: &str| {
            stage.gateway.metric("tenet_upstream_shed_total", &[&format!("priority=\"{priority}\"")])
        };
        (shed("sheddable") == 1.0 && shed("normal") == 2.0 && shed("critical") == 0.0).then_some(())
    });
}

#[test]
fn a_burst_waits_for_its_turn_and_loses_nobody() {
    let settings =
        "[resilience.admission]\nlimit = \"off\"\n[resilience.bulkhead]\nin_flight = 2\nqueue = 64";
    let slow = scripted(|call| Answer::grpc(&call.message()).after(Duration::from_millis(5)));
    let stage = Stage::open(vec![slow], settings);
    let public = stage.gateway.public;
    let burst: Vec<_> =
        (0..6).map(|_| std::thread::spawn(move || http1::get(public, "/v1/read").status)).collect();
    for one in burst {
        assert_eq!(one.join().unwrap(), 200);
    }
    eventually("how long they waited is told", || {
        let waited = stage.gateway.metric("tenet_upstream_queue_time_seconds_count", &["service=\"shop\""]);
        (waited >= 1.0).then_some(())
    });
}

#[test]
fn a_call_that_waits_ends_at_its_deadline() {
    let settings = "[resilience.admission]\nlimit = \"off\"\n[resilience.bulkhead]\nin_flight = 1\nqueue = 64\nqueue_time = \"60s\"\n";
    let slow = scripted(|call| Answer::grpc(&call.message()).after(Duration::from_secs(3)));
    let stage = Stage::open(vec![slow], settings);
    let public = stage.gateway.public;
    let held = std::thread::spawn(move || http1::get(public, "/v1/read").status);
    eventually("one is under way", || (stage.calls("/survive.v1.Shop/Read") == 1).then_some(()));
    let answer = http1::get(public, "/v1/quick");
    assert!([503, 504].contains(&answer.status), "{}", answer.text());
    assert_eq!(stage.calls("/survive.v1.Shop/Quick"), 0, "it never left");
    assert_eq!(held.join().unwrap(), 200);
}

#[test]
fn errors_that_cost_no_work_do_not_make_the_work_seem_slow() {
    const CALLERS: usize = 40;
    let works = Arc::new(AtomicBool::new(false));
    let script = works.clone();
    let service = scripted(move |call| match script.load(Relaxed) {
        false => Answer::grpc_failure(5, "nothing here"),
        true => Answer::grpc(&call.message()).after(Duration::from_millis(50)),
    });
    let stage = Stage::open(vec![service], "[resilience.admission]\nmin = 4");
    let public = stage.gateway.public;
    let calls = |each: usize, expected: u16| {
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(move || {
                    for _ in 0..each {
                        assert_eq!(http1::get(public, "/v1/read").status, expected);
                    }
                });
            }
        });
    };
    calls(20, 404);
    works.store(true, Relaxed);
    // About a second: ten windows, in which a limit that took the errors for the work's own time would fall by half.
    calls(20, 200);
    eventually("the limit of the service is as it was, or more", || {
        (stage.gateway.metric("tenet_upstream_limit", &["service=\"shop\""]) >= 60.0).then_some(())
    });
    assert_eq!(stage.gateway.metric("tenet_upstream_shed_total", &[]), 0.0);
}
