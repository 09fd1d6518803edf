//! What is repeated: what may be, at another instance, in time, and no further than the budget and the allowance reach.

use crate::stage::{READ, Stage, good, scripted};
use std::time::{Duration, Instant};
use tenet_tests::http1;
use tenet_tests::{Answer, GrpcBackend, eventually};

fn failing(status: u32) -> GrpcBackend {
    scripted(move |_| Answer::grpc_failure(status, "not now"))
}

#[test]
fn what_may_be_repeated_is_and_what_may_not_is_not() {
    // Health checks are off: only calls are to find out.
    let settings =
        "[resilience.health]\ncheck = \"off\"\n[resilience.ejection]\nconsecutive = 0\nfailure_percent = 0";
    for (status, repeated) in [(14, true), (13, true), (2, true), (5, false), (3, false), (9, false)] {
        let stage = Stage::open(vec![failing(status), good(), good()], settings);
        let answers: Vec<u16> =
            (0..24).map(|_| http1::get(stage.gateway.public, "/v1/read?text=x").status).collect();
        let failed = answers.iter().filter(|status| **status != 200).count();
        let reached = stage.instances[0].calls().len();
        assert!(reached > 0, "status {status}: the failing instance was never called");
        if repeated {
            assert_eq!(failed, 0, "status {status}: {answers:?}");
        } else {
            assert_eq!(failed, reached, "status {status}: {answers:?}");
        }
        // A write may have run, and is never repeated.
        let buys: Vec<u16> = (0..24)
            .map(|_| {
                let json = [("content-type", "application/json")];
                http1::call(stage.gateway.public, "POST", "/v1/buy", &json, b"{}").status
            })
            .collect();
        let failed = buys.iter().filter(|status| **status != 200).count();
        assert_eq!(stage.calls("/survive.v1.Shop/Buy"), 24, "status {status}: {buys:?}");
        assert_eq!(failed, stage.instances[0].calls().iter().filter(|c| c.path.ends_with("Buy")).count());
    }
}

