//! The example, served: `tenet up` over a copy of `examples/feed`, on ports the system chose, for tools that call it.

use crate::shell::{Outcome, cargo, command, root, run as run_loudly, target_dir};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Longest the platform may take to come up, and to drain.
const LIMIT: Duration = Duration::from_secs(60);

/// The running platform; it drains and is gone with this value.
pub struct Served {
    child: Child,
    /// The project that is up.
    pub folder: PathBuf,
    /// The public door.
    pub public: SocketAddr,
}

/// How the example is served.
pub struct Settings<'a> {
    /// `debug` or `release`; what it names is built already.
    pub profile: &'a str,
    /// Further arguments of `tenet up`.
    pub arguments: &'a [&'a str],
    /// What is changed in `tenet.toml`.
    pub edit: Option<&'a dyn Fn(String) -> String>,
}

/// Builds what is needed and serves the example.
pub fn feed() -> Outcome<Served> {
    run_loudly(cargo().args([
        "build",
        "--quiet",
        "--package",
        "tenet",
        "--package",
        "tenet-example-feed",
        "--bins",
    ]))?;
    // What is judged is what is said, not how fast: the tests have already built the example unoptimised.
    feed_with(&Settings { profile: "debug", arguments: &[], edit: None })
}

/// Serves the example, which is built already, on free ports.
pub fn feed_with(settings: &Settings<'_>) -> Outcome<Served> {
    // A copy: a `tenet up` of the one at the keyboard may hold the original's lock.
    let folder = target_dir().join(format!("xtask/feed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    copy(&root().join("examples/feed"), &folder)?;
    let config = folder.join("tenet.toml");
    let text = std::fs::read_to_string(&config).map_err(|error| format!("{}: {error}", config.display()))?;
    let text = text.replace("/release/", &format!("/{}/", settings.profile));
    let text = settings.edit.map_or(text.clone(), |edit| edit(text));
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let log = std::fs::File::create(folder.join("up.log")).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let mut up = command(target_dir().join(settings.profile).join("tenet"));
    // What is set for tests and tools is no node fact.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENET_")) {
        up.env_remove(name);
    }
    up.arg("up").arg(&folder).args(["--no-build", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    up.args(settings.arguments);
    up.env("CARGO_TARGET_DIR", target_dir()).stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut child = up.spawn().map_err(|error| format!("tenet up cannot be started: {error}"))?;
    match wait(&mut child, &folder) {
        Ok(public) => Ok(Served { child, folder, public }),
        Err(why) => {
            let _ = child.kill();
            let _ = child.wait();
            let log = std::fs::read_to_string(folder.join("up.log")).unwrap_or_default();
            Err(format!("{why}; it printed:\n{log}"))
        }
    }
}

fn wait(child: &mut Child, folder: &Path) -> Outcome<SocketAddr> {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("tenet up ended ({status})"));
        }
        if let Some(public) = public(folder)
            && TcpStream::connect_timeout(&public, Duration::from_secs(1)).is_ok()
        {
            return Ok(public);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("tenet up did not come up within {} s", LIMIT.as_secs()))
}

/// The public address from what `tenet up` writes once everything is up.
fn public(folder: &Path) -> Option<SocketAddr> {
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join(".tenet/run/up.json")).ok()?).ok()?;
    ["public", "listen", "gateway"].iter().find_map(|key| state.get(key)?.as_str()?.parse().ok())
}

fn copy(from: &Path, to: &Path) -> Outcome {
    let place = |error: std::io::Error| format!("{}: {error}", from.display());
    std::fs::create_dir_all(to).map_err(place)?;
    for entry in std::fs::read_dir(from).map_err(place)?.flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".tenet" {
            continue;
        } else if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).map_err(place)?;
        }
    }
    Ok(())
}

impl Drop for Served {
    fn drop(&mut self) {
        // std sends only SIGKILL, after which nothing drains; `kill` is on every system.
        let _ = command("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = Instant::now() + LIMIT;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
