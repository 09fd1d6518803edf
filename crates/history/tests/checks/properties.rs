//! Properties: true histories pass, histories with one violation do not, and on short ones every way to decide agrees with exhaustion.

use super::brute::has_order_by;
use super::concrete::{lease_has_order, record_has_order};
use super::generate::{Fate, Plan, RecordEntry, STRIDE, run};
use super::lease::{acquire, release, renew};
use proptest::prelude::*;
use tenet_history::{
    Action, Entry, Expected, History, LeaseAnswer, LeaseModel, LeaseOperation, Model, Outcome, RecordAnswer,
    RecordModel, RecordOperation, RegisterAction, RegisterAnswer, RegisterModel, RegisterOperation, Seen,
    Verdict, check, check_generally,
};

/// Steps that every history of these properties must do with.
const BUDGET: u64 = 3_000_000;
const KEYS: [&str; 3] = ["a", "b", "cc"];

/// A random operation: its kind, key, value, tokens and fate are numbers that `plan` reads.
type Raw = (u8, usize, u64, u64, u64, u8, u32);

fn raw() -> impl Strategy<Value = Raw> {
    (0..15u8, 0..3usize, 1..4u64, 0..45u64, 0..45u64, 0..10u8, 0..4u32)
}

fn operation((kind, key, value, ..): Raw, index: usize, distinct: bool) -> RecordOperation {
    let (name, other) = (KEYS[key], KEYS[(key + 1) % KEYS.len()]);
    let value = if distinct { 100 + index as u64 } else { value };
    let expected = |version| RecordOperation::compare_and_set("r", name, version, value);
    match kind {
        0..3 => RecordOperation::put("r", name, value),
        3 => RecordOperation::delete("r", name),
        4 => RecordOperation::mutate("r", &[], &[(name, Some(value)), (other, Some(value + 1000))]),
        5 => RecordOperation::mutate(
            "r",
            &[(name, Expected::Version(0))],
            &[(other, Some(value)), (name, None)],
        ),
        6 => expected(Expected::Version(0)),
        7 => expected(if value % 2 == 0 { Expected::Absent } else { Expected::Version(value * STRIDE) }),
        8 => RecordOperation::put("r", name, 50 + key as u64).with_token(name),
        9 => RecordOperation::scan("r"),
        10 => RecordOperation::mutate("r", &[], &[(name, Some(value)), (other, None)]),
        11 => {
            RecordOperation::mutate("r", &[(name, Expected::Absent)], &[(name, Some(value)), (other, None)])
        }
        12 => RecordOperation::mutate("r", &[(other, Expected::Version(0))], &[(name, None)]),
        _ => RecordOperation::get("r", name),
    }
}

/// Plans whose moments are ten nanoseconds apart, so that spans of up to 45 overlap several others.
fn plans(raws: &[Raw], distinct: bool, unknown: bool) -> Vec<Plan> {
    let plan = |(index, raw): (usize, &Raw)| {
        let &(_, _, _, before, after, fate, client) = raw;
        let point_ns = 100 + 10 * index as u64;
        let fate = match fate {
            0 if unknown => Fate::LostUnknown,
            1 | 2 if unknown => Fate::AppliedUnknown,
            _ => Fate::Answered,
        };
        Plan {
            client,
            call_ns: point_ns - before,
            point_ns,
            return_ns: point_ns + after,
            operation: operation(*raw, index, distinct),
            fate,
        }
    };
    raws.iter().enumerate().map(plan).collect()
}

fn passes<M: Model>(model: &M, entries: &[Entry<M::Operation, M::Answer>]) -> bool {
    let history: History<_, _> = entries.iter().cloned().collect();
    let report = check(model, &history, BUDGET);
    assert!(!matches!(report.verdict, Verdict::OutOfSteps { .. }), "{} steps", report.steps);
    report.verdict.is_linearizable()
}

fn passes_generally<M: Model>(model: &M, entries: &[Entry<M::Operation, M::Answer>]) -> bool {
    let history: History<_, _> = entries.iter().cloned().collect();
    let report = check_generally(model, &history, BUDGET);
    assert!(!matches!(report.verdict, Verdict::OutOfSteps { .. }), "{} steps", report.steps);
    report.verdict.is_linearizable()
}

