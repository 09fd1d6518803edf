//! Every engine there is under the conformance suite, and the matrix in docs/store.md beside what was seen.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod document;
mod embedded;
mod memory;
mod postgres;
#[allow(dead_code)] // other tests copy, stop and promote servers
#[path = "../support/postgres.rs"]
mod server;

use std::sync::Arc;
use tenet_store::conformance::{self, Bench, Options, Report};

/// Runs it whole, or what the environment asks for.
async fn conforms(bench: impl Bench) {
    let options = Options::from_environment();
    let whole = options.only.is_empty();
    let report = conformance::run(Arc::new(bench), options).await;
    succeeded(&report);
    if whole {
        document::keep(&report);
    }
}

fn succeeded(report: &Report) {
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_engine_in_memory_conforms() {
    conforms(memory::InMemory { turned: true }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_engine_conforms() {
    conforms(embedded::InFolders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_conforms() {
    if let Some(bench) = postgres::OnServer::start("postgres_conforms", true) {
        conforms(bench).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_cannot_be_turned_is_waited_for() {
    let options = Options { only: "expiry".into(), ..Options::default() };
    let report = conformance::run(Arc::new(memory::InMemory { turned: false }), options).await;
    succeeded(&report);
    assert!(report.findings.iter().any(|finding| finding.result.is_ok()), "{report}");
}

/// The other runs ask clocks of the suite; one thing is seen by the server's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn time_passes_by_the_clock_of_a_server() {
    let Some(bench) = postgres::OnServer::start("time_passes_by_the_clock_of_a_server", false) else {
        return;
    };
    let options = Options { only: "expiry: upkeep removes".into(), ..Options::default() };
    let report = conformance::run(Arc::new(bench), options).await;
    succeeded(&report);
    assert!(report.findings.iter().any(|finding| finding.result.is_ok()), "{report}");
}
