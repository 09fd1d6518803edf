//! Through a snapshot, part by part: items in the order of collections and keys, each followed by its chunks, then tokens.

use super::{BackupError, row};
use crate::commit::Token;
use crate::engine::{Bound, Row, Scan, ScanOf, SharedSnapshot};
use crate::item::{self, Item, Value};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A part ends after the row that reaches it: large enough that a checksum and a sync cost little, small enough that little is done again.
const PART_BYTES: usize = 1 << 20;
/// Items of one page.
const PAGE_ITEMS: usize = 1000;
/// Tokens of one part.
const PART_TOKENS: usize = 4000;

/// Which items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Of this collection.
    pub collection: CollectionId,
    /// The first. None: the first there is.
    pub from: Option<Bound>,
    /// The first that no longer belongs. None: there is no end.
    pub to: Option<Bound>,
}

/// What of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Items, in the order of collections.
    pub ranges: Vec<Range>,
    /// Tokens as well.
    pub tokens: bool,
    /// At most so many items. None: all.
    pub limit: Option<u64>,
}

/// Where a walk goes on: after this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// An item, and so many of its chunks.
    Item {
        /// The collection.
        collection: u32,
        /// The record.
        record: Vec<u8>,
        /// The item.
        key: Vec<u8>,
        /// Chunks that are done.
        chunks: u32,
        /// Of so many.
        #[serde(default)]
        of: u64,
    },
    /// A token.
    Token {
        /// Its time.
        time: i64,
        /// Its nonce, hexadecimal.
        nonce: String,
    },
}

impl Place {
    /// After `row`, where `before` is the place before it.
    pub fn after(row: &Row, before: Option<Place>) -> Option<Place> {
        match (row, before) {
            (Row::Item(key, item), _) => Some(Place::Item {
                collection: key.record.collection.0,
                record: key.record.id.to_vec(),
                key: key.key.to_vec(),
                chunks: 0,
                of: chunks(item),
            }),
            (Row::Chunk { number, .. }, Some(Place::Item { collection, record, key, of, .. })) => {
                Some(Place::Item { collection, record, key, chunks: number + 1, of })
            }
            (Row::Chunk { .. }, before) => before,
            (Row::Token(token, _), _) => {
                Some(Place::Token { time: token.time.0, nonce: format!("{:032x}", token.nonce) })
            }
        }
    }
}

/// Chunks that an item's value is kept in beside it.
fn chunks(item: &Item) -> u64 {
    left(item, 0).map_or(0, |(_, _, of)| of)
}

/// The item that a walk goes on after.
struct Skip {
    key: ItemKey,
    chunks: u32,
    of: u64,
}

/// See the module.
pub struct Walk {
    snapshot: SharedSnapshot,
    filter: Filter,
    /// The range that is walked through, and where its next page begins.
    range: usize,
    from: Option<Bound>,
    page: VecDeque<(ItemKey, Item)>,
    /// There is nothing after the page in its range.
    last_page: bool,
    /// The long value whose chunks come next: which one, and how many there are.
    chunks: Option<(u64, u32, u64)>,
    /// What of the first item was given before.
    skip: Option<Skip>,
    token: Option<Token>,
    over: bool,
    items: u64,
}

impl Walk {
    /// From the beginning, or after a place.
    pub fn new(snapshot: SharedSnapshot, filter: Filter, after: Option<&Place>) -> Result<Walk, BackupError> {
        let mut walk = Walk {
            snapshot,
            range: 0,
            from: filter.ranges.first().and_then(|range| range.from.clone()),
            filter,
            page: VecDeque::new(),
            last_page: false,
            chunks: None,
            skip: None,
            token: None,
            over: false,
            items: 0,
        };
        match after {
            None => {}
            Some(Place::Token { time, nonce }) => {
                let nonce = u128::from_str_radix(nonce, 16)
                    .map_err(|_| BackupError::Refused("it goes on after what is no token".into()))?;
                walk.range = walk.filter.ranges.len();
                walk.token = Some(Token { time: crate::item::UnixMs(*time), nonce });
            }
            Some(Place::Item { collection, record, key, chunks, of }) => {
                let collection = CollectionId(*collection);
                let found = walk.filter.ranges.iter().position(|range| range.collection == collection);
                walk.range = found.ok_or_else(|| {
                    BackupError::Refused("it goes on in a collection that it is not of".into())
                })?;
                let (record, key) = (Bytes::copy_from_slice(record), Bytes::copy_from_slice(key));
                // The item again, without itself: its chunks may not all be done.
                walk.from = Some(Bound { record: record.clone(), key: key.clone() });
                let record = crate::name::RecordKey { collection, id: record };
                walk.skip = Some(Skip { key: ItemKey { record, key }, chunks: *chunks, of: *of });
            }
        }
        Ok(walk)
    }