#[test]
fn an_idempotency_key_makes_a_write_repeatable() {
    let stage = Stage::open(vec![failing(14), good()], "[resilience.health]\ncheck = \"off\"");
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
    for _ in 0..12 {
        let answer = http1::call(stage.gateway.public, "POST", "/v1/buy", &headers, b"{}");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn what_provably_did_not_run_is_sent_elsewhere_whatever_it_is() {
    let refusing = scripted(|_| Answer::grpc_failure(14, "full").header("tenet-not-run", "1"));
    let stage = Stage::open(vec![refusing, good()], "[resilience.health]\ncheck = \"off\"");
    for _ in 0..12 {
        let json = [("content-type", "application/json")];
        assert_eq!(http1::call(stage.gateway.public, "POST", "/v1/buy", &json, b"{}").status, 200);
    }
    assert!(!stage.instances[0].calls().is_empty());
}

#[test]
fn a_pushback_is_obeyed() {
    // Negative: not again (gRFC A6).
    let never = || scripted(|_| Answer::grpc_failure(14, "go away").header("grpc-retry-pushback-ms", "-1"));
    let stage = Stage::open(vec![never(), never()], "[resilience.health]\ncheck = \"off\"");
    assert_eq!(http1::get(stage.gateway.public, "/v1/read").status, 503);
    assert_eq!(stage.calls(READ), 1);
    let later = || scripted(|_| Answer::grpc_failure(14, "later").header("grpc-retry-pushback-ms", "300"));
    let stage = Stage::open(vec![later(), later()], "[resilience.health]\ncheck = \"off\"");
    let begun = Instant::now();
    assert_eq!(http1::get(stage.gateway.public, "/v1/read").status, 503);
    assert_eq!(stage.calls(READ), 3);
    assert!(begun.elapsed() >= Duration::from_millis(600), "two pauses of 300 ms: {:?}", begun.elapsed());
}

#[test]
fn an_instance_that_hangs_costs_half_of_the_time_and_no_call() {
    let hung = scripted(|call| Answer::grpc(&call.message()).after(Duration::from_secs(60)));
    let stage = Stage::open(vec![hung, good(), good()], "[resilience.health]\ncheck = \"off\"");
    for _ in 0..20 {
        let begun = Instant::now();
        let answer = http1::get(stage.gateway.public, "/v1/quick?text=x");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(begun.elapsed() < Duration::from_millis(600));
    }
    // It lost its traffic: of twenty calls it got the first and at most a few more.
    assert!((1..=4).contains(&stage.instances[0].calls().len()), "{}", stage.instances[0].calls().len());
    eventually("the second attempts are counted", || {
        let won = stage.gateway.metric("tenet_upstream_hedges_won_total", &["service=\"shop\""]);
        (won >= 1.0).then_some(())
    });
}

#[test]
fn an_instance_that_fails_is_ejected_and_told_of() {
    // By default it takes five failures in a row, and the balancer hardly lets it come to that.
    let settings = "[resilience.health]\ncheck = \"off\"\n[resilience.ejection]\nconsecutive = 1";
    let stage = Stage::open(vec![failing(13), good(), good()], settings);
    for _ in 0..60 {
        assert_eq!(http1::get(stage.gateway.public, "/v1/read?text=x").status, 200);
    }
    eventually("the ejection is counted", || {
        let ejections = stage.gateway.metric("tenet_upstream_ejections_total", &["service=\"shop\""]);
        let healthy = stage.gateway.metric("tenet_instance_healthy", &["zone=\"a\""]);
        (ejections >= 1.0 && healthy == 0.0).then_some(())
    });
    // Counters are told once a second.
    eventually("every call is counted", || {
        (stage.gateway.metric("tenet_upstream_calls_total", &["service=\"shop\""]) >= 60.0).then_some(())
    });
    let retries = stage.gateway.metric("tenet_upstream_retries_total", &["cause=\"INTERNAL\""]);
    let (calls, attempts) = (
        stage.gateway.metric("tenet_upstream_calls_total", &["service=\"shop\""]),
        stage.gateway.metric("tenet_upstream_attempts_total", &["service=\"shop\""]),
    );
    assert_eq!(calls, 60.0);
    assert_eq!(attempts, 60.0 + retries, "every attempt beyond the first is a retry with a cause");
}

#[test]
fn the_budget_ends_a_storm() {
    let settings = "[resilience.health]\ncheck = \"off\"\n[resilience.ejection]\nconsecutive = 0\nfailure_percent = 0\n[resilience.retry]\nbudget_percent = 10\nbudget_floor = 0\nbackoff = \"1ms\"\nmax_backoff = \"1ms\"";
    let stage = Stage::open(vec![failing(14), failing(14), failing(14)], settings);
    for _ in 0..100 {
        assert_eq!(http1::get(stage.gateway.public, "/v1/read?text=x").status, 503);
    }
    let attempts = stage.calls(READ);
    assert!((105..=110).contains(&attempts), "100 calls and a tenth: {attempts}");
}

#[test]
fn a_key_keeps_its_instance_while_that_serves() {
    let stage = Stage::open(vec![good(), good(), good()], "");
    for key in ["one", "two", "three", "four", "five", "six"] {
        let served: Vec<_> = (0..6)
            .map(|_| {
                let before: Vec<_> = stage.instances.iter().map(|one| one.calls().len()).collect();
                let answer = http1::get(stage.gateway.public, &format!("/v1/keyed?text={key}"));
                assert_eq!(answer.status, 200);
                let keyed = |one: &GrpcBackend| one.calls().last().is_some_and(|c| c.path.ends_with("Keyed"));
                stage.instances.iter().zip(before).position(|(one, n)| one.calls().len() > n && keyed(one))
            })
            .collect();
        assert!(served.windows(2).all(|pair| pair[0] == pair[1]), "{key}: {served:?}");
    }
}
