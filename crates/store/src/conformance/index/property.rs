//! Random sequences: after every call, each index has what there is, and nothing else.

use super::message::Thing;
use super::{BY_COLOUR, BY_TAG, Things, change, message};
use crate::commit::{Action, Commit, Outcome, Refusal, Token, Write};
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::problem::{Checked, Problem, same, short};
use crate::conformance::sequence::every;
use crate::conformance::site::Site;
use crate::item::UnixMs;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

checks! { "index property";
    every_sequence_leaves_in_an_index_what_there_is,
}

const IDS: [&str; 3] = ["a", "b", "c"];
const PARTS: [&str; 2] = ["", "x"];
const COLOURS: [&str; 3] = ["", "blue", "red"];
const TAGS: i64 = 5;
/// Tokens are kept for longer than any sequence lasts.
const FOR_GOOD: Duration = Duration::from_secs(1 << 40);
/// Most attempts to find a smaller sequence that fails too.
const SHRINK_STEPS: u32 = 2000;

#[derive(Clone, Debug)]
enum Step {
    /// Commits of one call.
    Call(Vec<Rough>),
    /// A unit of time passes.
    Pass,
    Upkeep,
}

/// The place of its colour, its tag, and for how many units it stays.
type Of = (usize, i64, Option<u32>);

/// A commit: what becomes of items, by the places of their ids and parts. `again` sends one of before.
#[derive(Clone, Debug)]
struct Rough {
    writes: BTreeMap<(usize, usize), Option<Of>>,
    again: Option<prop::sample::Index>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let until = prop_oneof![3 => Just(None), 1 => (0u32..3).prop_map(Some)];
    let put = (0..COLOURS.len(), 0..TAGS, until).prop_map(Some);
    let write = prop_oneof![4 => put, 1 => Just(None)];
    let writes = prop::collection::btree_map((0..IDS.len(), 0..PARTS.len()), write, 1..4);
    let again = prop_oneof![6 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let rough = (writes, again).prop_map(|(writes, again)| Rough { writes, again });
    let step = prop_oneof![
        8 => prop::collection::vec(rough, 1..5).prop_map(Step::Call),
        2 => Just(Step::Pass),
        1 => Just(Step::Upkeep),
    ];
    prop::collection::vec(step, 1..12)
}

async fn every_sequence_leaves_in_an_index_what_there_is(site: &mut Site) -> Checked {
    site.needs(Guarantee::AtomicAcrossRecords)?;
    site.needs(Guarantee::OrderedRecords)?;
    let case = async |site: &mut Site, number: u32, steps: &[Step]| run_case(site, number, steps).await;
    every(site, SHRINK_STEPS, steps, case).await
}

/// What there is: things by their ids and parts, and until when, in half units.
#[derive(Default)]
struct Model {
    there: BTreeMap<(usize, usize), (Thing, Option<u32>)>,
    now: u32,
}

impl Model {
    fn lives(&self, until: Option<u32>) -> bool {
        until.is_none_or(|until| self.now < until)
    }

    fn live(&self) -> impl Iterator<Item = (&(usize, usize), &Thing)> {
        self.there
            .iter()
            .filter(|(_, (_, until))| self.lives(*until))
            .map(|(place, (thing, _))| (place, thing))
    }

    /// Whether what is written has no tag of another.
    fn may(
        &self,
        after: &BTreeMap<(usize, usize), (Thing, Option<u32>)>,
        written: &BTreeSet<(usize, usize)>,
    ) -> bool {
        let live = || after.iter().filter(|(_, (_, until))| self.lives(*until));
        live().filter(|(place, _)| written.contains(place)).all(|(place, (thing, _))| {
            live().all(|(other, (theirs, _))| other == place || theirs.tag != thing.tag)
        })
    }

