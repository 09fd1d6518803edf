//! What a batch of commits comes to, decided without IO: the same for every engine.
//!
//! ```text
//!   commits ──needs──▶ which items and tokens to fetch
//!                          │ fetched, under the engine's lock of those records
//!                          ▼
//!                      Decider ──take, one commit after the other──▶ Outcome each
//!                          │
//!                          ▼ finish
//!                      Effects: items as they are afterwards, changes in order, tokens: what the engine makes durable in one step
//! ```
//!
//! A commit sees what those before it in the batch did; one that is refused leaves no trace. So a batch is equal to its commits
//! one by one, and joining them changes what they cost and nothing else.

mod entries;
mod needs;

pub use needs::{Needs, needs};

use crate::commit::{Action, Commit, Fence, Must, Outcome, RecordChange, Refusal, Token};
use crate::item::{Item, UnixMs, Value, Version};
use crate::lease::Lease;
use crate::name::{CollectionId, ItemKey, RecordKey};
use bytes::Bytes;
use entries::Entries;
use std::collections::HashMap;

/// What an engine has to make durable, in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Items as they are afterwards; `None` is removed. No key twice.
    pub items: Vec<(ItemKey, Option<Item>)>,
    /// Every change in the order it was made, also those that a later one of the batch covers.
    pub changes: Vec<Change>,
    /// Tokens and the versions they were answered with.
    pub tokens: Vec<(Token, Version)>,
    /// Rows that are removed if they have this value, in line: entries of unique indexes that may be others' by now. Not among `items`.
    pub released: Vec<(ItemKey, Bytes)>,
}

impl Effects {
    /// Whether there is nothing to be made durable.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.changes.is_empty() && self.tokens.is_empty() && self.released.is_empty()
    }
}

/// A change of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which item.
    pub item: ItemKey,
    /// What it is now. None: it was removed.
    pub now: Option<Item>,
    /// Which change.
    pub version: Version,
}

/// Decides the commits of a batch one after the other.
pub struct Decider {
    now: UnixMs,
    /// Items as they are after the commits so far: those that were fetched, changed by them.
    items: HashMap<ItemKey, Known>,
    /// Which of them were changed, in the order of their first change.
    changed: Vec<ItemKey>,
    tokens: HashMap<Token, Version>,
    /// Which indexes are in force.
    layouts: HashMap<CollectionId, u64>,
    effects: Effects,
}

/// What a commit comes to.
#[derive(Default)]
struct Plan {
    changes: Vec<Change>,
    entries: Entries,
}

/// An item as it is after the commits so far.
struct Known {
    item: Option<Item>,
    changed: bool,
}

impl Decider {
    /// Begins with what was fetched: every item and every known token of [`needs`]. What is not among `items` is not there.
    pub fn new(
        now: UnixMs,
        items: impl IntoIterator<Item = (ItemKey, Item)>,
        tokens: impl IntoIterator<Item = (Token, Version)>,
    ) -> Decider {
        Decider {
            now,
            items: items
                .into_iter()
                .map(|(key, item)| (key, Known { item: Some(item), changed: false }))
                .collect(),
            changed: Vec::new(),
            tokens: tokens.into_iter().collect(),
            layouts: HashMap::new(),
            effects: Effects::default(),
        }
    }

    /// The layouts of the batch's collections, as they are declared; see [`crate::engine::Collection::layout`]. They may not change before the effects
    /// are durable. What is not named is not looked at.
    #[must_use]
    pub fn in_force(mut self, layouts: impl IntoIterator<Item = (CollectionId, u64)>) -> Decider {
        self.layouts.extend(layouts);
        self
    }

