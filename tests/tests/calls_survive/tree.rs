//! One allowance for the whole call tree: carried, divided, reported back, and never more than was given.

use crate::stage::{READ, Stage, good, scripted};
use tenet_tests::h2c::H2;
use tenet_tests::{Answer, http1};

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
