//! Commits: puts, deletes, conditions, several items and several records, batches.

use crate::commit::{Commit, Must, Outcome, RecordChange, Refusal, Write};
use crate::conformance::check::checks;
use crate::conformance::make::{change, change_if, put, remove, text};
use crate::conformance::problem::{Checked, Problem, holds, same, short};
use crate::conformance::site::{Site, version_of};
use crate::engine::{EngineError, MAX_BATCH};
use crate::item::{MAX_VALUE, Version};
use crate::name::MAX_KEY;

checks! { "commit";
    a_put_is_there_with_its_version_and_time,
    a_delete_removes_and_one_of_nothing_changes_nothing,
    conditions_are_judged_in_order_and_name_what_was_found,
    a_refused_commit_leaves_no_trace,
    several_records_change_together_or_not_at_all => AtomicAcrossRecords,
    versions_of_a_record_only_grow,
    a_batch_is_its_commits_one_after_the_other,
    an_empty_batch_is_nothing_and_the_largest_is_carried_out,
    keys_and_values_may_be_any_bytes_up_to_their_bounds,
}

type Conditions<'a> = &'a [(&'a str, Must)];

async fn a_put_is_there_with_its_version_and_time(site: &mut Site) -> Checked {
    let before = site.engine.clock().await?;
    let version = site.done(vec![change("r", vec![put("b", "2"), put("", "0"), put("a", "1")])]).await?;
    let after = site.engine.clock().await?;
    for (key, value) in [("", "0"), ("a", "1"), ("b", "2")] {
        let item =
            site.read("r", key).await?.ok_or_else(|| Problem::Wrong(format!("{key:?} is not there")))?;
        same(key, text(&item).as_str(), value)?;
        same(format!("{key:?}: its version"), &item.version, &version)?;
        same(format!("{key:?}: its end"), &item.expires, &None)?;
        holds(
            format!("{key:?} was written at {:?}, between {before:?} and {after:?}", item.updated),
            before <= item.updated && item.updated <= after,
        )?;
    }
    let again = site.done(vec![change("r", vec![put("a", "3")])]).await?;
    let kept = site.read("r", "b").await?.map(|item| item.version);
    same("the version of what the second put did not touch", &kept, &Some(version))?;
    let item = site.read("r", "a").await?.map(|item| (text(&item), item.version));
    same("what was put twice", &item, &Some(("3".to_owned(), again)))
}

async fn a_delete_removes_and_one_of_nothing_changes_nothing(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put("a", "1"), put("b", "2")])]).await?;
    let gone = site.done(vec![change("r", vec![remove("a"), remove("never")])]).await?;
    holds("a delete that removed something has a version", gone > Version(0))?;
    same("removed", &site.read("r", "a").await?, &None)?;
    same("beside it", &site.text("r", "b").await?, &Some("2".to_owned()))?;
    for (what, changes) in [
        ("removed before", vec![change("r", vec![remove("a")])]),
        ("never there", vec![change("r", vec![remove("x")]), change("s", vec![remove("")])]),
        ("no write", vec![change("r", vec![])]),
        ("a condition alone", vec![change_if("r", &[("b", Must::BePresent)], vec![])]),
        ("no change", vec![]),
    ] {
        // Several records are for engines that claim them; one of the rows has two.
        if changes.len() < 2 || site.engine.guarantees().atomic_across_records {
            same(format!("{what}: the version of nothing"), &site.done(changes).await?, &Version(0))?;
        }
    }
    Ok(())
}

