//! The release that a store serves: what it begins with, and what follows it without a restart.
//!
//! `current.json` says what serves, `run/prepared.json` what is about to ([`ReleaseDir::prepared`]). Whoever brings a release about tells the
//! store of it ([`Followed::prepare`], [`Followed::commit`]); a store that was not there to be told finds it in the folder.

use super::namespaces;
use crate::cli::Failed;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_release::config::Store;
use tenet_release::{Current, Release, ReleaseDir, ReleaseDirError, ReleaseHash};
use tenet_store::guard::Guard;
use tenet_store::metrics::Metrics;
use tenet_store::service::StoreService;
use tenet_telemetry::Collector;
use tokio::signal::unix::Signal;

/// Between two looks at the folder, as often as gateways look at the roster.
const PAUSE: Duration = Duration::from_secs(1);

/// What a store begins with.
pub struct Begin {
    /// The release that serves, or the first that will.
    pub serving: Release,
    /// Its epoch.
    pub epoch: u64,
    /// The one that is about to follow it.
    pub coming: Option<Release>,
}

impl Begin {
    /// The release that says how things are to be.
    pub fn newest(&self) -> &Release {
        self.coming.as_ref().unwrap_or(&self.serving)
    }
}

/// Reads what there is.
pub fn begin(dir: &ReleaseDir) -> Result<Begin, Failed> {
    let failed = |error: ReleaseDirError| Failed::while_doing("cannot use the state folder", &error);
    let current = dir.current().map_err(failed)?;
    let epoch = current.map_or(0, |current| current.epoch);
    let prepared = dir.prepared().map_err(failed)?.filter(|prepared| prepared.epoch > epoch);
    let coming = prepared.map(|prepared| dir.load(prepared.hash)).transpose().map_err(failed)?;
    let serving = match current.map(|current| dir.load(current.hash)) {
        // What served last may be of another version of Tenet; it is needed only while something of it still runs.
        Some(Err(error)) if coming.is_some() => {
            tracing::warn!("the release before is left out: {error}");
            None
        }
        other => other.transpose().map_err(failed)?,
    };
    match (serving, coming, prepared) {
        (Some(serving), coming, _) => Ok(Begin { serving, epoch, coming }),
        (None, Some(first), Some(prepared)) => {
            Ok(Begin { serving: first, epoch: prepared.epoch, coming: None })
        }
        _ => Err(Failed(format!(
            "error: {} holds no release, expected current.json\n  hint: give the state folder of a project that ran",
            dir.root().display()
        ))),
    }
}

/// What a release changes in a process that runs.
type Parts = (StoreService, Arc<Metrics>, Arc<Collector>, Option<Arc<Guard>>);

/// The release that is served, and how it is followed.
pub struct Followed {
    dir: ReleaseDir,
    service: StoreService,
    metrics: Arc<Metrics>,
    collector: Arc<Collector>,
    /// The watch over the database, where the engine has one.
    guard: Option<Arc<Guard>>,
    store: Store,
    serving: Mutex<Current>,
    /// Held while the release changes: one change at a time.
    changing: tokio::sync::Mutex<()>,
    ending: AtomicBool,
}

impl Followed {
    /// A service that serves what `begin` says.
    pub fn new(dir: ReleaseDir, (service, metrics, collector, guard): Parts, begin: &Begin) -> Followed {
        metrics.name_records(namespaces::record_names(begin.newest()));
        if let Some(guard) = &guard {
            guard.know(known_users(begin.newest()));
        }
        Followed {
            dir,
            service,
            metrics,
            collector,
            guard,
            store: begin.newest().config.store().unwrap_or_default(),
            serving: Mutex::new(Current { hash: begin.serving.hash, epoch: begin.epoch }),
            changing: tokio::sync::Mutex::default(),
            ending: AtomicBool::new(false),
        }
    }

    /// What is served.
    pub fn serving(&self) -> Current {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process drains.
    pub fn ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Begins the end: what has no end by itself is ended.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.service.end();
    }

