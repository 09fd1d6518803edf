//! Many clients at once on few records: their histories are recorded and judged, and what needs no history is counted.

mod abandoned;
mod across;
mod client;
mod feed;
mod judge;
mod linear;
mod observed;
mod order;

use super::check::Check;
use super::problem::{Checked, Problem};
use super::site::Site;
use crate::engine::{Engine, Sharing};
use std::sync::Arc;

/// All runs.
pub(super) fn checks() -> Vec<Check> {
    [linear::checks(), across::checks(), feed::checks(), abandoned::checks()].concat()
}

/// The engines that clients take turns at: two processes on the same data where that is claimed and can be had.
async fn engines(site: &Site) -> Checked<Vec<Arc<dyn Engine>>> {
    let mut engines = vec![site.engine.clone()];
    if site.engine.guarantees().sharing == Sharing::Shared
        && let Some(beside) = site.place.beside()
    {
        engines.push(beside.await?);
    }
    Ok(engines)
}

/// What each of the tasks came to, or the first that failed.
async fn all<T>(tasks: Vec<tokio::task::JoinHandle<Checked<T>>>) -> Checked<Vec<T>> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.map_err(|error| Problem::Wrong(format!("a client ended: {error}")))??);
    }
    Ok(results)
}
