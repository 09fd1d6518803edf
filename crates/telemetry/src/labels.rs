//! One numbering of label values for the life of a process, whatever program or peer a record came from.

use crate::names::{EndpointName, Names};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tenet_api::telemetry::v1 as wire;
use tenet_error::Code;

/// Different values kept of each label; a release with more endpoints than this is not one a person could read.
/// Further values are filed as `(other)`, so that no stream of names can fill the memory.
pub const VALUES_MAX: usize = 4096;

/// What the name tables of how many programs are remembered; more than two at once happen only in a burst of releases.
const PROGRAMS_MAX: usize = 4;

/// The number of "none" in every table.
pub(crate) const NONE: u32 = 0;
/// The number of `(other)` in every table.
pub(crate) const OTHER: u32 = 1;

/// What stands for values beyond the bound.
pub(crate) const OTHER_NAME: &str = "(other)";

/// The tables. Numbers are given in order of appearance and never reused.
pub struct Labels {
    endpoints: Table<EndpointName>,
    consumers: Table<String>,
    versions: Table<String>,
    zones: Table<String>,
    /// Latest last.
    programs: Vec<(Arc<Names>, Arc<Mapping>)>,
}

/// What the indices of a foreign table are here.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) endpoints: Vec<u32>,
    pub(crate) consumers: Vec<u32>,
    pub(crate) versions: Vec<u32>,
    pub(crate) zones: Vec<u32>,
}

/// The number an index maps to; `(other)` if the peer's index is past its own table.
pub(crate) fn mapped(table: &[u32], index: u32) -> u32 {
    table.get(index as usize).copied().unwrap_or(OTHER)
}

struct Table<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn new(none: &T, other: &T) -> Table<T> {
        let mut table = Table { values: Vec::new(), numbers: HashMap::new() };
        table.number(none);
        table.number(other);
        table
    }

    fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        if self.values.len() >= VALUES_MAX {
            return OTHER;
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    fn numbers<'a>(&mut self, values: impl IntoIterator<Item = &'a T>) -> Vec<u32>
    where
        T: 'a,
    {
        values.into_iter().map(|value| self.number(value)).collect()
    }

    fn value(&self, number: u32) -> &T {
        // Numbers come from this table; should one not, `(other)` is the truth.
        self.values.get(number as usize).unwrap_or(&self.values[OTHER as usize])
    }
}

impl Labels {
    /// Tables that hold "none" and `(other)`.
    pub fn new() -> Labels {
        let strings = || Table::new(&String::new(), &OTHER_NAME.to_owned());
        let other = EndpointName { name: OTHER_NAME.into(), ..EndpointName::none() };
        Labels {
            endpoints: Table::new(&EndpointName::none(), &other),
            consumers: strings(),
            versions: strings(),
            zones: strings(),
            programs: Vec::new(),
        }
    }

    /// The endpoint with this number.
    pub fn endpoint(&self, number: u32) -> &EndpointName {
        self.endpoints.value(number)
    }

    /// The consumer with this number.
    pub fn consumer(&self, number: u32) -> &str {
        self.consumers.value(number)
    }

    /// The version with this number.
    pub fn version(&self, number: u32) -> &str {
        self.versions.value(number)
    }

    /// The zone with this number.
    pub fn zone(&self, number: u32) -> &str {
        self.zones.value(number)
    }

    /// What a program's indices are here; worked out once for each program.
    pub(crate) fn of_program(&mut self, names: &Arc<Names>) -> Arc<Mapping> {
        if let Some((_, mapping)) = self.programs.iter().rev().find(|(known, _)| Arc::ptr_eq(known, names)) {
            return Arc::clone(mapping);
        }
        let mapping = Arc::new(Mapping {
            endpoints: self.endpoints.numbers(&names.endpoints),
            consumers: self.consumers.numbers(&names.consumers),
            versions: self.versions.numbers(&names.versions),
            zones: self.zones.numbers(&names.zones),
        });
        if self.programs.len() == PROGRAMS_MAX {
            self.programs.remove(0);
        }
        self.programs.push((Arc::clone(names), Arc::clone(&mapping)));
        mapping
    }

    /// What the indices of a snapshot are here.
    pub(crate) fn of_snapshot(&mut self, labels: &wire::Labels) -> Mapping {
        let endpoint = |endpoint: &wire::Endpoint| EndpointName {
            name: endpoint.name.clone(),
            method: endpoint.method.clone(),
            group: endpoint.group.clone(),
            service: endpoint.service.clone(),
        };
        Mapping {
            endpoints: labels.endpoints.iter().map(|e| self.endpoints.number(&endpoint(e))).collect(),
            consumers: self.consumers.numbers(&labels.consumers),
            versions: self.versions.numbers(&labels.versions),
            zones: self.zones.numbers(&labels.zones),
        }
    }
}

impl Default for Labels {
    fn default() -> Labels {
        Labels::new()
    }
}

/// The codes of a snapshot by their stable names; a name of a newer catalogue is filed as unknown (invariant 9).
pub(crate) fn codes_of_snapshot(labels: &wire::Labels) -> Vec<Code> {
    labels.codes.iter().map(|name| Code::from_name(name).unwrap_or(Code::Unknown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(endpoints: &[&str]) -> Arc<Names> {
        let mut names = Names::new();
        names.endpoints.extend(
            endpoints.iter().map(|name| EndpointName { name: (*name).to_owned(), ..EndpointName::none() }),
        );
        Arc::new(names)
    }

    #[test]
    fn an_endpoint_keeps_its_number_across_programs() {
        let mut labels = Labels::new();
        let before = labels.of_program(&names(&["GET /a", "GET /b"]));
        let after = labels.of_program(&names(&["GET /b", "GET /c"]));
        assert_eq!(before.endpoints, [NONE, 2, 3]);
        assert_eq!(after.endpoints, [NONE, 3, 4]);
        assert_eq!(labels.endpoint(4).name, "GET /c");
    }

    #[test]
    fn a_flood_of_names_ends_as_other() {
        let mut labels = Labels::new();
        let many: Vec<String> = (0..VALUES_MAX).map(|i| format!("GET /{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mapping = labels.of_program(&names(&many));
        assert_eq!(mapping.endpoints[VALUES_MAX], OTHER);
        assert_eq!(labels.endpoint(OTHER).name, "(other)");
        assert_eq!(mapped(&mapping.endpoints, u32::MAX), OTHER);
    }
}
