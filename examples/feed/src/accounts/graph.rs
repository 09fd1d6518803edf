//! Who follows whom: the seeded graph, with what was written on top.

use crate::api::accounts::v1::StoredEdge;
use crate::check::DOMAIN;
use crate::replica::Replica;
use crate::seed::Person;
use std::collections::HashSet;
use std::sync::Arc;
use tenet_client::store::{Change, Collection};
use tenet_service::Fault;
use tonic::Status;

/// Edges, in the store, and by `follower/followed` in memory: a timeline asks for all of a user's.
pub(super) struct Graph {
    edges: Collection<StoredEdge>,
    replica: Replica<StoredEdge>,
}

impl Graph {
    pub(super) fn of(edges: Collection<StoredEdge>) -> Graph {
        let replica = Replica::of(&edges, |edge| Some(format!("{}/{}", edge.follower_id, edge.followed_id)));
        Graph { edges, replica }
    }

    /// The first `most` whom `follower` follows: the seeded ones first.
    pub(super) async fn following(&self, follower: &str, most: usize) -> Result<Vec<String>, Status> {
        Ok(merged(follower, &self.written(follower).await?).take(most).collect())
    }

    /// How many `follower` follows.
    pub(super) async fn following_count(&self, follower: &str) -> Result<usize, Status> {
        let written = self.written(follower).await?;
        if written.is_empty() {
            return Ok(Person::from_id(follower).map_or(0, |person| person.following().count()));
        }
        Ok(merged(follower, &written).count())
    }

    async fn written(&self, follower: &str) -> Result<Vec<Arc<StoredEdge>>, Status> {
        Ok(self.replica.rows().await?.beginning(&format!("{follower}/")))
    }

    /// Adds an edge; false if it was there.
    pub(super) async fn follow(&self, follower: &str, followed: &str) -> Result<bool, Status> {
        let mut changed = false;
        self.set(follower, followed, |there| {
            changed = !there;
            Ok(changed.then_some(false))
        })
        .await?;
        Ok(changed)
    }

    /// Removes an edge that is there.
    pub(super) async fn unfollow(&self, follower: &str, followed: &str) -> Result<(), Status> {
        self.set(follower, followed, |there| {
            if there {
                return Ok(Some(true));
            }
            let fault =
                Fault::failed_precondition(format!("users/{follower} does not follow users/{followed}."));
            let fault = fault.reason("NOT_FOLLOWING", DOMAIN);
            Err(fault.precondition("FOLLOWING", format!("users/{follower}"), "follow first").into())
        })
        .await
    }

    /// Writes whether an edge is removed, as `change` decides by whether it is there; `None`: it stays as it is.
    async fn set(
        &self,
        follower: &str,
        followed: &str,
        mut change: impl FnMut(bool) -> Result<Option<bool>, Status>,
    ) -> Result<(), Status> {
        let edge = |removed| StoredEdge {
            follower_id: follower.to_owned(),
            followed_id: followed.to_owned(),
            removed,
        };
        let written = self.edges.update((follower, followed), |stored: Option<StoredEdge>| {
            let there = stored.map_or_else(|| seeded(follower, followed), |edge| !edge.removed);
            Ok::<_, Status>(match change(there)? {
                Some(removed) => Change::Put(edge(removed)),
                None => Change::Keep,
            })
        });
        if let Some(kept) = written.await? {
            self.replica.wrote(kept.value, kept.version);
        }
        Ok(())
    }
}

/// Whom `follower` follows, with what was written on top of the seed.
fn merged(follower: &str, written: &[Arc<StoredEdge>]) -> impl Iterator<Item = String> {
    let changed: HashSet<&str> = written.iter().map(|edge| edge.followed_id.as_str()).collect();
    let seeded = Person::from_id(follower).into_iter().flat_map(Person::following).map(Person::id);
    let kept = seeded.filter(move |followed| changed.is_empty() || !changed.contains(followed.as_str()));
    let added = written.iter().filter(|edge| !edge.removed).map(|edge| edge.followed_id.clone());
    kept.chain(added)
}

fn seeded(follower: &str, followed: &str) -> bool {
    Person::from_id(follower).is_some_and(|person| person.following().any(|other| other.id() == followed))
}
