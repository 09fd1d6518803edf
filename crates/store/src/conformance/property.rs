//! Random sequences beside the model: batches cut at random into calls, time that passes, upkeep; all that can be read is compared after each.

mod rough;

use super::check::checks;
use super::guarantee::Guarantee;
use super::make::{item_key, record_key};
use super::model::Model;
use super::pages::{Asked, pages};
use super::problem::{Checked, same};
use super::sequence::every;
use super::site::Site;
use crate::commit::Commit;
use crate::engine::ScanOf;
use rough::{KEYS, RECORDS, Resolver, Step, steps};
use std::time::Duration;

checks! { "property";
    every_sequence_of_batches_is_what_the_model_says,
}

/// Most attempts to find a smaller sequence that fails too.
const SHRINK_STEPS: u32 = 4000;

/// Once something is wrong, smaller sequences are not waited for as long as the first: hundreds of them are tried.
const SHRINK_PATIENCE: Duration = Duration::from_millis(100);

/// Tokens are kept for longer than any sequence lasts.
const FOR_GOOD: Duration = Duration::from_secs(1 << 40);

async fn every_sequence_of_batches_is_what_the_model_says(site: &mut Site) -> Checked {
    let case = async |site: &mut Site, number: u32, steps: &[Step]| {
        let checked = run_case(site, number, steps).await;
        if checked.is_err() {
            site.options.patience = site.options.patience.min(SHRINK_PATIENCE);
        }
        checked
    };
    every(site, SHRINK_STEPS, steps, case).await
}

/// One sequence in a collection of its own.
async fn run_case(site: &mut Site, number: u32, steps: &[Step]) -> Checked {
    site.collection = site.declare(&format!("case-{number}"), FOR_GOOD).await?;
    let mut model = Model::new(site.units(1));
    let mut resolver = Resolver::new(site);
    let from = if site.gives(Guarantee::ChangeFeed) { Some(site.end_of_changes().await?) } else { None };
    for step in steps {
        match step {
            Step::Batch(commits) => {
                // A call ends where a commit says so.
                for call in commits.split_inclusive(|commit| commit.ends_call) {
                    let batch: Vec<Commit> =
                        call.iter().map(|rough| resolver.resolve(rough, &model)).collect();
                    let outcomes = site.engine.commit(batch.clone()).await?;
                    same("outcomes", &outcomes.len(), &batch.len())?;
                    for (commit, outcome) in batch.iter().zip(&outcomes) {
                        model.commit(commit, outcome)?;
                    }
                    compare(site, &model).await?;
                }
            }
            Step::Pass if site.turned => {
                site.pass(1).await?;
                model.pass();
            }
            Step::Upkeep => {
                while site.engine.upkeep(FOR_GOOD, 1000).await?.more {}
                model.upkeep();
            }
            Step::Pass => {}
        }
        compare(site, &model).await?;
    }
    if let Some(from) = from {
        model.told().is(&site.follow(from, model.told().len(), 7).await?.0)?;
    }
    Ok(())
}

/// Reads and scans everything, and compares.
async fn compare(site: &Site, model: &Model) -> Checked {
    let places: Vec<_> =
        RECORDS.iter().flat_map(|record| KEYS.iter().map(move |key| (*record, *key))).collect();
    let keys: Vec<_> = places.iter().map(|(record, key)| item_key(site.collection, record, key)).collect();
    let items = site.engine.read(keys.clone()).await?;
    same("items read", &items.len(), &keys.len())?;
    for (key, item) in keys.iter().zip(&items) {
        let what = format!("read {:?} {:?}", key.record.id, key.key);
        match (model.get(&key.record.id, &key.key), item) {
            (Some(held), Some(item)) => held.is(&what, item)?,
            (held, item) => same(what, &item.is_some(), &held.is_some())?,
        }
    }
    let records = RECORDS.iter().map(|record| record_key(site.collection, record));
    let scans = records.map(|record| ScanOf::Record { collection: site.collection, record: record.id });
    let whole = site.gives(Guarantee::OrderedRecords).then_some(ScanOf::Collection(site.collection));
    for (place, of) in scans.chain(whole).enumerate() {
        let reverse = place % 2 == 1;
        let asked = Asked { of, from: None, to: None, reverse, items: 3, bytes: 1 << 20 };
        let mut found = pages(&*site.engine, &asked).await?;
        if reverse {
            found.reverse();
        }
        let of_record = |record: &[u8]| match &asked.of {
            ScanOf::Record { record: id, .. } => id == record,
            ScanOf::Collection(_) | ScanOf::Index { .. } => true,
        };
        let expected: Vec<_> = model.all().filter(|((record, _), _)| of_record(record)).collect();
        let keys: Vec<_> = found.iter().map(|(key, _)| (&key.record.id, &key.key)).collect();
        let places: Vec<_> = expected.iter().map(|((record, key), _)| (record, key)).collect();
        same(format!("keys by {:?}", asked.of), &keys, &places)?;
        for ((key, item), (_, held)) in found.iter().zip(expected) {
            held.is(&format!("scan {:?} {:?}", key.record.id, key.key), item)?;
        }
    }
    Ok(())
}
