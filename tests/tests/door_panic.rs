//! A panic ends one request with a catalogued answer, and neither its connection's other streams nor the thread.

use bytes::Bytes;
use http::Method;
use tenet_tests::h2c::H2;
use tenet_tests::{Door, door, http1};

/// Switches the fault points on; one thread, so that what survives is the thread that panicked.
const FACTS: [(&str, &str); 2] = [("TENET_FAULT_POINTS", "true"), ("TENET_THREADS", "1")];
const PANIC: &str = "tenet-fault: panic\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_streams_of_the_connection_go_on() {
    let mut door = Door::open_with("", &FACTS);
    let client = H2::connect(door.gateway.public).await;
    let slow = client.call(Method::GET, "/v1/slow", &[], None);
    let panics = async {
        for _ in 0..3 {
            let reply = client.call(Method::GET, "/v1/echo/a", &[("tenet-fault", "panic")], None).await;
            let reply = reply.expect("an answer");
            assert_eq!(reply.status, 500, "{reply:?}");
            let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("a problem");
            assert_eq!(problem["code"], "GATEWAY_PANIC");
            assert!(
                !problem.to_string().contains("asked for"),
                "what the panic said is not for strangers: {problem}"
            );
        }
        let reply =
            client.grpc("/door.v1.Echo/Echo", &[("tenet-fault", "panic")], b"").await.expect("an answer");
        assert_eq!(reply.grpc_status(), Some(13));
    };
    let (slow, ()) = tokio::join!(slow, panics);
    assert_eq!(slow.expect("the slow stream's answer").status, 200, "it was in flight through four panics");
    door.ledger.expect_many("GATEWAY_PANIC", 4);
    door.ledger.expect("OK");
    door.settle();
    assert!((door.gateway.metric("tenet_panics_total", &[]) - 4.0).abs() < f64::EPSILON);
}

#[test]
fn an_http1_connection_goes_on_after_the_answer() {
    let mut door = Door::open_with("", &FACTS);
    let mut connection = http1::Connection::open(door.gateway.public);
    let body = "{\"name\":\"a\"}";
    for fault in ["", PANIC, "", PANIC] {
        let length = body.len();
        let request = format!(
            "POST /v1/echo HTTP/1.1\r\nhost: a\r\n{fault}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        connection.send(Bytes::from(request).as_ref()).expect("the connection is open");
        let response = connection.receive(false, tenet_tests::PATIENCE).expect("an answer");
        if fault.is_empty() {
            assert_eq!(response.status, 200, "{}", response.text());
            door.ledger.expect("OK");
        } else {
            door::check_problem("panic", &response, 500, "GATEWAY_PANIC");
            door.ledger.expect("GATEWAY_PANIC");
        }
    }
    door.settle();
}

#[test]
fn without_the_fact_the_header_is_one_like_any_other() {
    let mut door = Door::open("");
    let response = http1::call(door.gateway.public, "GET", "/v1/echo/a", &[("tenet-fault", "panic")], b"");
    assert_eq!(response.status, 200, "{}", response.text());
    door.ledger.expect("OK");
    door.settle();
}
