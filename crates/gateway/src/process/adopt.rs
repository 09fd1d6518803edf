//! Taking over releases and rosters while serving.
//!
//! A release is prepared first: read, compiled, kept on disk, but not used. Then it is switched on with an epoch, in one step. What
//! cannot be prepared is refused whole, and the one in force goes on.

use super::Process;
use crate::program::{self, Program};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;
use tenet_release::roster::{RosterError, RosterInstance};
use tenet_release::{Current, Release, ReleaseHash, Roster};
use tenet_telemetry::{CounterId, Event, EventKind};

/// A release that was compiled and waits for its epoch.
pub struct Prepared {
    release: Arc<Release>,
}

/// Why a release was refused. One sentence for the one who sent it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AdoptError(pub String);

impl Process {
    /// Reads and compiles a bundle, and keeps it on disk; its hash.
    ///
    /// # Errors
    /// What is wrong with it. Nothing has changed.
    pub fn prepare(&self, bundle: &[u8]) -> Result<ReleaseHash, AdoptError> {
        let prepared = self.compile(bundle);
        if let Err(error) = &prepared {
            self.refused(&error.0);
        }
        let prepared = prepared?;
        let hash = prepared.release.hash;
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
        Ok(hash)
    }

    fn compile(&self, bundle: &[u8]) -> Result<Prepared, AdoptError> {
        let release = Release::from_bytes(bundle).map_err(|error| AdoptError(error.to_string()))?;
        let release = Arc::new(release);
        // Compiled once to see that it can be; the switch compiles against the roster of its own moment.
        program::check(&release).map_err(|error| AdoptError(error.to_string()))?;
        self.state.keep(&release).map_err(|error| AdoptError(with_sources(&error)))?;
        Ok(Prepared { release })
    }

    /// Switches a prepared release on under `epoch`.
    ///
    /// # Errors
    /// When another release, or none, was prepared, or the epoch is not newer. Nothing has changed.
    pub fn commit(&self, hash: ReleaseHash, epoch: u64) -> Result<(), AdoptError> {
        let _adopting = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current();
        if current.hash == hash && current.epoch == epoch {
            return Ok(());
        }
        if epoch <= current.epoch {
            return Err(AdoptError(format!(
                "epoch {epoch} is not newer than {}, which serves",
                current.epoch
            )));
        }
        let release = match prepared.as_ref() {
            Some(prepared) if prepared.release.hash == hash => prepared.release.clone(),
            Some(prepared) => {
                return Err(AdoptError(format!("{hash} was not prepared; {} was", prepared.release.hash)));
            }
            None => return Err(AdoptError(format!("{hash} was not prepared"))),
        };
        let program = self.build(&release, epoch)?;
        // On disk before in memory: a process that dies in between comes up with what the fleet serves.
        self.state.switch(Current { hash, epoch }).map_err(|error| AdoptError(with_sources(&error)))?;
        self.switch(program);
        *prepared = None;
        drop(prepared);
        self.collector.set_release(&hash.short(), epoch);
        self.collector.count(CounterId::ReleasesApplied, 1);
        self.announce();
        Ok(())
    }

    /// Puts the release in force on the time line.
    pub fn announce(&self) {
        let program = self.current();
        let hash = program.hash.short();
        self.collector.event(Event {
            kind: EventKind::Release,
            at: SystemTime::now(),
            text: format!("release {hash} serves as epoch {}", program.epoch),
            subject: hash,
        });
    }

    fn build(&self, release: &Arc<Release>, epoch: u64) -> Result<Program, AdoptError> {
        let roster = self.roster();
        let program = program::build(release, epoch, &roster, &self.current().names.zones, &self.upstream)
            .map_err(|error| AdoptError(error.to_string()))?;
        self.find_zone(&program.names.zones);
        Ok(program)
    }

    /// Who is there, as the roster and DNS say.
    fn roster(&self) -> Roster {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        roster.services.extend(discovered.iter().map(|(name, found)| (name.clone(), found.clone())));
        roster
    }

    /// Tells upstream which of these zones is ours, once it is among them.
    pub fn find_zone(&self, zones: &[String]) {
        let ours = zones.iter().position(|zone| *zone == self.zone).unwrap_or(0);
        self.upstream.set_zone(u16::try_from(ours).unwrap_or(0));
    }

    /// Takes over what `current.json` on disk names, where it is newer: what SIGHUP asks for.
    ///
    /// # Errors
    /// What is wrong with it. Nothing has changed.
    pub fn reload_from_disk(&self) -> Result<bool, AdoptError> {
        let current = self.state.current().map_err(|error| AdoptError(with_sources(&error)))?;
        let Some(current) = current.filter(|current| current.epoch > self.current().epoch) else {
            return Ok(false);
        };
        let release = self.state.load(current.hash).map_err(|error| AdoptError(with_sources(&error)))?;
        self.prepare(&release.to_bytes())?;
        self.commit(current.hash, current.epoch)?;
        Ok(true)
    }

    /// Takes over a roster, where it is another. Only zones that the program does not name yet need a new program of the
    /// same epoch, because its label tables grow.
    ///
    /// # Errors
    /// When the program cannot be built anew; the roster before goes on.
    pub fn adopt_roster(&self, roster: &Roster) -> Result<bool, AdoptError> {
        let _adopting = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut known = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
            if *known == *roster {
                return Ok(false);
            }
            *known = roster.clone();
        }
        self.apply_roster()?;
        Ok(true)
    }

    /// Takes over what DNS says of one service; `None` where it is no longer asked.
    ///
    /// # Errors
    /// As [`adopt_roster`](Self::adopt_roster).
    pub fn adopt_discovered(
        &self,
        service: &str,
        found: Option<Vec<RosterInstance>>,
    ) -> Result<(), AdoptError> {
        let _adopting = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
            match found {
                Some(found) => discovered.insert(service.to_owned(), found),
                None => discovered.remove(service),
            };
        }
        self.apply_roster()
    }

    fn apply_roster(&self) -> Result<(), AdoptError> {
        let roster = self.roster();
        let current = self.current();
        let config = &current.release.config;
        let zones = program::zones(config, &roster, &current.names.zones);
        if zones == current.names.zones {
            self.upstream.apply(&program::upstream_roster(config, &roster, &zones));
        } else {
            self.switch(self.build(&current.release, current.epoch)?);
        }
        Ok(())
    }

    fn refused(&self, why: &str) {
        self.collector.count(CounterId::ReleasesRefused, 1);
        self.collector.event(Event {
            kind: EventKind::Refusal,
            at: SystemTime::now(),
            subject: "release".into(),
            text: format!("a release was refused: {why}"),
        });
    }
}

/// An error and what caused it, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A roster file that a process watches.
pub struct RosterFile {
    path: std::path::PathBuf,
    seen: Option<SystemTime>,
}

impl RosterFile {
    /// Not yet read.
    pub fn new(path: std::path::PathBuf) -> RosterFile {
        RosterFile { path, seen: None }
    }

    /// The roster, when the file has changed since the last call. A file that is not there says nothing.
    ///
    /// # Errors
    /// When it cannot be read or is no roster; told once for each change.
    pub fn changed(&mut self) -> Result<Option<Roster>, RosterError> {
        let Ok(modified) = std::fs::metadata(&self.path).and_then(|meta| meta.modified()) else {
            return Ok(None);
        };
        if self.seen == Some(modified) {
            return Ok(None);
        }
        self.seen = Some(modified);
        Roster::read(&self.path).map(Some)
    }
}