async fn conditions_are_judged_in_order_and_name_what_was_found(site: &mut Site) -> Checked {
    let old = site.done(vec![change("r", vec![put("a", "1")])]).await?;
    let now = site.done(vec![change("r", vec![put("a", "2"), put("b", "2")])]).await?;
    let (is, was, future) = (Must::Be(now), Must::Be(old), Must::Be(Version(now.0 + 1)));
    // Which condition is the first that does not hold.
    let rows: [(Conditions, Option<usize>); 13] = [
        (&[], None),
        (&[("a", is)], None),
        (&[("a", was)], Some(0)),
        (&[("a", future)], Some(0)),
        (&[("a", Must::Be(Version(0)))], Some(0)),
        (&[("x", Must::Be(Version(0)))], Some(0)),
        (&[("a", Must::BePresent), ("b", is), ("x", Must::BeAbsent)], None),
        (&[("x", is)], Some(0)),
        (&[("x", Must::BePresent)], Some(0)),
        (&[("a", Must::BeAbsent)], Some(0)),
        (&[("a", is), ("b", was), ("x", Must::BePresent)], Some(1)),
        (&[("a", Must::BePresent), ("a", is), ("a", was)], Some(2)),
        (&[("x", Must::BeAbsent), ("", Must::BeAbsent), ("b", Must::BeAbsent)], Some(2)),
    ];
    for (row, (conditions, fails)) in rows.into_iter().enumerate() {
        let found = site.commit(vec![change_if("r", conditions, vec![])]).await?;
        let expected = match fails {
            None => Outcome::Done { version: Version(0), replayed: false },
            Some(condition) => {
                let found = site.read("r", conditions[condition].0).await?;
                Outcome::Refused(Refusal::Condition { change: 0, condition, found })
            }
        };
        same(format!("row {row}, {conditions:?}"), &found, &expected)?;
    }
    // Compare and set, create, remove if unchanged.
    let set = site.done(vec![change_if("r", &[("a", is)], vec![put("a", "3")])]).await?;
    site.refused(vec![change_if("r", &[("a", is)], vec![put("a", "4")])]).await?;
    site.done(vec![change_if("r", &[("c", Must::BeAbsent)], vec![put("c", "1")])]).await?;
    site.refused(vec![change_if("r", &[("c", Must::BeAbsent)], vec![put("c", "2")])]).await?;
    site.done(vec![change_if("r", &[("a", Must::Be(set))], vec![remove("a")])]).await?;
    site.refused(vec![change_if("r", &[("a", Must::Be(set))], vec![remove("a")])]).await?;
    same("what was created", &site.text("r", "c").await?, &Some("1".to_owned()))
}

async fn a_refused_commit_leaves_no_trace(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    let before = site.scan_record("r").await?;
    let writes: Vec<Write> = vec![put("a", "2"), put("b", "2"), remove("a")];
    for writes in [writes[..2].to_vec(), writes[1..].to_vec()] {
        site.refused(vec![change_if("r", &[("z", Must::BePresent)], writes)]).await?;
    }
    same("the record afterwards", &site.scan_record("r").await?, &before)
}

async fn several_records_change_together_or_not_at_all(site: &mut Site) -> Checked {
    let version = site.done(vec![change("r", vec![put("a", "1")]), change("s", vec![put("a", "1")])]).await?;
    let third = |must| {
        let last = change_if("t", &[("a", must)], vec![put("a", "2")]);
        vec![change("r", vec![put("a", "2")]), change("s", vec![remove("a")]), last]
    };
    let refusal = site.refused(third(Must::BePresent)).await?;
    same("why", &refusal, &Refusal::Condition { change: 2, condition: 0, found: None })?;
    for record in ["r", "s"] {
        let item = site.read(record, "a").await?.map(|item| (text(&item), item.version));
        same(format!("{record} after the refusal"), &item, &Some(("1".to_owned(), version)))?;
    }
    let version = site.done(third(Must::BeAbsent)).await?;
    for (record, value) in [("r", Some("2")), ("s", None), ("t", Some("2"))] {
        let item = site.read(record, "a").await?.map(|item| (text(&item), item.version));
        same(format!("{record} afterwards"), &item, &value.map(|value| (value.to_owned(), version)))?;
    }
    // As many as one call of the API may change.
    let many: Vec<RecordChange> =
        (0..100).map(|place| change(format!("m{place}"), vec![put("", "x")])).collect();
    let version = site.done(many).await?;
    for place in 0..100 {
        let found = site.read(format!("m{place}"), "").await?.map(|item| item.version);
        same(format!("record {place} of a hundred"), &found, &Some(version))?;
    }
    Ok(())
}

async fn versions_of_a_record_only_grow(site: &mut Site) -> Checked {
    let mut last = Version(0);
    let mut grows = |what: &str, version: Version| {
        let grown = holds(format!("{what}: {version:?} after {last:?}"), version > last);
        last = version;
        grown
    };
    grows("the first put", site.done(vec![change("r", vec![put("", "1")])]).await?)?;
    grows("the same again", site.done(vec![change("r", vec![put("", "1")])]).await?)?;
    grows("another item", site.done(vec![change("r", vec![put("k", "1")])]).await?)?;
    grows("the removal of all", site.done(vec![change("r", vec![remove(""), remove("k")])]).await?)?;
    site.refused(vec![change_if("r", &[("", Must::BePresent)], vec![])]).await?;
    grows("a put after the removal", site.done(vec![change("r", vec![put("", "1")])]).await?)?;
    grows("another record's lease on numbers", {
        site.done(vec![change("s", vec![put("", "1")])]).await?;
        site.done(vec![change("r", vec![put("", "2")])]).await?
    })
}

