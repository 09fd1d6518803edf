//! Harness of the end-to-end tests: the built binary, its servers and its callers, all on loopback and port 0.
//!
//! ```text
//! Project (temp folder) ──► Up / Gateway (child processes) ◄── raw bytes · http (HTTP/1.1) · h2c (HTTP/2, gRPC)
//!        instances =  ──────────► GrpcBackend / HttpBackend (in this process, scripted, recording)
//! ```
//!
//! Every wait is bounded, every child dies with its handle, and nothing is left behind: a test that panics cleans
//! up as one that passes.

pub mod backend;
pub mod binary;
pub mod caller;
pub mod door;
pub mod etcd;
pub mod example;
pub mod frames;
pub mod gateway;
pub mod h2c;
pub mod http1;
pub mod ledger;
pub mod load;
pub mod process;
pub mod project;
pub mod raw;
pub mod skip;
pub mod up;

pub use backend::{Answer, Call, GrpcBackend, HttpBackend};
pub use caller::Caller;
pub use door::Door;
pub use gateway::Gateway;
pub use project::Project;
pub use up::Up;

use std::time::{Duration, Instant};

/// Longest a test waits for something that should happen at once; generous because CI machines stall.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `probe` every 10 ms until it yields a value, at most [`PATIENCE`]; panics naming `what` otherwise.
///
/// # Panics
/// When the time is over.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
