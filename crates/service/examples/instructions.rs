//! Serves and makes unary calls over one loopback connection, for `valgrind --tool=callgrind`: instructions per call, client
//! and server together, are (instructions of 2K calls − instructions of K calls) / K.
//!
//! `instructions [CALLS] [no-admission] [no-load-report]`

// A panic is this example's report.
#![allow(clippy::unwrap_used)]

#[path = "../tests/it/probe.rs"]
#[allow(dead_code)] // the tests use the rest of it
mod probe;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let calls: usize = std::env::args().nth(1).and_then(|calls| calls.parse().ok()).unwrap_or(1_000);
    let without = |what: &str| std::env::args().any(|argument| argument == what);
    let limits = tenet_service::Limits {
        admission: !without("no-admission"),
        load_report: !without("no-load-report"),
        ..Default::default()
    };
    let running = probe::start(limits, std::time::Duration::from_secs(1), None).await;
    let channel = running.channel();
    for _ in 0..calls {
        probe::call(channel.clone(), "Echo", probe::say("hello")).await.unwrap();
    }
}
