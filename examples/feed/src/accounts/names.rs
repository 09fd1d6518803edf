//! What names stand for, in the store: users by identity, and handles, so that each is somebody's alone. A user and the handles they
//! take or give up are written as one.

use super::users::{exists, no_user, seeded};
use crate::api::accounts::v1::stored_name::Kind;
use crate::api::accounts::v1::{StoredName, User};
use crate::check::is_word;
use crate::seed::Person;
use std::time::Duration;
use tenet_client::store::{Changes, Collection, StoreError};
use tonic::Status;

/// Times that a change begins anew because somebody else has changed the same names.
const MAX_TURNS: u32 = 10;

/// Longest pause between them; a change takes a few milliseconds.
const MAX_PAUSE_MS: u64 = 20;

/// What a name stands for, and the version that says so; `None`: only the seed does.
struct Found<T> {
    is: Option<T>,
    version: Option<u64>,
}

/// All names.
pub(super) struct Names {
    pub(super) stored: Collection<StoredName>,
}

impl Names {
    /// The user with this identity.
    pub(super) async fn user(&self, id: &str) -> Result<Option<User>, Status> {
        Ok(self.find(id).await?.is)
    }

    /// The users with these identities, in their order.
    pub(super) async fn users(&self, ids: &[&str]) -> Result<Vec<Option<User>>, Status> {
        let asked = ids.iter().filter(|id| is_identity(id));
        let found = self.stored.get_many(asked.map(|id| (Kind::Identity as i32, *id))).await?;
        let mut found = found.into_iter().map(|kept| kept.map(|kept| kept.value));
        let user = |id: &&str| {
            if is_identity(id) { over_seed(found.next().flatten(), id) } else { None }
        };
        Ok(ids.iter().map(user).collect())
    }

    /// The identity of whose handle it is.
    pub(super) async fn whose(&self, handle: &str) -> Result<Option<String>, Status> {
        Ok(self.holder(handle).await?.is)
    }

    /// Writes what becomes of the user with this identity, as `change` decides; `None`: they are removed. Their handle must be nobody
    /// else's. Returns what was written of them, with its version.
    pub(super) async fn change(
        &self,
        id: &str,
        mut change: impl FnMut(Option<User>) -> Result<Option<User>, Status>,
    ) -> Result<(StoredName, u64), Status> {
        if !is_identity(id) {
            return Err(no_user(id));
        }
        for turn in 1.. {
            let found = self.find(id).await?;
            let before = found.is.as_ref().map(|user| user.handle.clone());
            let user = change(found.is)?;
            let after = user.as_ref().map(|user| user.handle.clone());
            let stored = name(Kind::Identity, id, user, "");
            let mut changes = set(self.stored.changes(), &stored, found.version);
            if before != after {
                if let Some(handle) = &after {
                    let holder = self.holder(handle).await?;
                    if holder.is.is_some() {
                        return Err(exists("handle", handle));
                    }
                    changes = set(changes, &name(Kind::Handle, handle, None, id), holder.version);
                }
                if let Some(handle) = &before {
                    let holder = self.holder(handle).await?;
                    changes = set(changes, &name(Kind::Handle, handle, None, ""), holder.version);
                }
            }
            match changes.commit().await {
                Ok(version) => return Ok((stored, version)),
                Err(error) if error.is_conflict() && turn < MAX_TURNS => pause().await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(no_user(id))
    }

    async fn find(&self, id: &str) -> Result<Found<User>, StoreError> {
        if !is_identity(id) {
            return Ok(Found { is: None, version: None });
        }
        let kept = self.stored.get((Kind::Identity as i32, id)).await?;
        let version = kept.as_ref().map(|kept| kept.version);
        Ok(Found { is: over_seed(kept.map(|kept| kept.value), id), version })
    }

    /// Whose a handle is. A seeded user has theirs until it was written that they have not.
    async fn holder(&self, handle: &str) -> Result<Found<String>, StoreError> {
        if !is_handle(handle) {
            return Ok(Found { is: None, version: None });
        }
        let kept = self.stored.get((Kind::Handle as i32, handle)).await?;
        Ok(match kept {
            Some(kept) => Found {
                version: Some(kept.version),
                is: Some(kept.value.user_id).filter(|user_id| !user_id.is_empty()),
            },
            None => Found { is: Person::from_handle(handle).map(Person::id), version: None },
        })
    }
}

/// The user that a stored name stands for, where there is one, or the seed's.
pub(super) fn over_seed(stored: Option<StoredName>, id: &str) -> Option<User> {
    match stored {
        Some(stored) => stored.user,
        None => seeded(id),
    }
}

/// Whether it can be an identity; what cannot is nobody's, and the store is not asked.
fn is_identity(id: &str) -> bool {
    is_word(id, 1, 32, "_")
}

/// Whether it can be a handle.
pub(super) fn is_handle(handle: &str) -> bool {
    is_word(&handle.to_lowercase(), 3, 20, "_")
}

fn name(kind: Kind, name: &str, user: Option<User>, user_id: &str) -> StoredName {
    StoredName { kind: kind.into(), name: name.to_owned(), user, user_id: user_id.to_owned() }
}

/// Writes `value` in the place of what was found.
fn set(changes: Changes<StoredName>, value: &StoredName, found: Option<u64>) -> Changes<StoredName> {
    match found {
        Some(version) => changes.replace(value, version),
        None => changes.insert(value),
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(1..=MAX_PAUSE_MS))).await;
}
