//! What changes of items come to in the indexes of their collection.

use super::{Change, Decider};
use crate::commit::{NotUnique, Refusal};
use crate::item::{Item, UnixMs};
use crate::name::ItemKey;
use crate::typed::{Address, IndexRows, Typed, entry};
use std::collections::{HashMap, HashSet};

/// Entries that go and entries that come, of one commit.
#[derive(Default)]
pub(super) struct Entries {
    /// Each with the item whose it was, and whether another item could have it by now.
    gone: Vec<(ItemKey, ItemKey, bool)>,
    put: Vec<(ItemKey, Item)>,
}

/// An entry that comes.
struct Coming<'a> {
    rows: &'a IndexRows,
    entry: ItemKey,
    of: &'a ItemKey,
    item: &'a Item,
}

impl Decider {
    /// Of changed items, and of items that are entered `again` as they are.
    pub(super) fn entries(
        &self,
        typed: &Typed,
        changes: &[Change],
        again: &[(ItemKey, &Item)],
    ) -> Result<Entries, Refusal> {
        let mut entries = Entries::default();
        let mut coming = Vec::new();
        for change in changes {
            let before = self.find(&change.item);
            let was = rows_of(typed, &change.item, before);
            let is = rows_of(typed, &change.item, change.now.as_ref());
            for (place, rows) in typed.indexes.iter().enumerate() {
                let (was, is) = (was.get(place), is.get(place));
                if was == is {
                    continue;
                }
                if let Some((entry, _)) = was
                    && is.is_none_or(|(now, _)| now != entry)
                {
                    entries.gone.push((entry.clone(), change.item.clone(), rows.unique));
                }
                if let (Some((entry, _)), Some(item)) = (is, &change.now) {
                    coming.push(Coming { rows, entry: entry.clone(), of: &change.item, item });
                }
            }
        }
        for (of, item) in again {
            let rows = typed.indexes.iter().zip(rows_of(typed, of, Some(item)));
            coming.extend(rows.map(|(rows, (entry, _))| Coming { rows, entry, of, item }));
        }
        self.are_unique(&coming, &entries)?;
        entries.put = coming.into_iter().map(|one| (one.entry, entry(one.of, one.item))).collect();
        Ok(entries)
    }

    /// Nobody else has the values of an entry that comes: neither from before, nor from the same commit.
    fn are_unique(&self, coming: &[Coming<'_>], entries: &Entries) -> Result<(), Refusal> {
        let gone: HashSet<(&ItemKey, Address)> =
            entries.gone.iter().map(|(entry, of, _)| (entry, Address::of(of))).collect();
        let mut taken: HashMap<&ItemKey, Address> = HashMap::new();
        for one in coming.iter().filter(|one| one.rows.unique) {
            let own = Address::of(one.of);
            let there = self.find(&one.entry).and_then(holder);
            let there = there.filter(|there| !gone.contains(&(&one.entry, there.clone())));
            let other = taken.insert(&one.entry, own.clone()).or(there).filter(|other| *other != own);
            if let Some(holder) = other {
                let index = one.rows.name.clone();
                return Err(Refusal::NotUnique(Box::new(NotUnique { index, item: one.of.clone(), holder })));
            }
        }
        Ok(())
    }

    /// What goes, and then what comes: one may take the values that another gives up.
    pub(super) fn enter(&mut self, entries: Entries) {
        for (entry, of, shared) in entries.gone {
            let own = Address::of(&of);
            match self.items.get(&entry) {
                // While the index is filled, another may have taken values that this one had not entered yet.
                Some(known)
                    if shared && known.item.as_ref().and_then(holder).is_some_and(|other| other != own) => {}
                None if shared => self.effects.released.push((entry, own.to_bytes())),
                _ => self.set(entry, None),
            }
        }
        for (entry, item) in entries.put {
            self.set(entry, Some(item));
        }
    }
}

/// The entries of an item and when they end; none where there is no item, or no message in it.
fn rows_of(typed: &Typed, key: &ItemKey, item: Option<&Item>) -> Vec<(ItemKey, Option<UnixMs>)> {
    let Some(item) = item else { return Vec::new() };
    let entries = typed.entries(key, &item.value).unwrap_or_default();
    entries.into_iter().map(|entry| (entry, item.expires)).collect()
}

/// Whose an entry is.
fn holder(entry: &Item) -> Option<Address> {
    match &entry.value {
        crate::item::Value::Inline(bytes) => Address::from_bytes(bytes),
        crate::item::Value::Chunked { .. } => None,
    }
}
