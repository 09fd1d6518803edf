//! Commits as they are drawn at random, before it is known which versions and tokens there are.

use crate::commit::{Action, Commit, Condition, Fence, Must, RecordChange, Token, Write};
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{bytes, inline, record_key};
use crate::conformance::model::{Model, lease_of};
use crate::conformance::site::Site;
use crate::item::{UnixMs, Version};
use crate::lease::Lease;
use crate::name::CollectionId;
use proptest::prelude::*;
use std::time::Duration;

/// Few, so that they meet; one is a prefix of another, and the last is the lease.
pub(super) const RECORDS: [&[u8]; 4] = [b"r", b"r\0", b"s", b"lease"];
/// The same.
pub(super) const KEYS: [&[u8]; 4] = [b"", b"a", b"a\0", b"b"];
/// Where the lease is among [`RECORDS`].
const LEASE: usize = 3;

/// One step of a sequence.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Commits, in one call or several.
    Batch(Vec<Rough>),
    /// A unit of time passes.
    Pass,
    /// The engine clears away.
    Upkeep,
}

/// A commit. Indices are of [`RECORDS`] and [`KEYS`].
#[derive(Clone, Debug)]
pub(super) struct Rough {
    changes: Vec<RoughChange>,
    /// With the token the lease has, or another.
    fence: Option<bool>,
    token: RoughToken,
    /// The call ends with it.
    pub ends_call: bool,
}

/// What it does to one record.
#[derive(Clone, Debug)]
struct RoughChange {
    record: usize,
    conditions: Vec<(usize, RoughMust)>,
    writes: Vec<(usize, RoughAction, Option<u8>)>,
}

#[derive(Clone, Debug)]
enum RoughToken {
    None,
    New,
    /// One that was used before, as far back.
    Again(prop::sample::Index),
}

#[derive(Clone, Copy, Debug)]
enum RoughMust {
    Absent,
    Present,
    /// The version the item had before the call.
    Current,
    /// So much less.
    Older(u8),
}

#[derive(Clone, Debug)]
enum RoughAction {
    Put(String),
    Number(i64),
    Delete,
    Add(i64),
    /// Takes the lease, or with the token it has, keeps it.
    Hold(bool),
}

/// Sequences of steps.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => prop::collection::vec(rough(), 1..8).prop_map(Step::Batch),
        2 => Just(Step::Pass),
        1 => Just(Step::Upkeep),
    ];
    prop::collection::vec(step, 1..10)
}

