//! What commits come to, as rows and as a property.

use super::*;
use crate::commit::{Condition, Write};
use crate::name::CollectionId;
use proptest::prelude::*;
use std::time::Duration;

const USERS: CollectionId = CollectionId(1);
const NOW: UnixMs = UnixMs(1_000_000);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn item_key(record: &str, key: &str) -> ItemKey {
    ItemKey { record: RecordKey { collection: USERS, id: bytes(record) }, key: bytes(key) }
}

fn put(key: &str, value: &str) -> Write {
    Write { key: bytes(key), action: Action::Put(Value::Inline(bytes(value))), ttl: None }
}

fn write(key: &str, action: Action) -> Write {
    Write { key: bytes(key), action, ttl: None }
}

fn change(record: &str, conditions: &[(&str, Must)], writes: Vec<Write>) -> RecordChange {
    let conditions =
        conditions.iter().map(|(key, must)| Condition { key: bytes(key), must: *must }).collect();
    RecordChange { record: bytes(record), conditions, writes }
}

fn commit(nonce: u128, changes: Vec<RecordChange>) -> Commit {
    Commit { collection: USERS, token: Some(Token { time: NOW, nonce }), fence: None, typed: None, changes }
}

fn stored(value: &str, version: u64) -> Item {
    Item { value: Value::Inline(bytes(value)), version: Version(version), updated: NOW, expires: None }
}

fn done(version: u64) -> Outcome {
    Outcome::Done { version: Version(version), replayed: false }
}

/// Decides `commits` on `before`; their outcomes and what is there afterwards of what was changed.
#[track_caller]
fn check(
    before: &[(&str, &str, Item)],
    commits: &[Commit],
    outcomes: &[Outcome],
    after: &[(&str, &str, Option<&str>)],
) -> Effects {
    let before = before.iter().map(|(record, key, item)| (item_key(record, key), item.clone()));
    let mut decider = Decider::new(NOW, before, []);
    let found: Vec<_> =
        commits.iter().zip(11..).map(|(commit, version)| decider.take(commit, Version(version))).collect();
    assert_eq!(found, outcomes);
    let effects = decider.finish();
    let text = |item: &Item| match &item.value {
        Value::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Chunked { .. } => "chunked".into(),
    };
    let found: Vec<_> =
        effects.items.iter().map(|(key, item)| (key.clone(), item.as_ref().map(text))).collect();
    let expected: Vec<_> =
        after.iter().map(|(record, key, value)| (item_key(record, key), value.map(str::to_owned))).collect();
    assert_eq!(found, expected);
    effects
}

#[test]
fn a_commit_happens_whole_or_not_at_all() {
    // Plain puts need to know nothing.
    check(
        &[],
        &[commit(1, vec![change("u", &[], vec![put("a", "1"), put("b", "2")])])],
        &[done(11)],
        &[("u", "a", Some("1")), ("u", "b", Some("2"))],
    );
    // A condition of the second record keeps the first from being written.
    let two = |must| {
        commit(
            1,
            vec![change("u", &[], vec![put("a", "1")]), change("v", &[("x", must)], vec![put("x", "2")])],
        )
    };
    let refused = |found| Outcome::Refused(Refusal::Condition { change: 1, condition: 0, found });
    check(&[], &[two(Must::BePresent)], &[refused(None)], &[]);
    check(&[("v", "x", stored("0", 3))], &[two(Must::BeAbsent)], &[refused(Some(stored("0", 3)))], &[]);
    check(&[("v", "x", stored("0", 3))], &[two(Must::Be(Version(2)))], &[refused(Some(stored("0", 3)))], &[]);
    check(
        &[("v", "x", stored("0", 3))],
        &[two(Must::Be(Version(3)))],
        &[done(11)],
        &[("u", "a", Some("1")), ("v", "x", Some("2"))],
    );
}

#[test]
fn a_commit_sees_those_before_it() {
    let cas = |nonce, version, value| {
        commit(nonce, vec![change("u", &[("", Must::Be(Version(version)))], vec![put("", value)])])
    };
    let refused =
        Outcome::Refused(Refusal::Condition { change: 0, condition: 0, found: Some(stored("b", 11)) });
    let effects = check(
        &[("u", "", stored("a", 3))],
        &[cas(1, 3, "b"), cas(2, 3, "c"), cas(3, 11, "d")],
        &[done(11), refused, done(13)],
        &[("u", "", Some("d"))],
    );
    let versions: Vec<_> = effects.changes.iter().map(|change| change.version.0).collect();
    assert_eq!(versions, [11, 13], "both changes are told, the first one also");
    // Put and removed in one batch: nothing is there, and both are told.
    let effects = check(
        &[],
        &[
            commit(1, vec![change("u", &[], vec![put("", "a")])]),
            commit(2, vec![change("u", &[], vec![write("", Action::Delete)])]),
        ],
        &[done(11), done(12)],
        &[("u", "", None)],
    );
    assert_eq!(effects.changes.len(), 2);
}

