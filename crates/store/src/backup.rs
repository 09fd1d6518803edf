//! Backups: what an engine holds at one moment as a file that can be looked through without an engine, and the way back into any engine.
//!
//! ```text
//!   "TENETBK1" │ H head: JSON │ P rows │ P rows │ … │ F foot: JSON
//!                  each frame: kind, length, payload, CRC-32 of its place in the file and all of it
//!                  rows: every item with its version, times and chunks in the order of collections and keys; then tokens
//!                  foot: counts, and the SHA-256 of all before it
//!
//!   Snapshot ─Walk─▶ parts ─Writer─▶ file ─Reader─▶ parts ─restore─▶ Engine::load
//!                                          └─Tally─▶ counts and content, to be compared
//! ```
//!
//! Half a file has no foot; a flipped byte does not match its frame's checksum, which is named by its place; frames that were left out or
//! exchanged do not match theirs either, because the place is part of it. An interrupted file is read up to its last whole frame and goes on
//! from there, at the same moment ([`engine::Snapshot`](crate::engine::Snapshot)).

mod error;
mod frame;
mod head;
mod read;
mod restore;
mod row;
mod tally;
mod walk;
mod write;

pub use error::BackupError;
pub use frame::{Frame, FrameReader, Kind, MAX_FRAME, Place as FramePlace};
pub use head::{CollectionHead, Foot, Head};
pub use read::{Part, Reader};
pub use restore::{Restore, VERSION_LEAP, compare};
pub use row::{decode as decode_rows, encode as encode_rows};
pub use tally::{Names, Tally};
pub use walk::{Filter, Place, Range, Walk};
pub use write::{Begun, Writer};

/// What a file begins with; the digit is the format.
pub const MAGIC: &[u8; 8] = b"TENETBK1";
/// How a file is called that is not whole yet.
pub const PARTIAL: &str = "partial";
/// How a backup's file is called.
pub const EXTENSION: &str = "tenet-backup";
