//! Who follows whom: the seeded graph, with what was written on top.

use crate::check::DOMAIN;
use crate::seed::Person;
use crate::shelf::Shelf;
use std::collections::HashSet;
use tenet_service::Fault;
use tonic::Status;

/// A written edge by its key; `None` is one that was removed.
type Edge = (String, Option<()>);

/// Edges by `follower/followed`. The value only says that the edge is there; the message has no need of content.
pub(super) struct Graph {
    pub(super) shelf: Shelf<()>,
}

impl Graph {
    /// Whom `follower` follows: the seeded ones first.
    pub(super) fn following(&self, follower: &str) -> Result<Vec<String>, Status> {
        Ok(merged(follower, &self.written(follower)?))
    }

    /// How many `follower` follows.
    pub(super) fn following_count(&self, follower: &str) -> Result<usize, Status> {
        let written = self.written(follower)?;
        if written.is_empty() {
            return Ok(Person::from_id(follower).map_or(0, |person| person.following().count()));
        }
        Ok(merged(follower, &written).len())
    }

    fn written(&self, follower: &str) -> Result<Vec<Edge>, Status> {
        self.shelf.range(&format!("{follower}/"))
    }

    /// Adds an edge; false if it was there.
    pub(super) fn follow(&self, follower: &str, followed: &str) -> Result<bool, Status> {
        self.shelf.update(&format!("{follower}/{followed}"), |known| {
            let there = known.or_seed(|| seeded(follower, followed)).is_some();
            Ok((Some(()), !there))
        })
    }

    /// Removes an edge that is there.
    pub(super) fn unfollow(&self, follower: &str, followed: &str) -> Result<(), Status> {
        self.shelf.update(&format!("{follower}/{followed}"), |known| {
            known.or_seed(|| seeded(follower, followed)).ok_or_else(|| {
                Status::from(
                    Fault::failed_precondition(format!("users/{follower} does not follow users/{followed}."))
                        .reason("NOT_FOLLOWING", DOMAIN)
                        .precondition("FOLLOWING", format!("users/{follower}"), "follow first"),
                )
            })?;
            Ok((None, ()))
        })
    }
}

/// Whom `follower` follows, with what was written on top of the seed.
fn merged(follower: &str, written: &[Edge]) -> Vec<String> {
    let written: Vec<(&str, bool)> =
        written.iter().filter_map(|(key, edge)| Some((key.split_once('/')?.1, edge.is_some()))).collect();
    let changed: HashSet<&str> = written.iter().map(|(followed, _)| *followed).collect();
    let seeded = Person::from_id(follower).into_iter().flat_map(Person::following).map(Person::id);
    let kept = seeded.filter(|followed| changed.is_empty() || !changed.contains(followed.as_str()));
    let added = written.iter().filter(|(_, there)| *there).map(|(followed, _)| (*followed).to_owned());
    kept.chain(added).collect()
}

fn seeded(follower: &str, followed: &str) -> Option<()> {
    let person = Person::from_id(follower)?;
    person.following().any(|other| other.id() == followed).then_some(())
}