    /// Everything that its moment has.
    pub fn all(snapshot: SharedSnapshot, after: Option<&Place>) -> Result<Walk, BackupError> {
        let mut ranges: Vec<Range> = snapshot
            .moment()
            .collections
            .iter()
            .map(|(collection, _)| Range { collection: *collection, from: None, to: None })
            .collect();
        ranges.sort_by_key(|range| range.collection);
        Walk::new(snapshot, Filter { ranges, tokens: true, limit: None }, after)
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Row>, BackupError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < PART_BYTES && !self.over {
            let Some(row) = self.row(rows.is_empty(), &mut rows).await? else { break };
            bytes += row::weight(&row);
            rows.push(row);
        }
        Ok(rows)
    }

    /// The next row of an item or a chunk. Tokens come all at once, and only into an empty part.
    async fn row(&mut self, empty: bool, tokens: &mut Vec<Row>) -> Result<Option<Row>, BackupError> {
        loop {
            if let Some((blob, number, of)) = self.chunks {
                let data = self.snapshot.chunk(blob, number).await?.ok_or_else(|| {
                    BackupError::Kept(format!("the chunk {number} of the value {blob:016x} is missing"))
                })?;
                let next = number + 1;
                self.chunks = (u64::from(next) < of).then_some((blob, next, of));
                return Ok(Some(Row::Chunk { blob, number, data }));
            }
            if self.filter.limit.is_some_and(|limit| self.items >= limit) {
                self.over = true;
                return Ok(None);
            }
            if let Some((key, item)) = self.page.pop_front() {
                self.chunks = left(&item, 0);
                self.items += 1;
                return Ok(Some(Row::Item(key, item)));
            }
            if self.range < self.filter.ranges.len() {
                self.turn().await?;
                continue;
            }
            if !self.filter.tokens {
                self.over = true;
                return Ok(None);
            }
            if !empty {
                return Ok(None);
            }
            let found = self.snapshot.tokens(self.token, PART_TOKENS).await?;
            self.over = found.len() < PART_TOKENS;
            self.token = found.last().map(|(token, _)| *token).or(self.token);
            tokens.extend(found.into_iter().map(|(token, version)| Row::Token(token, version)));
            return Ok(None);
        }
    }

    /// The next page, of this range or the one after it.
    async fn turn(&mut self) -> Result<(), BackupError> {
        let range = &self.filter.ranges[self.range];
        if std::mem::take(&mut self.last_page) {
            self.range += 1;
            self.from = self.filter.ranges.get(self.range).and_then(|range| range.from.clone());
            return Ok(());
        }
        let left = self.filter.limit.map_or(PAGE_ITEMS, |limit| {
            usize::try_from(limit - self.items).unwrap_or(PAGE_ITEMS).clamp(1, PAGE_ITEMS)
        });
        let scan = Scan {
            of: ScanOf::Collection(range.collection),
            from: self.from.take(),
            to: range.to.clone(),
            reverse: false,
            items: left,
            bytes: PART_BYTES,
        };
        let page = self.snapshot.scan(scan).await?;
        self.last_page = !page.more;
        if let Some((key, _)) = page.items.last() {
            self.from =
                Some(Bound { record: key.record.id.clone(), key: crate::name::next(&key.key).into() });
        }
        self.page = page.items.into();
        self.skip()
    }

    /// Leaves out what of the first item was given before.
    fn skip(&mut self) -> Result<(), BackupError> {
        let Some(skip) = self.skip.take() else { return Ok(()) };
        match self.page.front() {
            Some((key, item)) if *key == skip.key => {
                self.chunks = left(item, skip.chunks);
                self.page.pop_front();
                Ok(())
            }
            // It is over by now. What was given of it was the whole of it, or half a value that can never be made whole.
            _ if u64::from(skip.chunks) < skip.of => Err(BackupError::Kept(format!(
                "the long value {} ended after {} of its {} chunks",
                skip.key.key.escape_ascii(),
                skip.chunks,
                skip.of
            ))),
            _ => Ok(()),
        }
    }
}

/// The chunks of an item from `first` on: of which value, the next one, and how many there are.
fn left(item: &Item, first: u32) -> Option<(u64, u32, u64)> {
    let Value::Chunked { blob, size } = item.value else { return None };
    let of = item::chunks(size);
    (u64::from(first) < of).then_some((blob, first, of))
}
