//! A disk that loses its power: what is surely on it, what may be, and a folder as one such moment leaves it.
//!
//! The rules, as strict as POSIX lets a file system be where ext4 is kinder: bytes are surely there once an fsync of their file that
//! began after them has ended. Until then each sector of them may be there or not, in any order. A file is found under its new name once the
//! file itself (for its first name, as ext4 does) or its folder was synced; names that are not yet sure are kept or lost in their order.

use super::trace::Event;
use crate::Outcome;
use crate::workload::Random;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A change of a file that is not surely on disk.
enum Change {
    Written { offset: usize, bytes: Vec<u8> },
    Resized(usize),
}

/// One file, whatever its names are.
#[derive(Default)]
struct File {
    sure: Vec<u8>,
    /// With the number of the event.
    unsure: Vec<(usize, Change)>,
}

/// A change of names that is not surely on disk.
enum Naming {
    Created(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Created(path, file) => drop(names.insert(path.clone(), *file)),
            Self::Renamed(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Removed(path) => drop(names.remove(path)),
        }
    }

    fn is_in(&self, folder: &str) -> bool {
        let (Self::Created(path, _) | Self::Removed(path) | Self::Renamed(_, path, _)) = self;
        path.rsplit_once('/').is_some_and(|(parent, _)| parent == folder)
    }
}

/// The disk after some events.
#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    now: BTreeMap<String, usize>,
    sure: BTreeMap<String, usize>,
    unsure: Vec<(usize, Naming)>,
    syncs: HashMap<usize, usize>,
    events: usize,
    /// Folders that were made; they are taken to be there.
    folders: Vec<String>,
}

/// How much of what is not sure is found after the power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Everything: a kill of the process, not of the machine.
    Everything,
    /// Sector by sector as it happens, names up to some point.
    Some,
}

impl Disk {
    /// Goes on by one event.
    pub fn apply(&mut self, event: &Event) {
        self.events += 1;
        let at = self.events;
        match event {
            Event::Opened { path, created, truncated } => {
                if let Some(file) = self.now.get(path) {
                    if *truncated {
                        self.files[*file].unsure.push((at, Change::Resized(0)));
                    }
                } else if *created {
                    let file = self.files.len();
                    self.files.push(File::default());
                    self.now.insert(path.clone(), file);
                    self.unsure.push((at, Naming::Created(path.clone(), file)));
                }
            }
            Event::Written { path, offset, bytes } => {
                let change = Change::Written { offset: *offset as usize, bytes: bytes.clone() };
                self.change(path, at, change);
            }
            Event::Resized { path, length } => self.change(path, at, Change::Resized(*length as usize)),
            Event::SyncBegan { call, .. } => drop(self.syncs.insert(*call, at)),
            Event::SyncEnded { path, call } => {
                let began = self.syncs.remove(call).unwrap_or(at);
                self.sync(path, began);
            }
            Event::Renamed { from, to } => {
                if let Some(file) = self.now.remove(from) {
                    self.now.insert(to.clone(), file);
                    self.unsure.push((at, Naming::Renamed(from.clone(), to.clone(), file)));
                }
            }
            Event::Removed { path } => {
                if self.now.remove(path).is_some() {
                    self.unsure.push((at, Naming::Removed(path.clone())));
                }
            }
            Event::MadeFolder { path } => self.folders.push(path.clone()),
            Event::Acknowledged(_) => {}
        }
    }

    fn change(&mut self, path: &str, at: usize, change: Change) {
        if let Some(file) = self.now.get(path) {
            self.files[*file].unsure.push((at, change));
        }
    }

