//! What must be known to decide a batch.

use crate::commit::{Action, Commit, Token};
use crate::item::Value;
use crate::name::{ItemKey, RecordKey};
use crate::typed::Typed;
use bytes::Bytes;
use std::collections::BTreeSet;

/// What to fetch, and what to hold on to meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Every record that is looked at or changed, in order: nobody else may change them until the effects are durable. Taken in this order by
    /// all, locks never wait for each other in a circle.
    pub records: BTreeSet<RecordKey>,
    /// Items that decide something. What is only overwritten is not among them.
    pub items: BTreeSet<ItemKey>,
    /// Tokens that may have been seen before.
    pub tokens: BTreeSet<Token>,
}

/// What deciding `commits` needs.
pub fn needs<'a>(commits: impl IntoIterator<Item = &'a Commit>) -> Needs {
    let mut needs = Needs::default();
    for commit in commits {
        needs.tokens.extend(commit.token);
        if let Some(fence) = &commit.fence {
            needs.look(&fence.lease, &Bytes::new());
        }
        for change in &commit.changes {
            let record = RecordKey { collection: commit.collection, id: change.record.clone() };
            change.conditions.iter().for_each(|condition| needs.look(&record, &condition.key));
            let indexed = commit.typed.as_ref().filter(|typed| !typed.indexes.is_empty());
            for write in &change.writes {
                // With indexes, what is overwritten says which entries go.
                if indexed.is_some() || !matches!(write.action, Action::Put(_)) {
                    needs.look(&record, &write.key);
                }
                if let (Some(typed), Action::Put(value) | Action::Index(value)) = (indexed, &write.action) {
                    needs.unique(typed, &ItemKey { record: record.clone(), key: write.key.clone() }, value);
                }
            }
            needs.records.insert(record);
        }
    }
    needs
}

impl Needs {
    /// Whether others have the values of a message in a unique index. Its entries in other indexes are nobody's but its own: whoever holds its
    /// record holds them.
    fn unique(&mut self, typed: &Typed, item: &ItemKey, value: &Value) {
        if !typed.indexes.iter().any(|rows| rows.unique) {
            return;
        }
        let entries = typed.entries(item, value).unwrap_or_default();
        for (rows, entry) in typed.indexes.iter().zip(entries) {
            if rows.unique {
                self.look(&entry.record, &entry.key);
            }
        }
    }

    fn look(&mut self, record: &RecordKey, key: &Bytes) {
        self.records.insert(record.clone());
        self.items.insert(ItemKey { record: record.clone(), key: key.clone() });
    }
}
