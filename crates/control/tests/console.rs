//! The console's server as its pages use it: real sockets, real gateways' telemetry services, one of which dies.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "console/gateway.rs"]
mod gateway;
#[path = "console/http.rs"]
mod http;

use gateway::Gateway;
use http::{get, stream};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A console that is stopped when it is dropped or told to.
struct Console {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

fn console(gateways: &[&Gateway]) -> Console {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gateways = gateways.iter().map(|gateway| gateway.address.to_string()).collect();
    let (stop, stopped) = oneshot::channel();
    let options = tenet_control::Options { listener, gateways, project: "feed".into() };
    let task = tokio::spawn(tenet_control::run(options, async {
        let _ = stopped.await;
    }));
    Console { address, stop: Some(stop), task }
}

/// Reads live seconds until one satisfies the condition, within ten seconds.
async fn until(
    console: &Console,
    what: &str,
    holds: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let mut events = stream(console.address, "/api/live?window=60").await;
    let found = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let (event, data) = events.next().await.expect("the stream goes on");
            if event == "second" && holds(&data) {
                return data;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("not within ten seconds: {what}"))
}

#[tokio::test]
async fn the_page_and_its_parts_are_served_with_their_types_and_nothing_else() {
    let console = console(&[]);
    let rows = [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/src/main.js", "text/javascript; charset=utf-8"),
        ("/vendor/preact.js", "text/javascript; charset=utf-8"),
        ("/vendor/LICENSE-preact", "text/plain; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/healthz", "text/plain; charset=utf-8"),
        ("/metrics", tenet_telemetry::CONTENT_TYPE),
    ];
    for (path, content_type) in rows {
        let answer = get(console.address, path, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        if !answer.header("etag").is_empty() {
            let again =
                get(console.address, path, &format!("if-none-match: {}\r\n", answer.header("etag"))).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        }
    }
    for path in ["/nothing", "/package.json", "/test/format.test.js", "/../Cargo.toml", "/node_modules/x"] {
        assert_eq!(get(console.address, path, "").await.status, 404, "{path}");
    }
    assert_eq!(get(console.address, "/api/live?window=7", "").await.status, 400);
    assert_eq!(get(console.address, "/api/history?group=nobody", "").await.status, 404);
    assert!(get(console.address, "/metrics", "").await.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn pages_see_both_gateways_added_up() {
    let (one, two) = (Gateway::start("g1"), Gateway::start("g2"));
    one.serve(100);
    two.serve(50);
    let console = console(&[&one, &two]);
    let live = until(&console, "150 requests", |live| live["total"]["count"] == 150).await;
    assert_eq!(live["endpoints"][0]["name"], "GET /a");
    assert_eq!(live["groups"][0]["name"], "g");
    let names: Vec<_> =
        live["processes"].as_array().unwrap().iter().map(|process| &process["role"]).collect();
    assert_eq!(names, ["gateway", "gateway", "control"]);
    let history = get(console.address, "/api/history?endpoint=GET%20%2Fa&of_group=g&service=s", "").await;
    let history: serde_json::Value = serde_json::from_str(&history.body).unwrap();
    let counts = history["count"].as_array().unwrap();
    assert_eq!(counts.iter().filter_map(serde_json::Value::as_u64).sum::<u64>(), 150);
    let metrics = get(console.address, "/metrics", "").await.body;
    assert!(
        metrics.contains(
            "tenet_requests_total{endpoint=\"GET /a\",group=\"g\",service=\"s\",code=\"OK\"} 150\n"
        )
    );
}

#[tokio::test]
async fn a_gateway_that_dies_is_shown_and_loses_nothing_when_it_is_reached_again() {
    let (one, mut two) = (Gateway::start("g1"), Gateway::start("g2"));
    two.serve(10);
    let console = console(&[&one, &two]);
    let process = |live: &serde_json::Value, name: &str| {
        let all = live["processes"].as_array().unwrap();
        all.iter().find(|process| process["name"] == name).is_some_and(|process| process["up"] == true)
    };
    until(&console, "both up", |live| {
        process(live, "g1") && process(live, "g2") && live["total"]["count"] == 10
    })
    .await;
    two.cut();
    until(&console, "one down", |live| process(live, "g1") && !process(live, "g2")).await;
    // It goes on measuring while nobody can reach it.
    two.serve(5);
    two.listen();
    until(&console, "up again, with what was missed", |live| {
        process(live, "g2") && live["total"]["count"] == 15
    })
    .await;
    let mut events = stream(console.address, "/api/live").await;
    let (event, hello) = events.next().await.unwrap();
    let kinds: Vec<_> =
        hello["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!((event.as_str(), kinds), ("hello", vec!["process-down", "process-up"]));
}

#[tokio::test]
async fn a_store_that_a_gateway_knows_is_followed_and_its_death_is_told() {
    let (one, mut store) = (Gateway::start("g1"), Gateway::of_role("store-1", "store"));
    let console = console(&[&one]);
    until(&console, "no store", |live| live["processes"][0]["up"] == true && live["store"].is_null()).await;
    one.know("store", "store-1", store.address);
    store.keep("postgres");
    let live = until(&console, "the store is seen", |live| live["store"]["engine"] == "postgres").await;
    let roles: Vec<_> =
        live["processes"].as_array().unwrap().iter().map(|process| &process["role"]).collect();
    assert_eq!(roles, ["gateway", "store", "control"]);
    store.cut();
    let down = |live: &serde_json::Value| {
        let own = &live["processes"][1];
        own["name"] == "store-1" && own["up"] == false && own["why"] != ""
    };
    until(&console, "it is away", down).await;
    store.listen();
    until(&console, "it is back", |live| live["processes"][1]["up"] == true).await;
}

#[tokio::test]
async fn stopping_ends_live_streams_and_returns() {
    let mut console = console(&[]);
    let mut events = stream(console.address, "/api/live").await;
    assert_eq!(events.next().await.unwrap().0, "hello");
    console.stop.take().unwrap().send(()).unwrap();
    let drained = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(3), drained).await.expect("the stream ends");
    tokio::time::timeout(Duration::from_secs(5), console.task).await.expect("in time").unwrap().unwrap();
}

#[tokio::test]
async fn there_is_a_bound_on_pages_and_who_leaves_makes_room() {
    let console = console(&[]);
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(stream(console.address, "/api/live").await);
    }
    let refused = get(console.address, "/api/live", "").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    open.clear();
    // A page's end is noticed when the next second is told to it.
    let room = async {
        while get_status(console.address).await != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), room).await.expect("room again");
}

/// The status of a live stream that is not read further.
async fn get_status(address: SocketAddr) -> u16 {
    http::open(address, "/api/live", "").await.0.status
}