    /// Keeps a release that is about to serve, and serves what it adds. The error is for people.
    pub async fn prepare(&self, bundle: Vec<u8>) -> Result<ReleaseHash, String> {
        let dir = self.dir.clone();
        let read = move || {
            let release = Release::from_bytes(&bundle).map_err(|error| chain(&error))?;
            dir.keep(&release).map_err(|error| chain(&error))?;
            Ok::<_, String>(release)
        };
        let release = blocking(read).await??;
        self.check_engine(&release)?;
        let namespaces = namespaces::of(&release).map_err(|Failed(text)| text)?;
        let _changing = self.changing.lock().await;
        self.service.prepare(namespaces).await.map_err(|error| chain(&error))?;
        self.metrics.name_records(namespaces::record_names(&release));
        Ok(release.hash)
    }

    /// Serves a release that was prepared, and nothing else, from now on.
    pub async fn commit(&self, current: Current) -> Result<(), String> {
        let _changing = self.changing.lock().await;
        self.take_over(current).await?;
        let dir = self.dir.clone();
        let switch = move || match dir.current() {
            Ok(Some(there)) if there == current => Ok(()),
            _ => dir.switch(current).map_err(|error| chain(&error)),
        };
        blocking(switch).await?
    }

    /// Looks at the folder once a second, and when it is told to (SIGHUP). What cannot be taken over is logged once, and what was served
    /// goes on.
    pub async fn follow(self: Arc<Self>, mut hangup: Signal) {
        let mut said = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = hangup.recv() => {}
            }
            let failed = self.look().await.err();
            if let Some(text) = failed.as_ref().filter(|text| said.as_ref() != Some(*text)) {
                tracing::error!("the current release was not taken over: {text}");
            }
            said = failed;
        }
    }

    async fn look(&self) -> Result<(), String> {
        let _changing = self.changing.lock().await;
        let dir = self.dir.clone();
        let current = blocking(move || dir.current().map_err(|error| chain(&error))).await??;
        let serving = self.serving();
        match current {
            // One of a smaller epoch is of before this store was told to prepare.
            Some(current) if current != serving && current.epoch >= serving.epoch => {
                self.take_over(current).await
            }
            _ => Ok(()),
        }
    }

    async fn take_over(&self, current: Current) -> Result<(), String> {
        if current.hash != self.serving().hash {
            let dir = self.dir.clone();
            let load = move || dir.load(current.hash).map_err(|error| chain(&error));
            let release = blocking(load).await??;
            self.check_engine(&release)?;
            let namespaces = namespaces::of(&release).map_err(|Failed(text)| text)?;
            let quotas = namespaces::quotas(&release).map_err(|Failed(text)| text)?;
            self.service.take_over(namespaces).await.map_err(|error| chain(&error))?;
            self.service.limit(&quotas, processes(&release));
            self.metrics.name_records(namespaces::record_names(&release));
            if let Some(guard) = &self.guard {
                guard.know(known_users(&release));
            }
            tracing::info!("release {} serves, epoch {}", release.hash.short(), current.epoch);
        }
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = current;
        self.collector.set_release(&current.hash.short(), current.epoch);
        Ok(())
    }

    /// The engine is opened once. A release in which nothing is kept names none.
    fn check_engine(&self, release: &Release) -> Result<(), String> {
        let Some(theirs) = release.config.store() else { return Ok(()) };
        if (self.store.engine, &self.store.url) == (theirs.engine, &theirs.url) {
            return Ok(());
        }
        Err("[store] engine and url cannot change while the store runs: end it and start it again".to_owned())
    }
}

/// How many processes of the store there are.
pub fn processes(release: &Release) -> u32 {
    release.config.store().map_or(1, |store| store.instances)
}

/// Users whose sessions on the database are no alarm.
fn known_users(release: &Release) -> Vec<String> {
    release.config.store().map(|store| store.known_users).unwrap_or_default()
}

/// Does what reads files where it holds nobody up.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}

/// An error and its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
