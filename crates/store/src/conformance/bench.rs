//! How the suite gets at an engine: what the author of one writes for it.

use crate::engine::{Engine, Pending};
use std::sync::Arc;
use std::time::Duration;

/// Makes places for the engine under test: folders, schemas, whatever it keeps its data in.
pub trait Bench: Send + Sync + 'static {
    /// A new place with nothing in it. The suite asks for one per check, about eighty in all, and drops each before it asks for the next.
    fn place(&self) -> Pending<'_, Box<dyn Place>>;

    /// Whether [`Engine::size`] counts. False: it estimates, and numbers are not compared.
    fn counts_sizes(&self) -> bool {
        true
    }
}

/// One place where an engine keeps its data. What it cannot do is reported as not tried, never as passed.
pub trait Place: Send + Sync + 'static {
    /// Opens the engine on what is here. The suite has dropped every engine it had from this place, so a lock of the last one must go
    /// with its last reference; waiting a moment for that is this method's part.
    fn open(&self) -> Pending<'_, Arc<dyn Engine>>;

    /// Opens one more beside those that are open, as a second process would. An engine that is exclusive answers with an
    /// error. None: this cannot be tried here.
    fn beside(&self) -> Option<Pending<'_, Arc<dyn Engine>>> {
        None
    }

    /// Turns the clock of the engines here on. False: it cannot be turned, and the suite waits instead. `Duration::ZERO` only asks.
    fn advance(&self, time: Duration) -> bool {
        let _ = time;
        false
    }

    /// Does harm. None: this cannot be tried here.
    fn injure(&self, injury: Injury) -> Option<Pending<'_, ()>> {
        let _ = injury;
        None
    }
}

/// Harm that is done to an engine on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injury {
    /// Ends it as `kill -9` does, with commits in flight: what was not made durable is gone. Then the suite drops it and calls [`Place::open`].
    Kill,
    /// Changes a stored byte where an item's value lies. Done while no engine is open; the number chooses the byte.
    Corrupt(u64),
    /// From now on there is no room for anything more.
    Fill,
    /// There is room again.
    Drain,
}
