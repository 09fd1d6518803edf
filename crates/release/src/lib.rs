//! A release: contracts and `tenet.toml` compiled into one immutable, content-hashed bundle.
//!
//! ```text
//!   project folder ── tenet.toml ──strict read──▶ Config ─┐
//!                  └─ proto/**.proto ──compile──▶ Contract ┴─cross-check──▶ Release ──to_bytes──▶ bundle (sha256)
//!   node.toml · TENET_* · flags ──▶ NodeFacts            .tenet/run/roster.json ◀──▶ Roster
//! ```
//!
//! A release is the same everywhere; node facts differ by process; the roster changes without a release.

mod builtin;
mod bundle;
mod check;
pub mod config;
mod effective;
mod file;
mod hash;
mod load;
pub mod node;
mod problems;
mod release_dir;
pub mod roster;
mod strict;

pub use builtin::{STORE, STORE_SERVES};
pub use bundle::BundleError;
pub use config::Config;
pub use effective::{Effective, Setting};
pub use file::{replace_file, replace_private};
pub use hash::ReleaseHash;
pub use node::NodeFacts;
pub use problems::{Place, Problem, Problems};
pub use release_dir::{Current, ReleaseDir, ReleaseDirError};
pub use roster::Roster;

use tenet_contract::Contract;

/// The name of the configuration file in a project folder.
pub const CONFIG_FILE: &str = "tenet.toml";

/// Contracts and fleet facts that passed every check together.
#[derive(Clone, Debug)]
pub struct Release {
    /// What the bundle's bytes hash to.
    pub hash: ReleaseHash,
    /// What the fleet is called: `name` in `tenet.toml`, or the project folder's name. Not part of the hash, so that two
    /// checkouts under different names make the same release.
    pub name: String,
    /// The facts of the fleet.
    pub config: Config,
    /// The promises to callers.
    pub contract: Contract,
}

impl Release {
    /// The service in `tenet.toml` that serves the protobuf service `proto_service` (`feed.timeline.v1.Timeline`).
    pub fn service_of(&self, proto_service: &str) -> Option<&str> {
        self.config
            .services
            .iter()
            .find(|(_, service)| service.serves.iter().any(|served| served == proto_service))
            .map(|(name, _)| name.as_str())
    }
}
