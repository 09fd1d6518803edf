//! What the store has of a message, and the message.

use super::time;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, SystemTime};
use tenet_api::store::v1 as api;

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<T> {
    /// The message.
    pub value: T,
    /// Grows with every change of its record, and is never used again: what a conditional write names.
    pub version: u64,
    /// The oldest this may be. Zero for a strict read.
    pub age: Duration,
    /// When it was written, by the clock of the store.
    pub updated: SystemTime,
    /// From when on it is gone, by the clock of the store. `None`: it stays.
    pub expires: Option<SystemTime>,
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// An item whose value is all here.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) version: u64,
    pub(super) age: Duration,
    updated: SystemTime,
    expires: Option<SystemTime>,
}

impl Found {
    /// Of an item, with its value.
    pub(super) fn new(item: &api::Item, bytes: Vec<u8>, age: Duration) -> Found {
        Found {
            bytes,
            version: item.version,
            age,
            updated: item.update_time.map_or(SystemTime::UNIX_EPOCH, time::moment),
            expires: item.expire_time.map(time::moment),
        }
    }

    /// What was just written, to stay for so long. The store has not said its times: they are by this machine's clock.
    pub(super) fn written(bytes: Vec<u8>, version: u64, stays: Option<Duration>) -> Found {
        let updated = SystemTime::now();
        let expires = stays.and_then(|stays| updated.checked_add(stays));
        Found { bytes, version, age: Duration::ZERO, updated, expires }
    }

    /// With the message that its bytes are.
    pub(super) fn decode<T: prost::Message + Default>(&self) -> Result<Kept<T>, prost::DecodeError> {
        let Found { version, age, updated, expires, .. } = *self;
        Ok(Kept { value: T::decode(&self.bytes[..])?, version, age, updated, expires })
    }
}
