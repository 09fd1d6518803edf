//! Active health checks: once for the process, beside the data plane.
//!
//! ```text
//!   Shared ──who is there──▶ Checker ──one task an instance──▶ check ──▶ standing ──▶ InstanceState (unhealthy)
//!                                                                            └──▶ HealthChange, for the time line
//! ```
//!
//! This only reports. Whether an unhealthy instance is left out, and what happens when too few are left, is for balancing to
//! decide: a check has its own connections, which count in no pool, and its own path through the instance.

mod counts;
mod fault;
mod grpc;
mod http;
mod rules;
mod target;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub(crate) use counts::CheckCounts;
pub use rules::{HealthCheck, HealthChecks};

use crate::Shared;
use crate::task::Task;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use target::Target;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Checks of the process that run at once. A fleet that hangs as a whole costs this many sockets in connect, and no more.
const CHECKS_MAX: usize = 32;

/// How often it is looked who is there: the longest that the checks of a removed instance go on.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// An instance's standing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// The service's name.
    pub service: Arc<str>,
    /// The instance's id.
    pub instance: Arc<str>,
    /// Whether it serves now.
    pub healthy: bool,
    /// Why: a short clause that follows the instance's name and a colon, such as `connection refused (2 checks in a row failed)`.
    pub cause: String,
}

impl HealthChange {
    fn new(target: &Target, healthy: bool, cause: String) -> HealthChange {
        let state = &target.state;
        HealthChange { service: state.service.clone(), instance: state.instance.id.clone(), healthy, cause }
    }
}

/// Who is told of changes.
type Tell = Arc<dyn Fn(HealthChange) + Send + Sync>;

/// The running checks of a process; they end when this is dropped, or with the runtime.
#[derive(Debug)]
#[must_use = "checks end when their checker is dropped"]
pub struct Checker {
    _task: Task,
}

impl Checker {
    /// Begins to check all instances of `shared`, those of later rosters, too, by the rules of their services. Must be called
    /// on a runtime that runs no calls; the checks end when `shared` does.
    ///
    /// `on_change` is called on that runtime, must not block, and is told of turns only: an instance counts as healthy until
    /// its checks say otherwise.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(shared: &Arc<Shared>, on_change: impl Fn(HealthChange) + Send + Sync + 'static) -> Checker {
        let shared = Arc::downgrade(shared);
        Checker::follow(move || shared.upgrade().map(|shared| target::all(&shared)), Arc::new(on_change))
    }

    /// Follows `targets` until that is `None`.
    fn follow(targets: impl Fn() -> Option<Vec<Target>> + Send + 'static, tell: Tell) -> Checker {
        let gate = Arc::new(Semaphore::new(CHECKS_MAX));
        let task = Task::spawn(async move {
            let mut watched = HashMap::new();
            while let Some(targets) = targets() {
                take_over(&mut watched, targets, &gate, &tell);
                sleep(LOOK_PAUSE).await;
            }
        });
        Checker { _task: task }
    }
}

/// An instance whose checks run.
struct Watched {
    target: Target,
    task: Task,
}

/// Begins the checks of new targets and ends those of the ones that went.
fn take_over(
    watched: &mut HashMap<usize, Watched>,
    targets: Vec<Target>,
    gate: &Arc<Semaphore>,
    tell: &Tell,
) {
    let mut before = std::mem::take(watched);
    for target in targets {
        let key = target.key();
        let goes_on = before.remove(&key).filter(|old| {
            // A task ends before its time only by a panic; its instance must not stay as it was for ever.
            old.target.terms == target.terms && !old.task.is_finished()
        });
        let entry = goes_on.unwrap_or_else(|| {
            let task = Task::spawn(watch::run(target.clone(), gate.clone(), tell.clone()));
            Watched { target, task }
        });
        watched.insert(key, entry);
    }
    for Watched { target, task } in before.into_values() {
        drop(task);
        // Nobody would ever find out that it is well again.
        if !target.state.is_removed() && target.state.set_unhealthy(false, "") {
            tell(HealthChange::new(&target, true, "it is no longer checked".into()));
        }
    }
}
