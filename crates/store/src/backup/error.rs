//! What can go wrong with a backup.

use crate::engine::EngineError;

/// Why a backup was not made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file or the disk.
    #[error("{place}: {source}")]
    Io {
        /// The file.
        place: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// What is in the file is not what was written. Nothing behind the place is trusted.
    #[error("the backup is damaged: {place}: {what}")]
    Damaged {
        /// The frame and the byte that it begins at.
        place: String,
        /// What does not fit.
        what: String,
    },
    /// The file ends before its foot.
    #[error("the backup is not whole: it ends at byte {at}, after {frames} whole frames, without its foot")]
    Half {
        /// Where the last whole frame ends.
        at: u64,
        /// How many there are.
        frames: u64,
    },
    /// What an engine holds cannot be so, or is not what was restored.
    #[error("what is kept is damaged: {0}")]
    Kept(String),
    /// The engine did not answer as asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It cannot be done as asked.
    #[error("{0}")]
    Refused(String),
}

impl BackupError {
    /// Of a file.
    pub(crate) fn io(place: &std::path::Path, source: std::io::Error) -> BackupError {
        BackupError::Io { place: place.display().to_string(), source }
    }
}
