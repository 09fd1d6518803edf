//! A record between two operations.

use super::operation::{Action, Condition, Expected, Key, RecordAnswer, Seen, Token, Write, in_range};
use super::versions::{Version, Versions};

/// A record between two operations: its items, and what is known of versions and tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordState {
    /// Sorted by key.
    pub(super) items: Vec<(Key, Item)>,
    versions: Versions,
    /// Tokens of the writes that took effect, sorted, each with the version that a repetition is told. Tokens used once were taken off
    /// before the search.
    tokens: Vec<(Token, Version)>,
}

/// An item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Item {
    pub value: u64,
    pub version: Version,
}

/// Whether a condition holds in a state that stands for several.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    /// With some of its versions: this one would have to be the one expected.
    If(Version, u64),
}

impl RecordState {
    /// Lets `action` take effect; false where `answer` is impossible, and then the state is of no further use.
    pub(super) fn apply(&mut self, action: &Action, answer: Option<&RecordAnswer>) -> bool {
        match (action, answer) {
            (Action::Get { .. } | Action::Scan { .. }, None) => true,
            (Action::Get { key, .. }, Some(RecordAnswer::Item(seen))) => self.shows(key, *seen),
            (Action::Scan { from, to, .. }, Some(RecordAnswer::Items(seen))) => {
                self.shows_all(from.as_ref(), to.as_ref(), seen)
            }
            (Action::Write(write), answer) => self.write(write, answer),
            _ => false,
        }
    }

    fn find(&self, key: &str) -> Option<Item> {
        let at = self.items.binary_search_by(|(have, _)| (**have).cmp(key)).ok()?;
        Some(self.items[at].1)
    }

    /// Whether a read of `key` may show `seen`.
    fn shows(&mut self, key: &str, seen: Option<Seen>) -> bool {
        match (self.find(key), seen) {
            (None, None) => true,
            (Some(item), Some(seen)) => item.value == seen.value && self.told(item.version, seen.version),
            _ => false,
        }
    }

    fn shows_all(&mut self, from: Option<&Key>, to: Option<&Key>, seen: &[(Key, Seen)]) -> bool {
        let keys: Vec<Key> =
            self.items.iter().map(|(key, _)| key.clone()).filter(|key| in_range(key, from, to)).collect();
        keys.len() == seen.len()
            && keys.iter().zip(seen).all(|(key, (shown, seen))| key == shown && self.shows(key, Some(*seen)))
    }

    fn write(&mut self, write: &Write, answer: Option<&RecordAnswer>) -> bool {
        let first = write.token.as_ref().and_then(|token| self.first_use(token));
        match (answer, first) {
            // A repetition changes nothing: where nobody knows its outcome, it may as well not have arrived.
            (None, Some(_)) => false,
            (Some(RecordAnswer::Written { version }), Some(first)) => self.told(first, *version),
            (Some(RecordAnswer::Refused { found }), None) => self.refuses(&write.conditions, found.as_ref()),
            (Some(RecordAnswer::Written { version }), None) => {
                self.holds_all(&write.conditions)
                    && self.versions.write(*version)
                    && self.change(write, Version::Known(*version))
            }
            (None, None) => {
                self.holds_all(&write.conditions) && {
                    let version = self.versions.write_untold();
                    self.change(write, version)
                }
            }
            _ => false,
        }
    }

    fn first_use(&self, token: &Token) -> Option<Version> {
        let at = self.tokens.binary_search_by(|(have, _)| have.cmp(token)).ok()?;
        Some(self.tokens[at].1)
    }

    /// Makes the changes; true, so that it ends a chain of conditions.
    fn change(&mut self, write: &Write, version: Version) -> bool {
        for change in &write.changes {
            let at = self.items.binary_search_by(|(have, _)| have.cmp(&change.key));
            match (at, change.value) {
                (Ok(at), Some(value)) => self.items[at].1 = Item { value, version },
                (Ok(at), None) => {
                    self.items.remove(at);
                }
                (Err(at), Some(value)) => {
                    self.items.insert(at, (change.key.clone(), Item { value, version }));
                }
                (Err(_), None) => {}
            }
        }
        if let Some(token) = &write.token
            && let Err(at) = self.tokens.binary_search_by(|(have, _)| have.cmp(token))
        {
            self.tokens.insert(at, (token.clone(), version));
        }
        self.forget_unseen();
        true
    }

    /// Whether all conditions hold; keeps the versions with which they do.
    fn holds_all(&mut self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| match self.holds(condition) {
            Holds::Yes => true,
            Holds::No => false,
            Holds::If(version, told) => self.told(version, told),
        })
    }

    fn holds(&self, condition: &Condition) -> Holds {
        match (self.find(&condition.key), condition.expected) {
            (None, Expected::Absent) => Holds::Yes,
            (Some(item), Expected::Version(expected)) => match item.version {
                Version::Known(version) if version == expected => Holds::Yes,
                Version::Known(_) => Holds::No,
                untold if self.versions.may_be(untold, expected) => Holds::If(untold, expected),
                Version::Untold(_) => Holds::No,
            },
            _ => Holds::No,
        }
    }

    /// Whether the conditions may be refused, for the reason the store gave where it gave one; keeps the versions with which they are.
    ///
    /// Where several conditions could each be the one that failed, all versions are kept, which is more than is possible: that may let a
    /// wrong refusal pass, and never accuses a right one. It takes two conditions of one write on items whose versions nobody has told.
    fn refuses(&mut self, conditions: &[Condition], found: Option<&(Key, Option<u64>)>) -> bool {
        if let Some((key, version)) = found {
            let agrees = match (self.find(key), version) {
                (None, None) => true,
                (Some(item), Some(version)) => self.told(item.version, *version),
                _ => false,
            };
            return agrees
                && conditions
                    .iter()
                    .any(|condition| condition.key == *key && self.holds(condition) == Holds::No);
        }
        let holds: Vec<Holds> = conditions.iter().map(|condition| self.holds(condition)).collect();
        if holds.contains(&Holds::No) {
            return true;
        }
        let mut open = holds.into_iter().filter_map(|holds| match holds {
            Holds::If(version, told) => Some((version, told)),
            _ => None,
        });
        let Some((version, told)) = open.next() else { return false };
        if open.next().is_none() {
            self.versions.exclude(version, told);
        }
        true
    }

    /// Whether `version` may be `told`; keeps what agrees with it.
    fn told(&mut self, version: Version, told: u64) -> bool {
        if !self.versions.may_be(version, told) {
            return false;
        }
        if let Version::Untold(index) = version {
            self.versions.tell(version, told);
            for other in self.mentions() {
                if *other == version {
                    *other = Version::Known(told);
                }
            }
            self.forget(index);
        }
        true
    }

    /// Every version that some answer could still tell.
    fn mentions(&mut self) -> impl Iterator<Item = &mut Version> {
        let items = self.items.iter_mut().map(|(_, item)| &mut item.version);
        items.chain(self.tokens.iter_mut().map(|(_, version)| version))
    }

    fn forget(&mut self, index: usize) {
        self.versions.forget(index);
        for version in self.mentions() {
            if let Version::Untold(other) = version
                && *other > index
            {
                *other -= 1;
            }
        }
    }

    /// Forgets untold versions of which nothing is left, so that equal records are equal states.
    fn forget_unseen(&mut self) {
        for index in (0..self.versions.untold()).rev() {
            if self.mentions().all(|version| *version != Version::Untold(index)) {
                self.forget(index);
            }
        }
    }
}