    /// Lets a commit happen if it may; whether it did.
    fn take(&mut self, rough: &Rough, begin: UnixMs, unit: Duration) -> bool {
        let mut after = self.there.clone();
        let mut written = BTreeSet::new();
        for (place, write) in &rough.writes {
            match write {
                None => drop(after.remove(place)),
                Some(of) => {
                    let (thing, until) = thing(*place, *of, begin, unit, self.now);
                    // What is over when it comes is in no index, whatever it has.
                    written.insert(*place);
                    after.insert(*place, (thing, until));
                }
            }
        }
        let may = self.may(&after, &written);
        if may {
            self.there = after;
        }
        may
    }
}

/// The thing that is written, and the half unit from which on it is gone.
fn thing(
    (id, part): (usize, usize),
    (colour, tag, units): Of,
    begin: UnixMs,
    unit: Duration,
    now: u32,
) -> (Thing, Option<u32>) {
    let thing = Thing::new(IDS[id], PARTS[part], COLOURS[colour], tag);
    match units {
        None => (thing, None),
        // Between two units, so that it is over surely or surely not.
        Some(units) => {
            let until = now + 2 * units + 1;
            (thing.until(begin.after(unit / 2 * until)), Some(until))
        }
    }
}

async fn run_case(site: &Site, number: u32, steps: &[Step]) -> Checked {
    let things = Things::declare(site, &format!("things-{number}")).await?;
    let begin = site.engine.clock().await?;
    let unit = site.units(1);
    let mut model = Model::default();
    let mut sent: Vec<(Token, Commit)> = Vec::new();
    for step in steps {
        match step {
            Step::Call(roughs) => {
                let mut batch = Vec::new();
                let mut expected = Vec::new();
                for rough in roughs {
                    if let Some(index) = rough.again.filter(|_| !sent.is_empty()) {
                        let (_, commit) = index.get(&sent);
                        batch.push(commit.clone());
                        expected.push(None);
                        continue;
                    }
                    let mut rough = rough.clone();
                    if !site.turned {
                        rough.writes.values_mut().flatten().for_each(|(_, _, units)| *units = None);
                    }
                    let token = site.token().await?;
                    let commit = resolve(&things, &rough, token, begin, unit, model.now);
                    let done = model.take(&rough, begin, unit);
                    if done {
                        sent.push((token, commit.clone()));
                    }
                    batch.push(commit);
                    expected.push(Some(done));
                }
                let outcomes = site.engine.commit(batch).await?;
                same("outcomes", &outcomes.len(), &expected.len())?;
                for (outcome, expected) in outcomes.iter().zip(expected) {
                    let right = match outcome {
                        Outcome::Done { replayed, .. } => expected == (!replayed).then_some(true),
                        Outcome::Refused(Refusal::NotUnique(_)) => expected == Some(false),
                        Outcome::Refused(_) => false,
                    };
                    if !right {
                        let what = format!("found {}, expected {expected:?}", short(outcome));
                        return Err(Problem::Wrong(what));
                    }
                }
            }
            Step::Pass if site.turned => {
                site.pass(1).await?;
                model.now += 2;
            }
            Step::Upkeep => while site.engine.upkeep(FOR_GOOD, 1000).await?.more {},
            Step::Pass => {}
        }
        compare(site, &things, &model).await?;
    }
    Ok(())
}

fn resolve(things: &Things, rough: &Rough, token: Token, begin: UnixMs, unit: Duration, now: u32) -> Commit {
    let mut records: BTreeMap<usize, Vec<Write>> = BTreeMap::new();
    for (place, write) in &rough.writes {
        let action = match write {
            None => Action::Delete,
            Some(of) => Action::Put(thing(*place, *of, begin, unit, now).0.value()),
        };
        let write = Write { key: message::key(PARTS[place.1]), action, ttl: None };
        records.entry(place.0).or_default().push(write);
    }
    let changes = records.into_iter().map(|(id, writes)| change(IDS[id], writes)).collect();
    things.commit(Some(token), changes)
}

async fn compare(site: &Site, things: &Things, model: &Model) -> Checked {
    for index in [BY_COLOUR, BY_TAG] {
        let mut expected: Vec<&Thing> = model.live().map(|(_, thing)| thing).collect();
        expected.sort_by_key(|thing| match index {
            BY_COLOUR => (thing.colour.clone(), 0, thing.id.clone(), thing.part.clone()),
            _ => (String::new(), thing.tag, thing.id.clone(), thing.part.clone()),
        });
        for reverse in [false, true] {
            let found = things.found(site, index, reverse).await?;
            let found: Vec<Thing> = found.iter().filter_map(|(_, item)| Thing::of(item)).collect();
            same(format!("index {index}, reverse: {reverse}"), &found.iter().collect::<Vec<_>>(), &expected)?;
            expected.reverse();
        }
        // And no row beside.
        same(format!("rows of index {index}"), &things.entries(site, index).await?.len(), &expected.len())?;
    }
    Ok(())
}
