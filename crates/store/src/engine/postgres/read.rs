//! Reading by key, and in order.

use super::failure::Failure;
use super::rows::{Keys, bytes, collection, column, item};
use super::session::Work;
use crate::engine::{Bound, EngineError, Page, Scan, ScanOf};
use crate::item::{Item, UnixMs};
use crate::name::{ItemKey, RecordKey};
use tokio_postgres::types::ToSql;

/// Most items of a page, whatever was asked for: the server holds as many rows, without long values, to weigh them.
const PAGE_ITEMS: usize = 10_000;

/// The items with these keys, all of one snapshot.
pub(super) async fn items(session: Work, keys: &[ItemKey]) -> Result<Vec<Option<Item>>, Failure> {
    let columns = Keys::of(keys)?;
    let statement = &session.statements.items;
    let (collections, records, names) = (&columns.collections, &columns.records, &columns.keys);
    let rows = session.within(session.client.query(statement, &[collections, records, names])).await?;
    let mut items = vec![None; keys.len()];
    for row in &rows {
        let (place, now): (i64, i64) = (column(row, 0)?, column(row, 1)?);
        let place = usize::try_from(place - 1).ok().and_then(|place| items.get_mut(place));
        let found = item(row, 2)?;
        match place {
            Some(place) => *place = Some(found).filter(|item| item.lives(UnixMs(now))),
            None => {
                let text = "the server answered with an item that was not asked for";
                return Err(Failure::refused(EngineError::Broken(text.into())));
            }
        }
    }
    Ok(items)
}

/// Where a scan begins and ends, as the columns of the key: a collection, a record, an item.
type Place = (i32, Vec<u8>, Vec<u8>);

/// A page of items in order, of one snapshot.
pub(super) async fn scan(session: Work, scan: &Scan) -> Result<Page, Failure> {
    let (from, to) = range(scan)?;
    // The first item comes whatever its size, so a page of none asks for one to know whether there is more.
    let most = i64::try_from(scan.items.clamp(1, PAGE_ITEMS)).unwrap_or(i64::MAX);
    let room = i64::try_from(scan.bytes).unwrap_or(i64::MAX);
    let id = scan.of.collection();
    let (statements, number) = (&session.statements, collection(id)?);
    let mut asked: Vec<&(dyn ToSql + Sync)> =
        vec![&from.0, &from.1, &from.2, &to.0, &to.1, &to.2, &most, &room];
    let (onwards, back) = match scan.of {
        ScanOf::Index { .. } => {
            asked.push(&number);
            (&statements.by_index, &statements.by_index_back)
        }
        _ => (&statements.scan, &statements.scan_back),
    };
    let statement = if scan.reverse { back } else { onwards };
    let rows = session.within(session.client.query(statement, &asked)).await?;
    let mut page = Page::default();
    for row in rows.iter().take(scan.items) {
        let record = RecordKey { collection: id, id: bytes(row, 0)? };
        page.items.push((ItemKey { record, key: bytes(row, 1)? }, item(row, 2)?));
    }
    let found = rows.first().map_or(Ok(0), |row| column::<i64>(row, 8))?;
    page.more = found > i64::try_from(page.items.len()).unwrap_or(i64::MAX);
    Ok(page)
}

/// The first place of a scan, and the first that no longer belongs.
fn range(scan: &Scan) -> Result<(Place, Place), Failure> {
    let (id, record) = match &scan.of {
        ScanOf::Record { collection, record } => (*collection, Some(record)),
        ScanOf::Collection(collection) | ScanOf::Index { entries: collection, .. } => (*collection, None),
    };
    let number = collection(id)?;
    let place = |bound: &Bound| (number, bound.record.to_vec(), bound.key.to_vec());
    let (first, last) = match record {
        None => ((number, Vec::new(), Vec::new()), (number + 1, Vec::new(), Vec::new())),
        Some(record) => {
            ((number, record.to_vec(), Vec::new()), (number, crate::name::next(record), Vec::new()))
        }
    };
    let from = scan.from.as_ref().map(place).into_iter().fold(first, Place::max);
    let to = scan.to.as_ref().map(place).into_iter().fold(last, Place::min);
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::CollectionId;
    use bytes::Bytes;

    #[test]
    fn ranges_stay_inside_what_is_scanned() {
        let bound = |record: &str, key: &str| Bound {
            record: Bytes::copy_from_slice(record.as_bytes()),
            key: Bytes::copy_from_slice(key.as_bytes()),
        };
        let check = |record: Option<&str>,
                     from: Option<Bound>,
                     to: Option<Bound>,
                     expected: [(i32, &str, &str); 2]| {
            let id = CollectionId(3);
            let of = match record {
                Some(record) => {
                    ScanOf::Record { collection: id, record: Bytes::copy_from_slice(record.as_bytes()) }
                }
                None => ScanOf::Collection(id),
            };
            let (from, to) = range(&Scan { of, from, to, reverse: false, items: 1, bytes: 1 }).unwrap();
            let expected =
                expected.map(|(id, record, key)| (id, record.as_bytes().to_vec(), key.as_bytes().to_vec()));
            assert_eq!([from, to], expected);
        };
        check(None, None, None, [(3, "", ""), (4, "", "")]);
        check(None, Some(bound("b", "1")), Some(bound("c", "")), [(3, "b", "1"), (3, "c", "")]);
        check(Some("b"), None, None, [(3, "b", ""), (3, "b\0", "")]);
        check(Some("b"), Some(bound("b", "1")), Some(bound("b", "2")), [(3, "b", "1"), (3, "b", "2")]);
        check(Some("b"), Some(bound("a", "1")), Some(bound("c", "2")), [(3, "b", ""), (3, "b\0", "")]);
    }
}
