//! Read, change, write if nobody else has written in between; and if somebody has, again from the beginning.

use super::found::Found;
use super::{Collection, IntoKey, Kept, StoreError, StoreErrorKind, time, unknown};
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_api::store::v1::condition::Must;
use tenet_collection::Address;
use tenet_resilience::backoff::Backoff;
use tokio::time::{Instant, sleep};

/// Pauses between turns that others won: short at first, because a write takes about a millisecond, and so long at most that hundreds
/// who want the same record still take turns rather than the store down.
const PAUSE: Backoff = Backoff { base: Duration::from_millis(2), max: Duration::from_millis(250) };

/// How long it goes on where no deadline ends it before; what a unary call has that says nothing.
const PATIENCE: Duration = Duration::from_secs(15);

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// It is this now. Its key must be the one that was read.
    Put(T),
    /// It is gone.
    Delete,
    /// It stays as it was.
    Keep,
}

impl<T: prost::Message + Default> Collection<T> {
    /// Changes a message: reads it, asks `change` what becomes of it, and writes that if nobody else has written meanwhile; otherwise
    /// all over again, after a pause, until the deadline of the call that is being served, and for 15 s at most. So `change` may be asked several
    /// times, and its last answer counts. What there is afterwards is returned; the times of what was written are by this machine's clock.
    ///
    /// Fields that this program does not know stay as they were stored.
    ///
    /// # Errors
    /// What `change` refuses with, as it is; else as of [`get`](Self::get) and [`put`](Self::put), and
    /// [`Conflict`](StoreErrorKind::Conflict) where others were faster until the end.
    pub async fn update<E: From<StoreError>>(
        &self,
        key: impl IntoKey,
        mut change: impl FnMut(Option<T>) -> Result<Change<T>, E>,
    ) -> Result<Option<Kept<T>>, E> {
        let address = self.at.address(&key.into_key())?;
        let until = Instant::now() + PATIENCE;
        for turn in 1.. {
            let found = self.at.find(&address, None).await?;
            let before = match &found {
                Some(found) => self.at.decode::<T>(&address, found)?,
                None => None,
            };
            let written = match change(before.map(|kept| kept.value))? {
                Change::Keep => return Ok(self.kept(&address, found)?),
                Change::Put(value) => self.put_over(&address, found.as_ref(), &value).await.map(Some),
                Change::Delete => self.delete_over(&address, found.as_ref()).await.map(|()| None),
            };
            match written {
                Ok(Some(written)) => return Ok(self.kept(&address, Some(written))?),
                Ok(None) => return Ok(None),
                Err(error) if error.is_conflict() => {
                    let pause = PAUSE.pause(turn, rand::random());
                    if Instant::now() + pause >= until {
                        return Err(error.into());
                    }
                    sleep(pause).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn kept(&self, address: &Address, found: Option<Found>) -> Result<Option<Kept<T>>, StoreError> {
        found.map_or(Ok(None), |found| self.at.decode(address, &found))
    }

    /// Writes `value` in the place of what was found.
    async fn put_over(
        &self,
        address: &Address,
        found: Option<&Found>,
        value: &T,
    ) -> Result<Found, StoreError> {
        let (to, mut bytes) = self.at.encode(value)?;
        if to != *address {
            let problem = format!("expected its key to stay, found {}", self.at.schema.show(&to));
            return Err(self.at.error(StoreErrorKind::Value { problem }).at(self.at.schema.show(address)));
        }
        if let Some(found) = found.filter(|found| !is_all_known::<T>(&found.bytes)) {
            bytes = unknown::keep(&self.at.message, &found.bytes, bytes);
        }
        let must = found.map_or(Must::Absent(true), |found| Must::Version(found.version));
        let version = self.at.write(address, bytes.clone(), must).await?;
        let stays = self.at.ttl(&bytes).map(|ttl| time::span(Some(ttl))).or(self.at.schema.ttl);
        Ok(Found::written(bytes, version, stays))
    }

    async fn delete_over(&self, address: &Address, found: Option<&Found>) -> Result<(), StoreError> {
        let Some(found) = found else { return Ok(()) };
        let write = api::Write {
            key: address.item.clone(),
            change: Some(api::write::Change::Delete(true)),
            ttl: None,
        };
        self.at.write_if(address, write, Must::Version(found.version)).await.map(drop)
    }
}

/// Whether all of a stored message is in the type, which is so where it comes out as it went in. Where it does not, it may still be: maps
/// come out in any order.
fn is_all_known<T: prost::Message + Default>(bytes: &[u8]) -> bool {
    T::decode(bytes).is_ok_and(|value| value.encoded_len() == bytes.len() && value.encode_to_vec() == bytes)
}
