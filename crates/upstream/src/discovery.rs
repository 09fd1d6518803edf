//! Discovery by DNS: who the instances of a service are, asked again and again, and told to whoever watches.
//!
//! ```text
//!   DnsSource ──rounds of questions──▶ answers held, each with its last good one ──▶ Vec<Discovered>, watched
//!                                                                              └──▶ DnsEvent, for the time line
//! ```
//!
//! What was found stays while the source is away, in whichever order source and instances fail: an answer is replaced by
//! another, a source that cannot tell changes nothing, and one that says there is nothing must insist on it (`held`). A and
//! AAAA are two answers, and so are those of each SRV target: none takes another's part away. Who disappears from the answer
//! leaves the roster; calls in flight there end by themselves.

mod ask;
mod event;
mod follow;
mod held;
mod known;
mod lookups;
mod resolver;
mod source;
#[cfg(test)]
mod tests;

pub use event::{DnsEvent, DnsEventKind};
pub use lookups::{Lookups, LookupsView};
pub use source::{Discovered, DnsQuestion, DnsSource, InvalidSource};

use crate::task::Task;
use ask::Ask;
use known::Known;
use resolver::Resolver;
use std::sync::Arc;
use tokio::sync::watch;

/// Who is told of events.
type Tell = Arc<dyn Fn(DnsEvent) + Send + Sync>;

/// The running discovery of one source; it ends when this is dropped, or with the runtime.
#[derive(Debug)]
#[must_use = "discovery ends when this is dropped"]
pub struct Discovery {
    instances: watch::Receiver<Vec<Discovered>>,
    lookups: Arc<Lookups>,
    _task: Task,
}

impl Discovery {
    /// Begins to ask. Must be called on a runtime that runs no calls.
    ///
    /// `on_event` is called on that runtime and must not block.
    ///
    /// # Errors
    /// The source cannot be asked: what is wrong with it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        source: DnsSource,
        on_event: impl Fn(DnsEvent) + Send + Sync + 'static,
    ) -> Result<Discovery, InvalidSource> {
        let resolver = Resolver::new(source.resolver);
        Discovery::ask(source, resolver, Arc::new(on_event))
    }

    fn ask(source: DnsSource, ask: impl Ask, tell: Tell) -> Result<Discovery, InvalidSource> {
        let known = Known::new(source)?;
        let (sender, instances) = watch::channel(Vec::new());
        let lookups = Arc::new(Lookups::new());
        let task = Task::spawn(follow::run(known, Arc::new(ask), lookups.clone(), sender, tell));
        Ok(Discovery { instances, lookups, _task: task })
    }

    /// The instances as they are known, ordered by address; marked as changed whenever they do. None before the first answer.
    pub fn instances(&self) -> watch::Receiver<Vec<Discovered>> {
        self.instances.clone()
    }

    /// How its questions end; still readable when the discovery has ended.
    pub fn lookups(&self) -> Arc<Lookups> {
        self.lookups.clone()
    }
}
