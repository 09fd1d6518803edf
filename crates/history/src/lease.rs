//! A lease with fencing tokens: at most one holder at any moment, and every grant has a greater token than all before it.
//!
//! Time is part of this model. A grant or renewal at some moment between its call and its return lasts its `ttl_ns` from that
//! moment; another holder may be granted only at or after its end, or after a release. A client that counts from its own call believes
//! to hold for no longer than the lease does, so that no two clients ever believe so at once.
//!
//! What is left to the store: whether the present holder may acquire again (it gets a new token, or is refused), and whether a
//! lease that ran out may be renewed while nobody else was granted it.

mod zone;

use crate::model::{EntryOf, Model};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use zone::Zone;

/// The model of a lease, free at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaseModel {
    /// How long after its end a lease may still be refused to others, in nanoseconds; 0 by default. Stores that let leases run out
    /// on a coarse clock refuse a little too long, which is safe.
    pub late_ns: u64,
}

/// An operation on one lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseOperation {
    /// Which lease.
    pub lease: Arc<str>,
    /// What to do.
    pub action: LeaseAction,
}

/// What to do with a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LeaseAction {
    /// Ask for it.
    Acquire {
        /// Who asks.
        holder: Arc<str>,
        /// How long it is to last, in nanoseconds.
        ttl_ns: u64,
    },
    /// Let it last from now on.
    Renew {
        /// The token it was granted with.
        token: u64,
        /// How long, in nanoseconds.
        ttl_ns: u64,
    },
    /// Give it back.
    Release {
        /// The token it was granted with.
        token: u64,
    },
}

/// What a lease answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LeaseAnswer {
    /// Acquired.
    Granted {
        /// The fencing token.
        token: u64,
    },
    /// Renewed or released.
    Done,
    /// Not acquired because it is held, or not renewed or released because the token's lease is over.
    Refused,
}

/// A lease between two operations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseState {
    /// The greatest token told; none before the first grant.
    last_token: Option<u64>,
    held: Option<Held>,
    zone: Zone,
}

/// A lease that was granted and not released. It may have run out: the zone says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    holder: Arc<str>,
    /// None where nobody was told, because the grant's outcome is unknown: then nobody can renew or release it.
    token: Option<u64>,
    ttl_ns: u64,
}

impl Model for LeaseModel {
    type Record = Arc<str>;
    type Operation = LeaseOperation;
    type Answer = LeaseAnswer;
    type State = LeaseState;

    fn record(&self, operation: &LeaseOperation) -> Option<Arc<str>> {
        Some(operation.lease.clone())
    }

    fn start(&self) -> LeaseState {
        LeaseState { last_token: None, held: None, zone: Zone::start() }
    }

    fn step(&self, state: &LeaseState, entry: &EntryOf<Self>) -> Option<LeaseState> {
        let zone = state.zone.pass(entry.call_ns, entry.return_ns())?;
        let now = LeaseState { zone, ..state.clone() };
        match (&entry.operation.action, entry.answer()) {
            (LeaseAction::Acquire { holder, ttl_ns }, Some(LeaseAnswer::Granted { token })) => {
                now.granted(holder, *ttl_ns, Some(*token))
            }
            (LeaseAction::Acquire { holder, ttl_ns }, None) => now.granted(holder, *ttl_ns, None),
            (LeaseAction::Acquire { .. }, Some(LeaseAnswer::Refused)) => now.refused(self.late_ns),
            (LeaseAction::Renew { token, ttl_ns }, None | Some(LeaseAnswer::Done)) => {
                now.renewed(*token, *ttl_ns)
            }
            (LeaseAction::Release { token }, None | Some(LeaseAnswer::Done)) => {
                now.is_of(*token).then(|| LeaseState { held: None, zone: zone.grant(), ..now })
            }
            (
                LeaseAction::Renew { token, .. } | LeaseAction::Release { token },
                Some(LeaseAnswer::Refused),
            ) => now.over(*token),
            _ => None,
        }
    }

    /// Grants go by their tokens.
    fn rank(&self, entry: &EntryOf<Self>) -> Option<u64> {
        match entry.answer() {
            Some(LeaseAnswer::Granted { token }) => Some(*token),
            _ => None,
        }
    }
}

impl LeaseState {
    fn granted(self, holder: &Arc<str>, ttl_ns: u64, token: Option<u64>) -> Option<LeaseState> {
        if token.is_some() && token <= self.last_token {
            return None;
        }
        let zone = match &self.held {
            Some(held) if held.holder != *holder => self.zone.at_least(held.ttl_ns)?,
            _ => self.zone,
        };
        let held = Held { holder: holder.clone(), token, ttl_ns };
        Some(LeaseState { last_token: token.max(self.last_token), held: Some(held), zone: zone.grant() })
    }

    fn refused(self, late_ns: u64) -> Option<LeaseState> {
        let ttl_ns = self.held.as_ref()?.ttl_ns.saturating_add(late_ns);
        Some(LeaseState { zone: self.zone.less_than(ttl_ns)?, ..self })
    }

    fn renewed(self, token: u64, ttl_ns: u64) -> Option<LeaseState> {
        if !self.is_of(token) {
            return None;
        }
        let held = self.held.map(|held| Held { ttl_ns, ..held });
        Some(LeaseState { held, zone: self.zone.grant(), ..self })
    }

    /// The lease of `token` is over: another's, released, or run out.
    fn over(self, token: u64) -> Option<LeaseState> {
        match &self.held {
            Some(held) if held.token == Some(token) => {
                Some(LeaseState { zone: self.zone.at_least(held.ttl_ns)?, ..self })
            }
            _ => Some(self),
        }
    }

    fn is_of(&self, token: u64) -> bool {
        self.held.as_ref().is_some_and(|held| held.token == Some(token))
    }
}

impl fmt::Display for LeaseOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            LeaseAction::Acquire { holder, ttl_ns } => write!(f, "acquire for {holder}, {ttl_ns} ns"),
            LeaseAction::Renew { token, ttl_ns } => write!(f, "renew token {token}, {ttl_ns} ns"),
            LeaseAction::Release { token } => write!(f, "release token {token}"),
        }
    }
}

impl fmt::Display for LeaseAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaseAnswer::Granted { token } => write!(f, "token {token}"),
            LeaseAnswer::Done => f.write_str("done"),
            LeaseAnswer::Refused => f.write_str("refused"),
        }
    }
}

impl fmt::Display for LeaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(held) = &self.held else { return f.write_str("free") };
        let token = held.token.map_or_else(|| "?".to_owned(), |token| token.to_string());
        let (least, most) = self.zone.age_ns();
        write!(f, "{} with token {token}, {least} to {most} of {} ns ago", held.holder, held.ttl_ns)
    }
}
