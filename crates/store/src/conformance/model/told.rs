//! What the feed must tell of each record: groups of changes, in order.

use crate::conformance::problem::{Checked, holds, same};
use crate::decide::Change;
use crate::item::Value;
use crate::item::Version;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Changes of one record that come one after the other, in any order among themselves.
#[derive(Debug, Default)]
struct Group {
    /// Of all of them. None: they are removals by upkeep, each with a version of its own that nobody was told.
    version: Option<Version>,
    changes: BTreeMap<Bytes, Option<Value>>,
}

/// What the feed must tell, by record.
#[derive(Debug, Default)]
pub(in crate::conformance) struct Told(BTreeMap<Bytes, Vec<Group>>);

impl Told {
    /// A write changed an item.
    pub fn change(&mut self, record: &Bytes, key: Bytes, now: Option<Value>, version: Version) {
        self.group(record, Some(version)).changes.insert(key, now);
    }

    /// Upkeep removed one.
    pub fn removal(&mut self, record: &Bytes, key: Bytes) {
        self.group(record, None).changes.insert(key, None);
    }

    fn group(&mut self, record: &Bytes, version: Option<Version>) -> &mut Group {
        let groups = self.0.entry(record.clone()).or_default();
        if groups.last().is_none_or(|group| group.version != version) {
            groups.push(Group { version, changes: BTreeMap::new() });
        }
        let last = groups.len() - 1;
        &mut groups[last]
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.0.values().flatten().map(|group| group.changes.len()).sum()
    }

    /// Compares what the feed told with it.
    pub fn is(&self, found: &[Change]) -> Checked {
        for (record, groups) in &self.0 {
            let mut found = found.iter().filter(|change| change.item.record.id == *record);
            let mut last = Version(0);
            for (place, group) in groups.iter().enumerate() {
                let told: Vec<&Change> = found.by_ref().take(group.changes.len()).collect();
                let what = format!("the feed of {record:?}, change {place}");
                let changes: BTreeMap<Bytes, Option<Value>> = told
                    .iter()
                    .map(|change| {
                        (change.item.key.clone(), change.now.as_ref().map(|item| item.value.clone()))
                    })
                    .collect();
                same(&what, &changes, &group.changes)?;
                for change in told {
                    let grown =
                        change.version > last || (group.version == Some(last) && change.version == last);
                    holds(format!("{what}: version {:?} after {last:?}", change.version), grown)?;
                    let version = group.version.unwrap_or(change.version);
                    same(format!("{what}: its version"), &change.version, &version)?;
                    last = change.version;
                }
            }
            same(format!("changes of {record:?} beyond those there were"), &found.count(), &0)?;
        }
        same("changes in all", &found.len(), &self.len())
    }
}
