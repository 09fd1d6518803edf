//! A record between two operations.

use super::operation::{Action, Condition, Expected, Key, RecordAnswer, Seen, Token, Write, in_range};
use super::versions::{Version, Versions};

/// A record between two operations: its items, and what is known of versions and tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordState {
    /// Sorted by key.
    pub(super) items: Vec<(Key, Item)>,
    versions: Versions,
    /// Tokens of the writes that took effect, sorted, each with what a repetition is told. Tokens used once were taken off
    /// before the search.
    tokens: Vec<(Token, Use)>,
    /// Whether a write without an answer is one that nobody was ever told of.
    silent: bool,
}

/// What a repetition of a write is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Use {
    /// The version; none where it surely had none, because nothing changed.
    version: Option<Version>,
    /// Whether it changed nothing and may have had no version.
    unchanged: bool,
}

/// An item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Item {
    pub value: u64,
    pub version: Version,
}

impl Item {
    fn new(value: u64, version: Version) -> Item {
        // What nobody is told of is the same, whatever it is.
        let value = if version == Version::Silent { 0 } else { value };
        Item { value, version }
    }
}

/// Whether a condition holds in a state that stands for several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// With some of its versions: this one would have to be the one expected.
    If(Version, u64),
}

impl RecordState {
    /// The empty record, where every write whose version was told has it as its answer.
    pub(super) fn silent() -> RecordState {
        RecordState { silent: true, ..RecordState::default() }
    }

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

    pub(super) fn find(&self, key: &str) -> Option<Item> {
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
            (Some(RecordAnswer::Written { version }), Some(at)) => self.repeats(at, *version),
            (Some(RecordAnswer::Unchanged), Some(at)) => self.repeats_nothing(at),
            (Some(RecordAnswer::Refused { found }), None) => self.refuses(&write.conditions, found.as_ref()),
            (Some(RecordAnswer::Written { version }), None) => {
                self.holds_all(&write.conditions)
                    && self.versions.write(*version)
                    && self.change(write, Some(Version::Known(*version)))
            }
            (Some(RecordAnswer::Unchanged), None) => {
                self.holds_all(&write.conditions) && self.changes_nothing(write) && self.change(write, None)
            }
            (None, None) => {
                self.holds_all(&write.conditions) && {
                    let version = if self.silent { Version::Silent } else { self.versions.write_untold() };
                    self.change(write, Some(version))
                }
            }
            _ => false,
        }
    }

    fn first_use(&self, token: &Token) -> Option<usize> {
        self.tokens.binary_search_by(|(have, _)| have.cmp(token)).ok()
    }

    /// Whether a repetition of the write at `at` may be told this version.
    fn repeats(&mut self, at: usize, told: u64) -> bool {
        let Some(version) = self.tokens[at].1.version else { return false };
        self.told(version, told) && {
            self.tokens[at].1.unchanged = false;
            true
        }
    }

    /// Whether a repetition of the write at `at` may be told that it changed nothing.
    fn repeats_nothing(&mut self, at: usize) -> bool {
        let may = self.tokens[at].1.unchanged;
        if may {
            self.tokens[at].1.version = None;
            self.forget_unseen();
        }
        may
    }

    /// Whether a write only deletes what is absent.
    fn changes_nothing(&self, write: &Write) -> bool {
        write.changes.iter().all(|change| change.value.is_none() && self.find(&change.key).is_none())
    }

    /// Makes the changes; true, so that it ends a chain of conditions.
    fn change(&mut self, write: &Write, version: Option<Version>) -> bool {
        if let Some(token) = &write.token
            && let Err(at) = self.tokens.binary_search_by(|(have, _)| have.cmp(token))
        {
            // One that was told its version has it; of all others either may be told later.
            let open = !matches!(version, Some(Version::Known(_)));
            let used = Use { version, unchanged: open && self.changes_nothing(write) };
            self.tokens.insert(at, (token.clone(), used));
        }
        for change in &write.changes {
            let at = self.items.binary_search_by(|(have, _)| have.cmp(&change.key));
            match (at, change.value.zip(version)) {
                (Ok(at), Some((value, version))) => self.items[at].1 = Item::new(value, version),
                (Ok(at), None) => {
                    self.items.remove(at);
                }
                (Err(at), Some((value, version))) => {
                    self.items.insert(at, (change.key.clone(), Item::new(value, version)));
                }
                (Err(_), None) => {}
            }
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

    pub(super) fn holds(&self, condition: &Condition) -> Holds {
        match (self.find(&condition.key), condition.expected) {
            (None, Expected::Absent) => Holds::Yes,
            (Some(item), Expected::Version(expected)) => match item.version {
                Version::Known(version) if version == expected => Holds::Yes,
                Version::Known(_) | Version::Silent => Holds::No,
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
        items.chain(self.tokens.iter_mut().filter_map(|(_, used)| used.version.as_mut()))
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