async fn a_batch_is_its_commits_one_after_the_other(site: &mut Site) -> Checked {
    let mut batch = Vec::new();
    for (conditions, writes) in [
        (vec![("a", Must::BeAbsent)], vec![put("a", "1")]),
        (vec![("a", Must::BeAbsent)], vec![put("a", "2")]),
        (vec![("a", Must::BePresent)], vec![remove("a"), put("b", "3")]),
        (vec![("a", Must::BePresent)], vec![put("b", "4")]),
        (vec![("a", Must::BeAbsent), ("b", Must::BePresent)], vec![put("a", "5")]),
    ] {
        let (token, changes) = (Some(site.token().await?), vec![change_if("r", &conditions, writes)]);
        batch.push(Commit::of(site.collection, token, changes));
    }
    let outcomes = site.engine.commit(batch).await?;
    same("outcomes", &outcomes.len(), &5)?;
    let (first, third, fifth) =
        (version_of(&outcomes[0])?, version_of(&outcomes[2])?, version_of(&outcomes[4])?);
    holds(format!("versions {first:?}, {third:?}, {fifth:?} grow"), first < third && third < fifth)?;
    match &outcomes[1] {
        Outcome::Refused(Refusal::Condition { change: 0, condition: 0, found: Some(found) }) => {
            same("what the second found", &(text(found), found.version), &("1".to_owned(), first))?;
        }
        other => holds(format!("the second commit: {}", short(other)), false)?,
    }
    let refused = Outcome::Refused(Refusal::Condition { change: 0, condition: 0, found: None });
    same("the fourth commit", &outcomes[3], &refused)?;
    let items: Vec<_> =
        site.scan_record("r").await?.items.iter().map(|(_, item)| (text(item), item.version)).collect();
    same("afterwards", &items, &[("5".to_owned(), fifth), ("3".to_owned(), third)])
}

async fn an_empty_batch_is_nothing_and_the_largest_is_carried_out(site: &mut Site) -> Checked {
    same("no commits", &site.engine.commit(Vec::new()).await?, &Vec::new())?;
    let commit = |site: &Site, place: usize| Commit {
        collection: site.collection,
        token: Some(site.token_of(crate::item::UnixMs(place as i64))),
        fence: None,
        typed: None,
        changes: vec![change(format!("r{}", place % 7), vec![put(format!("k{place}"), "x")])],
    };
    let batch = (0..MAX_BATCH).map(|place| commit(site, place)).collect();
    let outcomes = site.engine.commit(batch).await?;
    same("outcomes", &outcomes.len(), &MAX_BATCH)?;
    for (place, outcome) in outcomes.iter().enumerate() {
        let found = site.read(format!("r{}", place % 7), format!("k{place}")).await?.map(|item| item.version);
        same(format!("commit {place} of the largest batch"), &found, &Some(version_of(outcome)?))?;
    }
    let larger = (0..=MAX_BATCH).map(|place| commit(site, 100_000 + place)).collect();
    match site.engine.commit(larger).await {
        Err(EngineError::Broken(_)) => {}
        other => holds(
            format!("one more than the largest batch: found {}", short(&other.map(|all| all.len()))),
            false,
        )?,
    }
    same("a commit of it", &site.read(format!("r{}", 100_000 % 7), "k100000").await?, &None)
}

async fn keys_and_values_may_be_any_bytes_up_to_their_bounds(site: &mut Site) -> Checked {
    let all: Vec<u8> = (0..=255).collect();
    let (zeros, high) = (vec![0; MAX_KEY], vec![255; MAX_KEY]);
    for (row, (record, key, value)) in [
        (b"r".to_vec(), vec![], vec![]),
        (vec![0], vec![0], vec![0]),
        (vec![255], vec![255], all.clone()),
        (all.clone(), all.clone(), all.clone()),
        (zeros.clone(), zeros.clone(), b"z".to_vec()),
        (high.clone(), high.clone(), b"h".to_vec()),
        (zeros.clone(), high.clone(), vec![0; MAX_VALUE]),
        (b"'; DROP TABLE items; --".to_vec(), b"\\x00\\".to_vec(), b"\xf0\x28\x8c\x28".to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        site.done(vec![change(&record, vec![put(&key, &value)])]).await?;
        let found = site.read(&record, &key).await?.map(|item| item.value);
        same(format!("row {row}"), &found, &Some(crate::conformance::make::inline(&value)))?;
    }
    Ok(())
}