#[test]
fn a_token_that_comes_again_changes_nothing() {
    let once = commit(7, vec![change("u", &[], vec![write("n", Action::Add(5))])]);
    let replayed = |version| Outcome::Done { version: Version(version), replayed: true };
    let effects = check(
        &[],
        &[once.clone(), once.clone()],
        &[done(11), replayed(11)],
        &[("u", "n", Some("\0\0\0\0\0\0\0\u{5}"))],
    );
    assert_eq!(effects.tokens, [(Token { time: NOW, nonce: 7 }, Version(11))]);
    // Known from before.
    let mut decider = Decider::new(NOW, [], [(Token { time: NOW, nonce: 7 }, Version(4))]);
    assert_eq!(decider.take(&once, Version(9)), replayed(4));
    assert_eq!(decider.finish(), Effects::default());
    // A refusal is no answer to keep: the same token may succeed later.
    let must = commit(8, vec![change("u", &[("a", Must::BePresent)], vec![])]);
    let effects = check(
        &[],
        &[must],
        &[Outcome::Refused(Refusal::Condition { change: 0, condition: 0, found: None })],
        &[],
    );
    assert!(effects.tokens.is_empty());
}

#[test]
fn what_expired_is_not_there() {
    let gone = Item { expires: Some(NOW), ..stored("a", 3) };
    let create = commit(1, vec![change("u", &[("", Must::BeAbsent)], vec![put("", "b")])]);
    check(&[("u", "", gone.clone())], &[create], &[done(11)], &[("u", "", Some("b"))]);
    let later = Item { expires: Some(UnixMs(NOW.0 + 1)), ..stored("a", 3) };
    let remove = commit(1, vec![change("u", &[("", Must::BePresent)], vec![write("", Action::Delete)])]);
    check(&[("u", "", later)], std::slice::from_ref(&remove), &[done(11)], &[("u", "", None)]);
    // Removing what is not there is done without a change.
    let remove = commit(1, vec![change("u", &[], vec![write("", Action::Delete)])]);
    check(&[("u", "", gone)], &[remove], &[done(0)], &[]);
    let short = Write { ttl: Some(Duration::from_secs(2)), ..put("", "x") };
    let effects =
        check(&[], &[commit(1, vec![change("u", &[], vec![short])])], &[done(11)], &[("u", "", Some("x"))]);
    assert_eq!(effects.items[0].1.as_ref().unwrap().expires, Some(UnixMs(NOW.0 + 2000)));
}

#[test]
fn numbers_are_added_to_and_nothing_else() {
    let add = |amount| commit(1, vec![change("u", &[], vec![write("n", Action::Add(amount))])]);
    let number = |value: i64| Item {
        value: Value::Inline(Bytes::copy_from_slice(&value.to_be_bytes())),
        ..stored("", 3)
    };
    let refused = |what| Outcome::Refused(Refusal::NotANumber { item: item_key("u", "n"), what });
    for (before, amount, expected) in [(None, 3, 3), (Some(4), -9, -5), (Some(i64::MAX - 1), 1, i64::MAX)] {
        let before = before.map(|before| (item_key("u", "n"), number(before)));
        let mut decider = Decider::new(NOW, before, []);
        assert_eq!(decider.take(&add(amount), Version(11)), done(11));
        assert_eq!(decider.finish().items[0].1.as_ref().unwrap().value, number(expected).value);
    }
    check(&[("u", "n", number(i64::MAX))], &[add(1)], &[refused("the sum is too large for 8 bytes")], &[]);
    check(&[("u", "n", stored("12", 3))], &[add(1)], &[refused("its value is no number of 8 bytes")], &[]);
}

#[test]
fn a_fence_lets_only_the_holder_through() {
    let lease = RecordKey { collection: USERS, id: bytes("leader") };
    let held = |token, expires| Item { value: Lease::value("one", token), expires, ..stored("", 5) };
    let fenced = |token| Commit {
        fence: Some(Fence { lease: lease.clone(), token: Version(token) }),
        ..commit(1, vec![change("u", &[], vec![put("", "x")])])
    };
    let refused = |current: Option<u64>| Outcome::Refused(Refusal::Fenced { current: current.map(Version) });
    let later = Some(UnixMs(NOW.0 + 1));
    for (item, token, outcome) in [
        (Some(held(None, later)), 5, done(11)),
        (Some(held(Some(Version(2)), later)), 2, done(11)),
        (Some(held(Some(Version(2)), later)), 5, refused(Some(2))),
        (Some(held(None, Some(NOW))), 5, refused(None)),
        (None, 5, refused(None)),
    ] {
        let item = item.map(|item| (ItemKey { record: lease.clone(), key: Bytes::new() }, item));
        assert_eq!(Decider::new(NOW, item, []).take(&fenced(token), Version(11)), outcome);
    }
}

