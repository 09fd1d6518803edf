//! How much there is.

use crate::commit::Action;
use crate::conformance::check::checks;
use crate::conformance::make::{change, put, put_for, remove, write};
use crate::conformance::problem::{Checked, Problem, same};
use crate::conformance::site::Site;
use crate::engine::Size;
use crate::item::Value;

checks! { "size";
    it_counts_records_items_and_bytes_of_one_collection,
}

async fn it_counts_records_items_and_bytes_of_one_collection(site: &mut Site) -> Checked {
    if !site.counts_sizes {
        site.engine.size(site.collection).await?;
        return Err(Problem::NotTried("the engine estimates sizes; it answers".into()));
    }
    let other = site.declare("other", std::time::Duration::ZERO).await?;
    let rows = [
        ("empty", vec![], Size { records: 0, items: 0, bytes: 0 }),
        // 1 of id, 1 of key, 3 of value; each item is counted with its record's id.
        ("one", vec![change("r", vec![put("a", "123")])], Size { records: 1, items: 1, bytes: 5 }),
        ("two in one", vec![change("r", vec![put("b", "")])], Size { records: 1, items: 2, bytes: 7 }),
        ("overwritten", vec![change("r", vec![put("a", "1")])], Size { records: 1, items: 2, bytes: 5 }),
        ("two records", vec![change("ss", vec![put("", "1")])], Size { records: 2, items: 3, bytes: 8 }),
        (
            "one removed",
            vec![change("r", vec![remove("a"), remove("b")])],
            Size { records: 1, items: 1, bytes: 3 },
        ),
    ];
    // A long value is counted whole, wherever its chunks lie.
    site.engine.stage(7, 0, vec![b'x'; 5].into()).await?;
    let long = vec![change("ss", vec![write("", Action::Put(Value::Chunked { blob: 7, size: 5 }))])];
    let after = Size { records: 1, items: 1, bytes: 7 };
    let short = vec![change("ss", vec![put("", "1")])];
    let before = Size { records: 1, items: 1, bytes: 3 };
    let rows = rows.into_iter().chain([("a long one", long, after), ("a short one again", short, before)]);
    for (what, changes, expected) in rows {
        if !changes.is_empty() {
            site.done(changes).await?;
        }
        same(what, &site.engine.size(site.collection).await?, &expected)?;
    }
    // What is over counts until upkeep has removed it, or not: both are true. Afterwards it does not.
    site.done(vec![change("t", vec![put_for("", "1", site.units(1))])]).await?;
    site.pass(1).await?;
    site.engine.upkeep(site.units(1000), 1000).await?;
    let expected = Size { records: 1, items: 1, bytes: 3 };
    same("after upkeep", &site.engine.size(site.collection).await?, &expected)?;
    same("another collection", &site.engine.size(other).await?, &Size::default())
}