/// Changes one answer into something near the truth, or not at all.
fn disturb(entries: &mut [RecordEntry], at: usize, how: u8) {
    let at = at % entries.len();
    let Outcome::Answered { answer, return_ns } = &mut entries[at].outcome else { return };
    match (how, answer) {
        (0, RecordAnswer::Written { version }) => *version = version.saturating_sub(STRIDE),
        (1, RecordAnswer::Written { version }) => *version += STRIDE,
        (2, RecordAnswer::Written { version }) => *version += STRIDE / 2,
        (3, answer @ RecordAnswer::Written { .. }) => *answer = RecordAnswer::Refused { found: None },
        (0, answer @ RecordAnswer::Item(Some(_))) => *answer = RecordAnswer::Item(None),
        (1, RecordAnswer::Item(Some(seen))) => seen.version += STRIDE,
        (2, RecordAnswer::Item(Some(seen))) => seen.version = seen.version.saturating_sub(STRIDE),
        (3, RecordAnswer::Item(Some(seen))) => seen.value = 1 + seen.value % 3,
        (0..=3, answer @ RecordAnswer::Item(None)) => {
            *answer = RecordAnswer::Item(Some(Seen { value: 1, version: STRIDE * u64::from(how) }));
        }
        (0, RecordAnswer::Items(items)) => {
            items.pop();
        }
        (1..=3, RecordAnswer::Items(items)) => {
            if let Some((_, seen)) = items.first_mut() {
                seen.version += STRIDE;
            }
        }
        (0..=3, answer @ RecordAnswer::Refused { .. }) => *answer = RecordAnswer::Written { version: STRIDE },
        (5, answer @ RecordAnswer::Written { .. }) => *answer = RecordAnswer::Unchanged,
        (5, answer @ RecordAnswer::Unchanged) => *answer = RecordAnswer::Written { version: 2 * STRIDE },
        (4, _) => *return_ns = entries[at].call_ns,
        _ => {}
    }
}

/// The ways of telling a lie that no order explains: what is surely wrong, whatever the spans are.
#[derive(Clone, Copy, Debug)]
enum Lie {
    OldValue,
    DroppedWrite,
    SwappedWrites,
}

/// Tells the lie at the first place at or after `from` where it surely is one; false where there is none.
fn lie(entries: &mut Vec<RecordEntry>, which: Lie, from: usize) -> bool {
    let found = (0..entries.len()).map(|step| (from + step) % entries.len()).find_map(|at| {
        let before = |other: usize| entries[other].return_ns().is_some_and(|ns| ns < entries[at].call_ns);
        let earlier: Vec<usize> = (0..entries.len()).filter(|other| before(*other)).collect();
        // Repetitions may stand elsewhere than where they were called, so that nothing about them is sure.
        let version = |index: usize| match (&entries[index].operation.action, entries[index].answer()) {
            (Action::Write(write), Some(RecordAnswer::Written { version })) if write.token.is_none() => {
                Some(*version)
            }
            _ => None,
        };
        match which {
            Lie::OldValue => {
                // The key of a read was put anew before the read began: what it held before that is old.
                let (Action::Get { key, .. }, Some(_)) =
                    (&entries[at].operation.action, entries[at].answer())
                else {
                    return None;
                };
                let puts = |index: &usize| match &entries[*index].operation.action {
                    Action::Write(write) => {
                        write.token.is_none() && write.changes.iter().any(|change| change.key == *key)
                    }
                    _ => false,
                };
                let mut puts: Vec<(u64, usize)> = earlier
                    .into_iter()
                    .filter(puts)
                    .filter_map(|index| Some((version(index)?, index)))
                    .collect();
                puts.sort_unstable();
                let [.., (old, put), _] = puts[..] else { return None };
                let Action::Write(write) = &entries[put].operation.action else { return None };
                // Absence may be true again by then; a version never comes back.
                let value = write.changes.iter().find(|change| change.key == *key)?.value?;
                Some((at, at, RecordAnswer::Item(Some(Seen { value, version: old }))))
            }
            Lie::DroppedWrite => {
                // The item a read shows was written by one operation alone, which goes.
                let Some(RecordAnswer::Item(Some(seen))) = entries[at].answer() else { return None };
                let writer = (0..entries.len()).find(|index| version(*index) == Some(seen.version))?;
                Some((writer, usize::MAX, RecordAnswer::Item(None)))
            }
            Lie::SwappedWrites => {
                let later = version(at)?;
                let other = earlier
                    .into_iter()
                    .find(|index| version(*index).is_some_and(|version| version < later))?;
                Some((at, other, RecordAnswer::Written { version: version(other)? }))
            }
        }
    });
    let Some((at, other, answer)) = found else { return false };
    match which {
        Lie::DroppedWrite => {
            entries.remove(at);
        }
        Lie::OldValue | Lie::SwappedWrites => {
            let told = std::mem::replace(&mut entries[at].outcome, Outcome::Unknown);
            let Outcome::Answered { return_ns, answer: truth } = told else { return false };
            entries[at].outcome = Outcome::Answered { return_ns, answer };
            if let (Lie::SwappedWrites, Outcome::Answered { answer, .. }) =
                (which, &mut entries[other].outcome)
            {
                *answer = truth;
            }
        }
    }
    true
}

