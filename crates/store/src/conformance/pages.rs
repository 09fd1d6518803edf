//! A scan read page by page, as the owner does it for its callers, with every page's bounds looked at.

use super::problem::{Checked, Problem, holds};
use crate::engine::{Bound, Engine, Page, Scan, ScanOf};
use crate::item::{Item, Value};
use crate::name::ItemKey;

/// What is asked for; it moves on with [`Asked::resume`].
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub of: ScanOf,
    pub from: Option<Bound>,
    pub to: Option<Bound>,
    pub reverse: bool,
    /// Items of a page, at least one.
    pub items: usize,
    /// Bytes of a page, at least one.
    pub bytes: usize,
}

impl Asked {
    /// The next page.
    pub async fn page(&self, engine: &dyn Engine) -> Checked<Page> {
        let scan = Scan {
            of: self.of.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            reverse: self.reverse,
            items: self.items,
            bytes: self.bytes,
        };
        let page = engine.scan(scan).await?;
        self.is_within_bounds(&page)?;
        Ok(page)
    }

    /// Goes on after `last`. The first key after one of 512 bytes has 513.
    pub fn resume(&mut self, last: &ItemKey) {
        if self.reverse {
            self.to = Some(Bound { record: last.record.id.clone(), key: last.key.clone() });
        } else {
            let next = crate::name::next(&last.key).into();
            self.from = Some(Bound { record: last.record.id.clone(), key: next });
        }
    }

    fn is_within_bounds(&self, page: &Page) -> Checked {
        let count = page.items.len();
        holds(format!("{self:?}: a page of {count} items"), count <= self.items)?;
        let before_last = &page.items[..count.saturating_sub(1)];
        let bytes: usize = before_last.iter().map(|(key, item)| weight(key, item)).sum();
        let within = before_last.is_empty() || bytes < self.bytes;
        holds(format!("{self:?}: {bytes} bytes before the last item of a page"), within)?;
        holds(format!("{self:?}: an empty page, and more"), count > 0 || !page.more)
    }
}

/// Most pages of a scan: more than any check writes items, so that a scan which never moves on ends.
const MOST_PAGES: usize = 100_000;

/// All pages, joined.
pub(super) async fn pages(engine: &dyn Engine, asked: &Asked) -> Checked<Vec<(ItemKey, Item)>> {
    let mut asked = asked.clone();
    let mut all = Vec::new();
    for number in 0..MOST_PAGES {
        let page = asked.page(engine).await?;
        holds(
            format!("{asked:?}: more was said to follow, and nothing does"),
            number == 0 || !page.items.is_empty(),
        )?;
        let last = page.items.last().map(|(key, _)| key.clone());
        all.extend(page.items);
        match last {
            Some(last) if page.more => asked.resume(&last),
            _ => return Ok(all),
        }
    }
    Err(Problem::Wrong(format!("{asked:?}: no end after {MOST_PAGES} pages")))
}

/// Bytes of an item in a page: those of its record's id, its key and its value where it holds that itself.
pub(super) fn weight(key: &ItemKey, item: &Item) -> usize {
    let value = match &item.value {
        Value::Inline(bytes) => bytes.len(),
        Value::Chunked { .. } => 0,
    };
    key.record.id.len() + key.key.len() + value
}
