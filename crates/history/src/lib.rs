//! Histories of concurrent clients, and whether they can be put in an order that explains every answer.
//!
//! ```text
//!   client 0 ── Recorder ──┐                       ┌─ Linearizable
//!   client 1 ── Recorder ──┼─▶ History ──check───▶ ├─ Not { account }   the shortest prefix without an order, drawn
//!   client 2 ── Recorder ──┘     │  ▲              └─ OutOfSteps        the caller's budget is spent; never a hang
//!                        to_lines│  │from_lines
//!                                ▼  │
//!                              JSON lines, one operation each: a failing run is kept and replayed
//! ```
//!
//! Who uses it: the store's tests and crash runs, and authors of new engines. Everything here is pure: times are
//! handed in (nanoseconds of any one monotone clock), text comes in and goes out, nothing is read or waited for.
//!
//! # What is checked
//!
//! * [`check`]: linearizability (Herlihy & Wing 1990) of a history against a [`Model`]: every operation takes effect
//!   at one moment between its call and its return, and the answers are those of one sequential object. Models here:
//!   [`RecordModel`] (items with versions, conditional writes, scans, idempotency tokens), [`RegisterModel`] and
//!   [`LeaseModel`] (leases with fencing tokens, in time).
//! * [`check_aged_reads`]: reads that accept an age. They are not linearizable by design, but each must show a state
//!   that was current at some moment no earlier than its call minus that age.
//! * [`check_feed`]: a change feed: by record in order of versions, at least once, nothing skipped.
//!
//! # How
//!
//! The search is that of Wing & Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory of visited
//! configurations by Lowe ("Testing for linearizability", 2017), over records one by one, which is P-compositionality
//! (Horn & Kroening, "Faster linearizability checking via P-compositionality", 2015); porcupine made the combination known.
//! Four things are added, each with its proof where it stands:
//!
//! * an answer that carries a version tells the order of writes, so that no other order is tried ([`Model::rank`]);
//! * an operation that only reads is placed as soon as it fits ([`Model::only_reads`]);
//! * an unknown outcome is settled before the search where the history settles it: seen by somebody, or such that
//!   nobody can tell. Where several operations may have made what was seen, one of them is placed where the version that was shown is due, and
//!   one that nobody was told of has no version at all ([`Model::simplify`]);
//! * any other of unknown outcome is placed only right before what could not follow without it ([`Model::wanted`]), so that
//!   the ones that do not matter are not tried in all their subsets.
//!
//! [`check_generally`] does without the four and is what they are tested against.
//!
//! # Why our own
//!
//! Looked at in November 2026: todc-utils 0.1 (no unknown outcomes, no partitions, no bound, one vector of booleans a visited
//! configuration), the tester of stateright 0.31 (recursive, copies the history at each step, no memory of visited
//! configurations), porcupine-rs 0.3 (a good port, but it ends by wall clock and brings criterion and crossbeam
//! along; unknown outcomes stay open calls that every step tries). None uses versions, none bounds by steps.

mod aged;
mod check;
mod entry;
mod feed;
mod history;
mod lease;
mod lines;
mod model;
mod record;
mod recorder;
mod register;

pub use aged::{AgedReads, StaleRead, check_aged_reads};
pub use check::{Account, Report, Verdict, check, check_generally};
pub use entry::{Entry, Numbered, Outcome};
pub use feed::{Feed, FeedBreach, FeedEvent, FeedSession, FeedStart, check_feed};
pub use history::History;
pub use lease::{LeaseAction, LeaseAnswer, LeaseModel, LeaseOperation, LeaseState};
pub use lines::LineError;
pub use model::{EntryOf, Model, NumberedOf, Open, Problem};
pub use record::{
    Action, Change, Condition, Expected, Key, RecordAnswer, RecordModel, RecordOperation, RecordState, Seen,
    Token, Write,
};
pub use recorder::{OpenCall, Recorder};
pub use register::{RegisterAction, RegisterAnswer, RegisterModel, RegisterOperation};