/// Three operations apart from all others, so that every lie finds a place.
fn with_tail(mut raws: Vec<Raw>) -> Vec<Raw> {
    raws.extend([(0, 0, 1, 0, 0, 9, 0), (0, 0, 1, 0, 0, 9, 0), (14, 0, 1, 0, 0, 9, 0)]);
    raws
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_a_true_record_answers_has_an_order(raws in prop::collection::vec(raw(), 1..80), distinct: bool) {
        prop_assert!(passes(&RecordModel, &run(plans(&raws, distinct, true))));
    }

    #[test]
    fn one_lie_is_found(
        raws in prop::collection::vec(raw(), 1..60),
        from in 0..60usize,
        which in prop::sample::select(vec![Lie::OldValue, Lie::DroppedWrite, Lie::SwappedWrites]),
        unknown: bool,
    ) {
        let mut entries = run(plans(&with_tail(raws), true, unknown));
        prop_assert!(lie(&mut entries, which, from), "there is a place for every lie");
        let report = check(&RecordModel, &entries.into_iter().collect(), 200_000);
        if unknown {
            // So many of unknown outcome at once can cost more than the budget; what must not happen is that the lie passes.
            prop_assert!(!report.verdict.is_linearizable());
        } else {
            prop_assert!(matches!(report.verdict, Verdict::Not { .. }), "{:?}, {} steps", report.verdict, report.steps);
        }
    }

    #[test]
    fn short_records_agree_with_exhaustion(
        mut raws in prop::collection::vec(raw(), 1..=7),
        distinct: bool,
        many: bool,
        lies in prop::collection::vec((0..7usize, 0..6u8), 0..3),
    ) {
        // Of many unknown outcomes some help others, and some spoil what others did.
        raws.iter_mut().filter(|_| many).for_each(|raw| raw.5 /= 2);
        let mut entries = run(plans(&raws, distinct, true));
        for (at, how) in lies {
            disturb(&mut entries, at, how);
        }
        let expected = record_has_order(&entries);
        prop_assert_eq!(passes_generally(&RecordModel, &entries), expected, "the general search");
        prop_assert_eq!(passes(&RecordModel, &entries), expected, "the pruned search");
    }

    #[test]
    fn short_registers_agree_with_exhaustion(
        raws in prop::collection::vec((0..6u8, 0..3u64, 0..3u64, 0..30u64, 0..30u64, 0..5u8), 1..=7),
    ) {
        let entry = |(index, (kind, from, to, call_ns, length_ns, fate)): (usize, (u8, u64, u64, u64, u64, u8))| {
            let (action, answer) = match kind {
                0 | 1 => (RegisterAction::Write(to), RegisterAnswer::Done),
                2 => (RegisterAction::CompareAndSet { from, to }, RegisterAnswer::Done),
                3 => (RegisterAction::CompareAndSet { from, to }, RegisterAnswer::Refused),
                _ => (RegisterAction::Read, RegisterAnswer::Value(from)),
            };
            let outcome = if fate == 0 { Outcome::Unknown } else { Outcome::Answered { return_ns: call_ns + length_ns, answer } };
            Entry { client: index as u32, call_ns, operation: RegisterOperation { register: 0, action }, outcome }
        };
        let entries: Vec<_> = raws.into_iter().enumerate().map(entry).collect();
        let expected = has_order_by(&RegisterModel, &entries);
        prop_assert_eq!(passes_generally(&RegisterModel, &entries), expected);
        prop_assert_eq!(passes(&RegisterModel, &entries), expected);
    }

    #[test]
    fn short_leases_agree_with_exhaustion(
        raws in prop::collection::vec((0..10u8, 0..2usize, 1..4u64, 0..14u64, 0..5u64, 0..6u8), 1..=5),
        late_ns in 0..3u64,
    ) {
        let entry = |(index, (kind, holder, number, call_ns, length_ns, fate)): (usize, (u8, usize, u64, u64, u64, u8))| {
            let (operation, answer): (LeaseOperation, LeaseAnswer) = match kind {
                0..4 => (acquire(KEYS[holder], 2 + number), LeaseAnswer::Granted { token: number }),
                4 | 5 => (acquire(KEYS[holder], 3), LeaseAnswer::Refused),
                6 => (renew(number, 4), LeaseAnswer::Done),
                7 => (renew(number, 4), LeaseAnswer::Refused),
                8 => (release(number), LeaseAnswer::Done),
                _ => (release(number), LeaseAnswer::Refused),
            };
            let outcome = if fate == 0 { Outcome::Unknown } else { Outcome::Answered { return_ns: call_ns + length_ns, answer } };
            Entry { client: index as u32, call_ns, operation, outcome }
        };
        let entries: Vec<_> = raws.into_iter().enumerate().map(entry).collect();
        let model = LeaseModel { late_ns };
        let expected = lease_has_order(&entries, late_ns, 30);
        prop_assert_eq!(passes_generally(&model, &entries), expected);
        prop_assert_eq!(passes(&model, &entries), expected);
    }
}
