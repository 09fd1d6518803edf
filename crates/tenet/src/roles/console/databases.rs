//! The databases that services declare as their own, watched for as long as the release says so.
//!
//! The console's process does it because a fleet has one of it, whether anything is kept in the store or not: each session is told once. It follows the release in
//! the state folder as a store does.

use crate::roles::store::follow::blocking;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tenet_release::config::Database as Declared;
use tenet_release::{Config, ReleaseDir, ReleaseHash};
use tenet_store::engine::{EngineError, Pending};
use tenet_store::guard::{Database, Guard, Look, OwnedBy, Sentry};
use tenet_telemetry::Collector;
use tokio::task::AbortHandle;

/// Between two looks at the folder, as often as gateways look at the roster.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub struct Databases {
    collector: Arc<Collector>,
    watched: Mutex<BTreeMap<String, Watched>>,
}

/// One of them.
struct Watched {
    declared: Declared,
    guard: Arc<Guard>,
    task: AbortHandle,
}

impl Databases {
    /// None yet; what is found is told `collector`.
    pub fn new(collector: Arc<Collector>) -> Databases {
        Databases { collector, watched: Mutex::default() }
    }

    /// Watches what the release in force declares. Does not end by itself.
    pub async fn follow(&self, dir: ReleaseDir) {
        let (mut seen, mut said) = (None, None);
        loop {
            let failed = match look(dir.clone(), seen).await {
                Ok(None) => None,
                Ok(Some((hash, config))) => {
                    seen = Some(hash);
                    self.watch(&config);
                    None
                }
                Err(error) => Some(error),
            };
            if let Some(text) = failed.as_ref().filter(|text| said.as_ref() != Some(*text)) {
                tracing::warn!("the databases of before go on being watched: {text}");
            }
            said = failed;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Begins and ends watches, so that they are those of `config`.
    fn watch(&self, config: &Config) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *watched);
        for (service, of) in &config.services {
            for declared in &of.databases {
                let label = format!("{service}/{}", declared.name);
                let same = before.remove(&label).filter(|before| is_same(&before.declared, declared));
                let one = same.unwrap_or_else(|| self.begin(&label, declared));
                one.guard.know(declared.known_users.iter().cloned());
                watched.insert(label, one);
            }
        }
        for (_, gone) in before {
            gone.task.abort();
            gone.guard.end(SystemTime::now());
        }
    }

    fn begin(&self, label: &str, declared: &Declared) -> Watched {
        let guard = Arc::new(Guard::new(label, self.collector.clone()));
        let (sentry, watching) = (sentry(declared), guard.clone());
        let task = tokio::spawn(async move { watching.keep_watch(sentry).await });
        Watched { declared: declared.clone(), guard, task: task.abort_handle() }
    }

    /// Appends what is measured to a page of metrics.
    pub fn write_metrics(&self, out: &mut String) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.is_empty() {
            Guard::write_metrics(watched.values().map(|watched| &*watched.guard), out);
        }
    }
}

/// Whether the same is looked at in the same way; whom one knows there can change meanwhile.
fn is_same(before: &Declared, now: &Declared) -> bool {
    let known_users = now.known_users.clone();
    Declared { known_users, ..before.clone() } == *now
}

/// The release in force, where it is not the one that was seen.
async fn look(dir: ReleaseDir, seen: Option<ReleaseHash>) -> Result<Option<(ReleaseHash, Config)>, String> {
    let look = move || {
        let current = dir.current().map_err(|error| error.to_string())?;
        let Some(current) = current.filter(|current| Some(current.hash) != seen) else { return Ok(None) };
        let release = dir.load(current.hash).map_err(|error| error.to_string())?;
        Ok(Some((current.hash, release.config)))
    };
    blocking(look).await?
}

/// The way to a database; where there is none, one whose every look says why.
fn sentry(declared: &Declared) -> Arc<dyn Sentry> {
    let owner = OwnedBy { users: declared.users.clone(), applications: declared.applications.clone() };
    let unset = |name: String| {
        EngineError::Broken(format!("the environment variable {name} of its url is not set here"))
    };
    let url = declared.url(|name| std::env::var(name).ok()).map_err(unset);
    match url.and_then(|url| Database::new(&url, owner)) {
        Ok(database) => Arc::new(database),
        Err(error) => Arc::new(Nowhere(error.to_string())),
    }
}

/// A database that cannot be looked at.
struct Nowhere(String);

impl Sentry for Nowhere {
    fn look(&self, _: Duration) -> Pending<'_, Look> {
        Box::pin(std::future::ready(Err(EngineError::Broken(self.0.clone()))))
    }
}