    fn sync(&mut self, path: &str, began: usize) {
        let Some(synced) = self.now.get(path).copied() else {
            // A folder: its names are sure now.
            let (sure, unsure) = std::mem::take(&mut self.unsure)
                .into_iter()
                .partition(|(at, naming)| *at < began && naming.is_in(path));
            self.unsure = unsure;
            let sure: Vec<(usize, Naming)> = sure;
            sure.iter().for_each(|(_, naming)| naming.apply(&mut self.sure));
            return;
        };
        let file = &mut self.files[synced];
        let later = file.unsure.iter().position(|(at, _)| *at >= began).unwrap_or(file.unsure.len());
        for (_, change) in file.unsure.drain(..later) {
            change.apply(&mut file.sure, |_| true);
        }
        let created = |naming: &Naming| matches!(naming, Naming::Created(_, file) if *file == synced);
        if let Some(at) = self.unsure.iter().position(|(_, naming)| created(naming)) {
            self.unsure.remove(at).1.apply(&mut self.sure);
        }
    }

    /// Writes to `to` what is found after a power cut now; the paths of events are below `from`.
    pub fn leave(&self, kept: Kept, random: &mut Random, from: &Path, to: &Path) -> Outcome {
        let mut names = self.sure.clone();
        let count = match kept {
            Kept::Nothing => 0,
            Kept::Everything => self.unsure.len(),
            Kept::Some => random.below(self.unsure.len() as u64 + 1) as usize,
        };
        self.unsure.iter().take(count).for_each(|(_, naming)| naming.apply(&mut names));
        for folder in &self.folders {
            if let Ok(below) = Path::new(folder).strip_prefix(from) {
                fs::create_dir_all(to.join(below)).map_err(|error| error.to_string())?;
            }
        }
        for (path, file) in names {
            let Ok(below) = Path::new(&path).strip_prefix(from) else { continue };
            let mut content = self.files[file].sure.clone();
            // Sometimes hardly anything of a file made it, sometimes nearly all.
            let chance = random.fraction();
            for (_, change) in &self.files[file].unsure {
                change.apply(&mut content, |_| match kept {
                    Kept::Nothing => false,
                    Kept::Everything => true,
                    Kept::Some => random.fraction() < chance,
                });
            }
            fs::write(to.join(below), content).map_err(|error| format!("{}: {error}", below.display()))?;
        }
        Ok(())
    }
}

impl Change {
    /// Applies the sectors that `keep` keeps.
    fn apply(&self, content: &mut Vec<u8>, mut keep: impl FnMut(usize) -> bool) {
        match self {
            Self::Resized(length) => {
                if keep(0) {
                    content.resize(*length, 0);
                }
            }
            Self::Written { offset, bytes } => {
                let mut at = *offset;
                let end = offset + bytes.len();
                while at < end {
                    let next = ((at / SECTOR + 1) * SECTOR).min(end);
                    if keep(at / SECTOR) {
                        if content.len() < next {
                            content.resize(next, 0);
                        }
                        content[at..next].copy_from_slice(&bytes[at - offset..next - offset]);
                    }
                    at = next;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Event, Kept};
    use crate::workload::Random;
    use std::path::Path;

    fn found(events: &[Event], kept: Kept) -> Option<Vec<u8>> {
        let mut disk = Disk::default();
        events.iter().for_each(|event| disk.apply(event));
        let to = tempfile::tempdir().unwrap();
        disk.leave(kept, &mut Random::new(1), Path::new("/d"), to.path()).unwrap();
        std::fs::read(to.path().join("f")).ok()
    }

    #[test]
    fn only_what_was_synced_is_sure() {
        let path = || "/d/f".to_owned();
        let events = || {
            vec![
                Event::Opened { path: path(), created: true, truncated: false },
                Event::Written { path: path(), offset: 0, bytes: vec![1] },
                Event::SyncBegan { path: path(), call: 1 },
                Event::Written { path: path(), offset: 1, bytes: vec![2] },
                Event::SyncEnded { path: path(), call: 1 },
            ]
        };
        assert_eq!(found(&events()[..4], Kept::Nothing), None);
        assert_eq!(found(&events(), Kept::Nothing), Some(vec![1]));
        assert_eq!(found(&events(), Kept::Everything), Some(vec![1, 2]));
    }
}
