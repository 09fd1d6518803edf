//! One allowance for the whole call tree: carried, divided, reported back, and never more than was given.

use crate::stage::{READ, Stage, good, scripted};
use std::net::SocketAddr;
use tenet_tests::gateway::sample_sum;
use tenet_tests::h2c::H2;
use tenet_tests::{Answer, Up, eventually, example, http1};

fn allowance(headers: Option<&str>) -> Option<u32> {
    let member = headers?.split(',').find_map(|member| member.trim().strip_prefix("tenet-allowance="))?;
    member.split('.').next()?.parse().ok()
}

#[test]
fn each_attempt_carries_its_share_and_strangers_cannot_give_themselves_more() {
    let stage = Stage::open(vec![good()], "[resilience.retry]\nallowance = 5");
    for baggage in ["", "tenet-allowance=60", "a=b,tenet-allowance=60.0123456789abcdef"] {
        let headers = [("baggage", baggage)];
        let headers = if baggage.is_empty() { &[][..] } else { &headers };
        assert_eq!(http1::call(stage.gateway.public, "GET", "/v1/read", headers, b"").status, 200);
        let call = stage.instances[0].calls().into_iter().rfind(|call| call.path == READ).unwrap();
        assert_eq!(allowance(call.header("baggage")), Some(3), "half of five, rounded up: {baggage:?}");
        assert_eq!(call.header("baggage").unwrap().contains("a=b"), baggage.contains("a=b"));
    }
}

#[test]
fn a_service_spends_what_it_was_given_and_no_more() {
    let settings = "[resilience.health]\ncheck = \"off\"\n[resilience.ejection]\nconsecutive = 0\nfailure_percent = 0\n[resilience.retry]\nattempts = 10\nbackoff = \"1ms\"\nmax_backoff = \"1ms\"";
    let failing = || scripted(|_| Answer::grpc_failure(14, "not now"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (given, spent) in [("tenet-allowance=0", 0), ("tenet-allowance=2", 2), ("tenet-allowance=1", 1)] {
        let stage = Stage::open(vec![failing(), failing(), failing()], settings);
        let reply = runtime.block_on(async {
            let client = H2::connect(stage.gateway.private).await;
            client.grpc(READ, &[("baggage", given)], b"").await.unwrap()
        });
        assert_eq!(reply.grpc_status(), Some(14));
        assert_eq!(stage.calls(READ), 1 + spent, "{given}");
        let said = reply.headers.get("tenet-retries-spent").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(said, Some(spent.to_string()), "{given}: {reply:?}");
    }
}

#[test]
fn who_only_copies_its_baggage_shares_what_it_was_given() {
    // The service calls back twice through the private door, with the very baggage it got: what both may spend is one share.
    let settings = "[resilience.health]\ncheck = \"off\"\n[resilience.ejection]\nconsecutive = 0\nfailure_percent = 0\n[resilience.retry]\nattempts = 10\nallowance = 5\nbackoff = \"1ms\"\nmax_backoff = \"1ms\"";
    let (tell, told) = std::sync::mpsc::channel::<String>();
    let tell = std::sync::Mutex::new(tell);
    let holding = scripted(move |call| {
        if call.path.ends_with("Quick") {
            let baggage = call.header("baggage").unwrap_or_default().to_owned();
            let _ = tell.lock().unwrap().send(baggage);
            // Long enough for the test to call back while this attempt is under way.
            return Answer::grpc(&call.message()).after(std::time::Duration::from_millis(280));
        }
        Answer::grpc_failure(14, "not now")
    });
    let stage = Stage::open(vec![holding], settings);
    let public = stage.gateway.public;
    let outer = std::thread::spawn(move || http1::get(public, "/v1/quick").status);
    let baggage = told.recv_timeout(tenet_tests::PATIENCE).unwrap();
    let given = allowance(Some(&baggage)).unwrap() as usize;
    assert_eq!(given, 3);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.private).await;
        let headers = [
            ("baggage", baggage.as_str()),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        for _ in 0..3 {
            let _ = client.grpc(READ, &headers, b"").await.unwrap();
        }
    });
    let extra = stage.calls(READ) - 3;
    assert_eq!(extra, given, "three calls with copies of one share spend that share once");
    assert_eq!(outer.join().unwrap(), 200);
    // An id that is over, or of another process, gives nothing.
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.private).await;
        let _ = client.grpc(READ, &[("baggage", baggage.as_str())], b"").await.unwrap();
    });
    assert_eq!(stage.calls(READ), 3 + given + 1);
}

#[test]
fn the_edge_knows_what_its_whole_trees_spent() {
    const CALLS: usize = 12;
    let settings = "\n[resilience.ejection]\ncap_percent = 0\n[resilience.retry]\nbackoff = \"1ms\"\nmax_backoff = \"1ms\"\n";
    let project = example::project(|text| text + settings);
    let up = Up::start(&project, &["--no-build", "--fault-points"]);
    let instance = |service: &str| -> SocketAddr {
        let all = up.state["instances"].as_array().unwrap();
        let one = all.iter().find(|one| one["id"].as_str().is_some_and(|id| id.starts_with(service)));
        one.unwrap()["address"].as_str().unwrap().parse().unwrap()
    };
    let accounts = instance("accounts");
    let read = || {
        for _ in 0..CALLS {
            http1::get(up.public, "/v1/users/u7/timeline");
        }
    };
    let counted = |calls: usize| {
        eventually("the trees to be counted", || {
            (up.metric("tenet_tree_calls_total", &[]) as usize == calls).then_some(())
        });
        up.metric("tenet_tree_extra_attempts_total", &[]) as usize
    };
    // Whatever asked before, to find out whether all is up, reached no instance.
    let before = counted(0);
    read();
    assert_eq!(counted(CALLS) - before, 0, "all went well at once");

    // accounts fails, two hops below the edge: timeline repeats its call, and the gateway its own.
    let asked = || service_sum(accounts, "tenet_service_call_duration_seconds_count", "UNAVAILABLE");
    let fault = br#"{"error":{"code":"UNAVAILABLE"},"for_ms":60000}"#;
    let json = [("content-type", "application/json")];
    assert_eq!(http1::call(accounts, "PUT", "/-/faults", &json, fault).status, 200);
    let asked_before = asked();
    read();
    let extra = counted(2 * CALLS);
    assert_eq!(extra, asked() - asked_before - CALLS, "each extra attempt anywhere came to accounts once");
    assert!(extra > CALLS, "{extra}: more than one layer repeats");
    assert!(extra <= 3 * CALLS, "{extra}: the allowance is three");
    for admin in up.admins() {
        let text = http1::get(admin, "/metrics").text();
        let (ratio, ceiling) = (
            sample_sum(&text, "tenet_tree_amplification_ratio", &[]),
            sample_sum(&text, "tenet_tree_amplification_ceiling", &[]),
        );
        assert_eq!(ceiling, 4.0);
        assert!(text.contains("\ntenet_tree_amplification_ratio"), "it is told");
        assert!(ratio <= ceiling, "{ratio}");
    }
}

/// The sum of a metric of a service of the SDK, of the samples with this code.
fn service_sum(address: SocketAddr, metric: &str, code: &str) -> usize {
    sample_sum(&http1::get(address, "/metrics").text(), metric, &[&format!("code=\"{code}\"")]) as usize
}