#[test]
fn what_is_only_overwritten_is_not_fetched() {
    let lease = RecordKey { collection: USERS, id: bytes("leader") };
    let fence = Some(Fence { lease: lease.clone(), token: Version(1) });
    let batch = [
        commit(
            1,
            vec![change("v", &[("c", Must::BeAbsent)], vec![put("a", ""), write("d", Action::Delete)])],
        ),
        Commit { fence, token: None, ..commit(2, vec![change("u", &[], vec![put("a", "")])]) },
    ];
    let needs = needs(&batch);
    assert_eq!(
        needs.items.into_iter().collect::<Vec<_>>(),
        [ItemKey { record: lease.clone(), key: Bytes::new() }, item_key("v", "c"), item_key("v", "d")]
    );
    assert_eq!(
        needs.records.into_iter().collect::<Vec<_>>(),
        [lease, item_key("u", "").record, item_key("v", "").record]
    );
    assert_eq!(needs.tokens.len(), 1);
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let key = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let must = prop_oneof![
        Just(Must::BeAbsent),
        Just(Must::BePresent),
        (9u64..30).prop_map(|version| Must::Be(Version(version)))
    ];
    let action = prop_oneof![
        "[xy]".prop_map(|value| Action::Put(Value::Inline(bytes(&value)))),
        Just(Action::Delete),
        (-3i64..3).prop_map(Action::Add),
    ];
    let asked =
        (prop::collection::vec((key(), must), 0..2), prop::collection::btree_map(key(), action, 0..3));
    (0u128..8, prop::collection::btree_map(prop_oneof![Just("u"), Just("v")], asked, 1..3)).prop_map(
        |(nonce, changes)| {
            let changes = changes.into_iter().map(|(record, (conditions, writes))| {
                change(
                    record,
                    &conditions,
                    writes.into_iter().map(|(key, action)| write(key, action)).collect(),
                )
            });
            commit(nonce, changes.collect())
        },
    )
}

/// What is stored, and a batch applied to it.
#[derive(Clone, Default, Debug, PartialEq)]
struct Disk {
    items: std::collections::BTreeMap<ItemKey, Item>,
    tokens: std::collections::BTreeMap<Token, Version>,
    changes: Vec<Change>,
}

impl Disk {
    /// Fetches only what [`needs`] names.
    fn commit(&mut self, batch: &[Commit], first: u64) -> Vec<Outcome> {
        let needs = needs(batch);
        let items: Vec<_> =
            needs.items.iter().filter_map(|key| Some((key.clone(), self.items.get(key)?.clone()))).collect();
        let tokens: Vec<_> =
            needs.tokens.iter().filter_map(|token| Some((*token, *self.tokens.get(token)?))).collect();
        let mut decider = Decider::new(NOW, items, tokens);
        let outcomes = batch
            .iter()
            .zip(first..)
            .map(|(commit, version)| decider.take(commit, Version(version)))
            .collect();
        let effects = decider.finish();
        for (key, item) in effects.items {
            match item {
                Some(item) => drop(self.items.insert(key, item)),
                None => drop(self.items.remove(&key)),
            }
        }
        for (key, value) in effects.released {
            if self.items.get(&key).is_some_and(|item| item.value == Value::Inline(value)) {
                self.items.remove(&key);
            }
        }
        self.tokens.extend(effects.tokens);
        self.changes.extend(effects.changes);
        outcomes
    }
}

proptest! {
    #[test]
    fn a_batch_is_its_commits_one_by_one(commits in prop::collection::vec(any_commit(), 1..12), cut in any::<prop::sample::Index>()) {
        let (mut whole, mut single, mut parts) = (Disk::default(), Disk::default(), Disk::default());
        let together = whole.commit(&commits, 10);
        let one_by_one: Vec<_> = commits.iter().zip(10..).flat_map(|(commit, version)| single.commit(std::slice::from_ref(commit), version)).collect();
        let cut = cut.index(commits.len());
        let mut two = parts.commit(&commits[..cut], 10);
        two.extend(parts.commit(&commits[cut..], 10 + cut as u64));
        prop_assert_eq!(&together, &one_by_one);
        prop_assert_eq!(&together, &two);
        prop_assert_eq!(&whole, &single);
        prop_assert_eq!(&whole, &parts);
    }
}
