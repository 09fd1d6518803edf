//! `tenet store backup`, `restore`, `verify`, `export`, `import`, `get`, `scan`, `describe`: what is kept, for those who run it.
//!
//! ```text
//!   a process serves:  command ──Unix socket in .tenet/run──▶ tenet_store::operator ▶ owner ▶ engine
//!   none does:         command opens the engine itself, and asks itself the same over a pair of sockets       (reach.rs)
//! ```
//!
//! Progress and remarks go to standard error, what was asked for to standard output or a file.

mod args;
mod backup;
mod export;
mod import;
mod line;
mod progress;
mod reach;
mod restore;
mod schemas;
mod verify;
mod view;

pub use args::{
    BackupArgs, DescribeArgs, ExportArgs, GetArgs, ImportArgs, RestoreArgs, ScanArgs, VerifyArgs,
};
pub use backup::run as backup;
pub use export::run as export;
pub use import::run as import;
pub use restore::run as restore;
pub use verify::run as verify;
pub use view::{describe, get, scan};

use crate::cli::Failed;
use std::time::Duration;
use tenet_store::backup::BackupError;
use tenet_store::operator::WireError;

/// Time for what still works on the disk to end, so that the folder is closed as it should be.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// Carries a command out.
pub fn run(command: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot begin", &error))?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(CLOSE_TIME);
    done
}

/// An error of the other end of the wire.
fn failed(error: &WireError) -> Failed {
    Failed(format!("error: {error}"))
}

/// An error of a backup.
fn bad(error: &BackupError) -> Failed {
    Failed(format!("error: {error}"))
}
