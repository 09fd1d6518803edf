//! Scans: in the order of bytes, within bounds, page by page from either end.

use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{bytes, change, item_key, put, remove};
use crate::conformance::pages::{Asked, pages};
use crate::conformance::problem::{Checked, same};
use crate::conformance::site::Site;
use crate::engine::{Bound, ScanOf};
use crate::name::{ItemKey, MAX_KEY};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

checks! { "scan";
    a_record_is_in_the_order_of_its_keys,
    a_collection_is_in_the_order_of_its_records => OrderedRecords,
    bounds_in_the_wrong_order_or_outside_are_empty,
    what_changes_between_pages_moves_no_other_item,
}

/// Ids and keys that an encoding which joins both may get wrong: prefixes of one another, zeros and ones at every end, the longest.
fn ids() -> Vec<Bytes> {
    let short: [&[u8]; 12] = [
        b"a",
        b"a\0",
        b"a\0\0",
        b"a\0\x01",
        b"a\0\xff",
        b"a\x01",
        b"aa",
        b"a\xff",
        b"b",
        b"\0",
        b"\xff",
        b"\xff\xff",
    ];
    let mut all: Vec<Bytes> = short.iter().map(bytes).collect();
    all.extend(
        [vec![0; MAX_KEY], vec![255; MAX_KEY], vec![0; MAX_KEY - 1], vec![255; MAX_KEY - 1]].map(Bytes::from),
    );
    all
}

/// The same for keys, which may be empty.
fn keys() -> Vec<Bytes> {
    let few: [&[u8]; 6] = [b"", b"\0", b"a", b"a\0", b"\xff", b"\xff\0"];
    few.iter().map(bytes).chain([Bytes::from(vec![0; MAX_KEY]), Bytes::from(vec![255; MAX_KEY])]).collect()
}

/// Puts every key of [`keys`] into every record of [`ids`], in no order; all of them in order.
async fn fill(site: &Site) -> Checked<Vec<ItemKey>> {
    let mut all = Vec::new();
    for (place, id) in ids().iter().enumerate() {
        let writes = keys().iter().rev().map(|key| put(key, format!("value {place}"))).collect();
        site.done(vec![change(id, writes)]).await?;
        all.extend(keys().iter().map(|key| item_key(site.collection, id, key)));
    }
    all.sort_by(|a, b| (&a.record.id, &a.key).cmp(&(&b.record.id, &b.key)));
    Ok(all)
}

fn bound(record: &Bytes, key: &Bytes) -> Bound {
    Bound { record: record.clone(), key: key.clone() }
}

/// Page sizes by items and by bytes.
const PAGES: [(usize, usize); 6] =
    [(1000, 1 << 20), (1, 1 << 20), (3, 1 << 20), (1000, 1), (1000, 40), (7, 2000)];

/// Reads all of it in pages of every size, both ways, and compares with those of `all` inside the bounds.
async fn compare(
    site: &Site,
    of: &ScanOf,
    from: Option<&Bound>,
    to: Option<&Bound>,
    all: &[ItemKey],
) -> Checked {
    compare_in(&PAGES, site, of, (from, to), all).await
}

/// The same in pages of these sizes.
async fn compare_in(
    sizes: &[(usize, usize)],
    site: &Site,
    of: &ScanOf,
    (from, to): (Option<&Bound>, Option<&Bound>),
    all: &[ItemKey],
) -> Checked {
    let inside = |key: &&ItemKey| {
        let at = bound(&key.record.id, &key.key);
        from.is_none_or(|from| *from <= at) && to.is_none_or(|to| at < *to)
    };
    let record = |key: &&ItemKey| match of {
        ScanOf::Record { record, .. } => *record == key.record.id,
        ScanOf::Collection(_) | ScanOf::Index { .. } => true,
    };
    let mut expected: Vec<ItemKey> = all.iter().filter(record).filter(inside).cloned().collect();
    for reverse in [false, true] {
        for &(items, bytes) in sizes {
            let asked = Asked { of: of.clone(), from: from.cloned(), to: to.cloned(), reverse, items, bytes };
            let found = pages(&*site.engine, &asked).await?;
            let keys: Vec<ItemKey> = found.into_iter().map(|(key, _)| key).collect();
            same(format!("{asked:?}"), &keys, &expected)?;
        }
        expected.reverse();
    }
    Ok(())
}