fn rough() -> impl Strategy<Value = Rough> {
    let must = prop_oneof![
        1 => Just(RoughMust::Absent),
        1 => Just(RoughMust::Present),
        3 => Just(RoughMust::Current),
        1 => (0u8..3).prop_map(RoughMust::Older),
    ];
    let action = prop_oneof![
        4 => "[x-z]{0,3}".prop_map(RoughAction::Put),
        1 => prop_oneof![Just(i64::MAX), Just(i64::MIN), -5i64..5].prop_map(RoughAction::Number),
        3 => Just(RoughAction::Delete),
        2 => prop_oneof![4 => -9i64..9, 1 => Just(i64::MAX), 1 => Just(i64::MIN)].prop_map(RoughAction::Add),
        2 => any::<bool>().prop_map(RoughAction::Hold),
    ];
    let conditions = prop::collection::vec((0..KEYS.len(), must), 0..3);
    let ttl = prop_oneof![3 => Just(None), 1 => (0u8..3).prop_map(Some)];
    let writes = prop::collection::btree_map(0..KEYS.len(), (action, ttl), 0..4);
    let changes = prop::collection::btree_map(0..RECORDS.len(), (conditions, writes), 0..3);
    let token = prop_oneof![
        1 => Just(RoughToken::None),
        6 => Just(RoughToken::New),
        2 => any::<prop::sample::Index>().prop_map(RoughToken::Again),
    ];
    let fence = prop_oneof![5 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    (changes, fence, token, prop::bool::weighted(0.3)).prop_map(|(changes, fence, token, ends_call)| {
        let changes = changes.into_iter().map(|(record, (conditions, writes))| RoughChange {
            record,
            conditions,
            writes: writes.into_iter().map(|(key, (action, ttl))| (key, action, ttl)).collect(),
        });
        Rough { changes: changes.collect(), fence, token, ends_call }
    })
}

/// Makes commits of rough ones.
pub(super) struct Resolver {
    collection: CollectionId,
    unit: Duration,
    /// Times to live are only for clocks that can be turned.
    turned: bool,
    /// Whether a commit may change several records.
    several: bool,
    nonce: u128,
    used: Vec<Token>,
}

impl Resolver {
    pub fn new(site: &Site) -> Resolver {
        Resolver {
            collection: site.collection,
            unit: site.units(1),
            turned: site.turned,
            several: site.gives(Guarantee::AtomicAcrossRecords),
            nonce: u128::from(site.collection.0) << 64,
            used: Vec::new(),
        }
    }

    /// The commit that `rough` is now.
    pub fn resolve(&mut self, rough: &Rough, model: &Model) -> Commit {
        let most = if self.several { rough.changes.len() } else { 1 };
        let changes = rough.changes.iter().take(most).map(|RoughChange { record, conditions, writes }| {
            let id = bytes(RECORDS[*record]);
            let version =
                |key: usize| model.get(&id, &bytes(KEYS[key])).map_or(Version(1), |held| held.version);
            let conditions = conditions.iter().map(|(key, must)| Condition {
                key: bytes(KEYS[*key]),
                must: match must {
                    RoughMust::Absent => Must::BeAbsent,
                    RoughMust::Present => Must::BePresent,
                    RoughMust::Current => Must::Be(version(*key)),
                    RoughMust::Older(less) => {
                        Must::Be(Version(version(*key).0.saturating_sub(u64::from(*less))))
                    }
                },
            });
            let writes = writes.iter().map(|(key, action, ttl)| {
                // Between two units, so that it is over surely or surely not.
                let ttl =
                    ttl.filter(|_| self.turned).map(|units| self.unit * u32::from(units) + self.unit / 2);
                Write { key: bytes(KEYS[*key]), action: resolved(action, model), ttl }
            });
            RecordChange { record: id.clone(), conditions: conditions.collect(), writes: writes.collect() }
        });
        let changes = changes.collect();
        let fence = rough.fence.map(|right| {
            let held = lease(model).unwrap_or(Version(3));
            let token = if right { held } else { Version(held.0 + 1) };
            Fence { lease: record_key(self.collection, RECORDS[LEASE]), token }
        });
        Commit { collection: self.collection, token: self.token(&rough.token), fence, typed: None, changes }
    }

    fn token(&mut self, rough: &RoughToken) -> Option<Token> {
        match rough {
            RoughToken::None => None,
            RoughToken::Again(index) if !self.used.is_empty() => Some(*index.get(&self.used)),
            RoughToken::Again(_) | RoughToken::New => {
                self.nonce += 1;
                self.used.push(Token { time: UnixMs(0), nonce: self.nonce });
                self.used.last().copied()
            }
        }
    }
}

fn lease(model: &Model) -> Option<Version> {
    model.get(&bytes(RECORDS[LEASE]), &bytes(KEYS[0])).and_then(lease_of)
}

fn resolved(action: &RoughAction, model: &Model) -> Action {
    match action {
        RoughAction::Put(text) => Action::Put(inline(text)),
        RoughAction::Number(number) => Action::Put(inline(number.to_be_bytes())),
        RoughAction::Delete => Action::Delete,
        RoughAction::Add(amount) => Action::Add(*amount),
        RoughAction::Hold(keep) => Action::Put(Lease::value("one", if *keep { lease(model) } else { None })),
    }
}