    /// Decides the next commit; what it writes has `version`, which must be greater than every version before.
    pub fn take(&mut self, commit: &Commit, version: Version) -> Outcome {
        if let Some(done) = commit.token.and_then(|token| self.tokens.get(&token)) {
            return Outcome::Done { version: *done, replayed: true };
        }
        match self.plan(commit, version) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(plan) => {
                let version = if plan.changes.is_empty() { Version(0) } else { version };
                for change in plan.changes {
                    self.set(change.item.clone(), change.now.clone());
                    self.effects.changes.push(change);
                }
                self.enter(plan.entries);
                if let Some(token) = commit.token {
                    self.tokens.insert(token, version);
                    self.effects.tokens.push((token, version));
                }
                Outcome::Done { version, replayed: false }
            }
        }
    }

    /// What is to be made durable.
    pub fn finish(mut self) -> Effects {
        // Whose an entry was no longer matters where it is known what it is now.
        let items = &self.items;
        self.effects.released.retain(|(key, _)| !items.get(key).is_some_and(|known| known.changed));
        for key in self.changed {
            let now = self.items.remove(&key).and_then(|known| known.item);
            self.effects.items.push((key, now));
        }
        self.effects
    }

    fn find(&self, key: &ItemKey) -> Option<&Item> {
        self.items.get(key)?.item.as_ref().filter(|item| item.lives(self.now))
    }

    fn plan(&self, commit: &Commit, version: Version) -> Result<Plan, Refusal> {
        if self.layouts.get(&commit.collection).is_some_and(|layout| *layout != commit.layout()) {
            return Err(Refusal::Outdated);
        }
        if let Some(fence) = &commit.fence {
            self.is_held(fence)?;
        }
        let record =
            |change: &RecordChange| RecordKey { collection: commit.collection, id: change.record.clone() };
        for (place, change) in commit.changes.iter().enumerate() {
            self.conditions_hold(&record(change), change, place)?;
        }
        let mut plan = Plan::default();
        let mut again = Vec::new();
        for change in &commit.changes {
            let record = record(change);
            for write in &change.writes {
                let item = ItemKey { record: record.clone(), key: write.key.clone() };
                let before = self.find(&item);
                let value = match &write.action {
                    // What is not there is removed already, and nobody has to be told.
                    Action::Delete if before.is_none() => continue,
                    Action::Delete => None,
                    Action::Put(value) => Some(value.clone()),
                    Action::Add(amount) => Some(sum(before, *amount, &item)?),
                    Action::Index(value) => {
                        again.extend(before.filter(|before| before.value == *value).map(|now| (item, now)));
                        continue;
                    }
                };
                let by_itself = |value: &Value| commit.typed.as_ref().and_then(|typed| typed.expires(value));
                let expires = value.as_ref().and_then(by_itself);
                let expires = expires.or_else(|| write.ttl.map(|ttl| self.now.after(ttl)));
                let now = value.map(|value| Item { value, version, updated: self.now, expires });
                plan.changes.push(Change { item, now, version });
            }
        }
        if let Some(typed) = commit.typed.as_ref().filter(|typed| !typed.indexes.is_empty()) {
            plan.entries = self.entries(typed, &plan.changes, &again)?;
        }
        Ok(plan)
    }

    fn is_held(&self, fence: &Fence) -> Result<(), Refusal> {
        let lease = ItemKey { record: fence.lease.clone(), key: Bytes::new() };
        let lease = self.find(&lease).and_then(Lease::read);
        let current = lease.map(|lease| lease.token);
        if current == Some(fence.token) { Ok(()) } else { Err(Refusal::Fenced { current }) }
    }

    fn conditions_hold(
        &self,
        record: &RecordKey,
        change: &RecordChange,
        place: usize,
    ) -> Result<(), Refusal> {
        for (index, condition) in change.conditions.iter().enumerate() {
            let found = self.find(&ItemKey { record: record.clone(), key: condition.key.clone() });
            let holds = match condition.must {
                Must::Be(version) => found.is_some_and(|item| item.version == version),
                Must::BeAbsent => found.is_none(),
                Must::BePresent => found.is_some(),
            };
            if !holds {
                return Err(Refusal::Condition { change: place, condition: index, found: found.cloned() });
            }
        }
        Ok(())
    }

    /// What is there from now on.
    fn set(&mut self, key: ItemKey, now: Option<Item>) {
        let before = self.items.insert(key.clone(), Known { item: now, changed: true });
        if !before.is_some_and(|known| known.changed) {
            self.changed.push(key);
        }
    }
}

/// The number an item holds, and `amount` more, as its new value.
fn sum(before: Option<&Item>, amount: i64, item: &ItemKey) -> Result<Value, Refusal> {
    let refuse = |what| Refusal::NotANumber { item: item.clone(), what };
    let number = match before.map(|item| &item.value) {
        None => 0,
        Some(Value::Inline(bytes)) => match <[u8; 8]>::try_from(&bytes[..]) {
            Ok(bytes) => i64::from_be_bytes(bytes),
            Err(_) => return Err(refuse("its value is no number of 8 bytes")),
        },
        Some(Value::Chunked { .. }) => return Err(refuse("its value is no number of 8 bytes")),
    };
    let sum = number.checked_add(amount).ok_or_else(|| refuse("the sum is too large for 8 bytes"))?;
    Ok(Value::Inline(Bytes::copy_from_slice(&sum.to_be_bytes())))
}

#[cfg(test)]
mod tests;