async fn a_record_is_in_the_order_of_its_keys(site: &mut Site) -> Checked {
    let all = fill(site).await?;
    let mut random = StdRng::seed_from_u64(site.options.seed);
    for record in ids() {
        let of = ScanOf::Record { collection: site.collection, record: record.clone() };
        compare(site, &of, None, None, &all).await?;
        for _ in 0..3 {
            let mut ends = [any_key(&mut random), any_key(&mut random)];
            ends.sort();
            let [from, to] = ends.map(|key| bound(&record, &key));
            compare(site, &of, Some(&from), Some(&to), &all).await?;
        }
    }
    let of = ScanOf::Record { collection: site.collection, record: bytes("never") };
    compare(site, &of, None, None, &[]).await
}

/// A key of [`keys`] or one beside it.
fn any_key(random: &mut StdRng) -> Bytes {
    let key = keys().choose(random).cloned().unwrap_or_default();
    if random.random_bool(0.5) { key } else { [&key[..], &[random.random_range(0..3)]].concat().into() }
}

async fn a_collection_is_in_the_order_of_its_records(site: &mut Site) -> Checked {
    site.needs(Guarantee::OrderedRecords)?;
    let all = fill(site).await?;
    // Neighbours by number, which must not be looked into.
    let other = site.declare("other", std::time::Duration::ZERO).await?;
    let of = ScanOf::Collection(site.collection);
    compare(site, &of, None, None, &all).await?;
    compare(site, &ScanOf::Collection(other), None, None, &[]).await?;
    let mut random = StdRng::seed_from_u64(site.options.seed);
    for row in 0..24 {
        let mut ends = [0, 1].map(|_| {
            let record = ids().choose(&mut random).cloned().unwrap_or_default();
            // Half of the bounds are of whole records, as those of a range of ids are.
            let key = if random.random_bool(0.5) { Bytes::new() } else { any_key(&mut random) };
            bound(&record, &key)
        });
        ends.sort();
        let [from, to] = ends;
        let bounds = ((row % 4 != 0).then_some(&from), (row % 4 != 1).then_some(&to));
        // One size for each: an engine far away has thousands of pages to answer even so.
        let size = PAGES[row % PAGES.len()];
        compare_in(&[size], site, &of, bounds, &all).await?;
    }
    Ok(())
}

async fn bounds_in_the_wrong_order_or_outside_are_empty(site: &mut Site) -> Checked {
    site.done(vec![change("m", vec![put("b", "1"), put("d", "2")])]).await?;
    let of = ScanOf::Record { collection: site.collection, record: bytes("m") };
    let at = |key: &[u8]| bound(&bytes("m"), &bytes(key));
    let longest = [255; MAX_KEY + 1];
    let rows: [(&[u8], &[u8]); 6] =
        [(b"d", b"b"), (b"b", b"b"), (b"c", b"d"), (b"e", b"f"), (b"", b"b"), (&longest, &longest)];
    for (from, to) in rows {
        compare(site, &of, Some(&at(from)), Some(&at(to)), &[]).await?;
        if site.gives(Guarantee::OrderedRecords) {
            compare(site, &ScanOf::Collection(site.collection), Some(&at(from)), Some(&at(to)), &[]).await?;
        }
    }
    Ok(())
}

async fn what_changes_between_pages_moves_no_other_item(site: &mut Site) -> Checked {
    let key = |place: u32| format!("{place:02}");
    let writes = (0..30).map(|place| put(key(place), "x")).collect();
    site.done(vec![change("r", writes)]).await?;
    let mut asked = Asked {
        of: ScanOf::Record { collection: site.collection, record: bytes("r") },
        from: None,
        to: None,
        reverse: false,
        items: 4,
        bytes: 1 << 20,
    };
    let mut seen = Vec::new();
    for round in 0.. {
        let page = asked.page(&*site.engine).await?;
        seen.extend(page.items.iter().map(|(key, _)| key.key.clone()));
        let Some((last, _)) = page.items.last().filter(|_| page.more) else { break };
        asked.resume(last);
        // Behind and at the place it has come to: what was read goes, what is new comes in.
        site.done(vec![change(
            "r",
            vec![remove(key(round)), remove(&last.key), put(format!("0{round}x"), "y")],
        )])
        .await?;
    }
    let first: Vec<Bytes> = (0..30).map(|place| bytes(key(place))).collect();
    seen.retain(|key| key.len() == 2);
    same("items that were there from the first page to the last", &seen, &first)
}
