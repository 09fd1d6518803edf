//! What is compared, and what each runs on.

use super::direct;
use super::process;
use super::server::Server;
use crate::{Outcome, machine};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How old cached answers may be: what somebody who looks at a page does not notice.
pub const MAX_AGE: Duration = Duration::from_secs(1);

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Every client speaks to PostgreSQL itself.
    Direct,
    /// Through one store process.
    One,
    /// Through two, half of the clients each.
    Two,
    /// Through one, with reads that may be a second old.
    Cached,
    /// Through one on the embedded engine.
    Embedded,
}

impl Kind {
    /// All of them, the measure first.
    pub const ALL: [Kind; 5] = [Kind::Direct, Kind::One, Kind::Two, Kind::Cached, Kind::Embedded];

    /// As tables name it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Direct => "PostgreSQL, directly",
            Kind::One => "one store process, strict reads",
            Kind::Two => "two store processes, strict reads",
            Kind::Cached => "one store process, reads up to 1 s old",
            Kind::Embedded => "one store process, embedded engine",
        }
    }
}

/// Everything that serves, from the first measurement to the last.
pub struct Candidates {
    /// PostgreSQL.
    pub server: Server,
    stores: [Store; 2],
    embedded: Store,
    _folder: tempfile::TempDir,
}

impl Candidates {
    /// Starts and loads all of them on the measured core.
    pub fn start(options: &super::Arguments) -> Outcome<Candidates> {
        let server = Server::start()?;
        super::on_runtime(direct::load(&server.url()))?;
        let lanes = [("--write-lanes", options.write_lanes), ("--read-lanes", options.read_lanes)];
        let lanes = lanes.into_iter().filter_map(|(name, lanes)| Some([name.to_owned(), lanes?.to_string()]));
        let mut words = lanes.flatten().collect::<Vec<_>>();
        words.extend(["--url".to_owned(), server.url()]);
        words.extend(["--connections".to_owned(), options.connections.to_string()]);
        let first = Store::start(words.iter().cloned().chain(["--load".into()]))?;
        let second = Store::start(words)?;
        let folder = tempfile::Builder::new().prefix("tenet-bench-store-").tempdir();
        let folder = folder.map_err(|error| error.to_string())?;
        let place = folder.path().join("store");
        let embedded =
            Store::start(["--load".into(), "--folder".into(), place.to_string_lossy().into_owned()])?;
        super::on_runtime(direct::settle(&server.url()))?;
        Ok(Candidates { server, stores: [first, second], embedded, _folder: folder })
    }

    /// Where clients of a candidate connect, in turns. Empty: to PostgreSQL.
    pub fn addresses(&self, kind: Kind) -> Vec<SocketAddr> {
        let [first, second] = &self.stores;
        match kind {
            Kind::Direct => Vec::new(),
            Kind::One | Kind::Cached => vec![first.address],
            Kind::Two => vec![first.address, second.address],
            Kind::Embedded => vec![self.embedded.address],
        }
    }

    /// Processes of a candidate's stores.
    pub fn stores(&self, kind: Kind) -> Vec<u32> {
        let [first, second] = &self.stores;
        match kind {
            Kind::Direct => Vec::new(),
            Kind::One | Kind::Cached => vec![first.child.id()],
            Kind::Two => vec![first.child.id(), second.child.id()],
            Kind::Embedded => vec![self.embedded.child.id()],
        }
    }
}

/// A store process.
struct Store {
    child: Child,
    address: SocketAddr,
}

impl Store {
    fn start(words: impl IntoIterator<Item = String>) -> Outcome<Store> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.arg(process::COMMAND).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let child = machine::on_proxy_core(|| command.spawn().map_err(|error| error.to_string()))?;
        // From here on it is ended with its handle, whatever it says.
        let mut store = Store { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let output = store.child.stdout.take().ok_or("a store process has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        store.address = line.trim().parse().map_err(|_| "a store process did not start".to_owned())?;
        Ok(store)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the file system of temporary files is one that keeps what is synced: on tmpfs an fsync costs nothing.
pub fn disk_syncs() -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    on_disk(&mounts, &std::env::temp_dir())
}

/// By the longest mount point that the folder is below.
fn on_disk(mounts: &str, folder: &Path) -> bool {
    let parts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holding = parts.filter(|(place, _)| folder.starts_with(place));
    holding.max_by_key(|(place, _)| place.len()).is_none_or(|(_, kind)| kind != "tmpfs" && kind != "ramfs")
}

#[cfg(test)]
mod tests {
    use super::on_disk;
    use std::path::Path;

    #[test]
    fn memory_is_told_from_a_disk() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n";
        for (folder, expected) in [("/var/tmp", true), ("/tmp/x", false), ("/tmp/disk/x", true)] {
            assert_eq!(on_disk(mounts, Path::new(folder)), expected, "{folder}");
        }
    }
}
