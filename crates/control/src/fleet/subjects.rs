//! What is measured, numbered: everything together, each group, each endpoint.

use std::collections::HashMap;
use tenet_api::telemetry::v1::Endpoint;

/// Something that requests are added up for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// All requests.
    Total,
    /// The requests of a group's endpoints.
    Group(String),
    /// The requests of an endpoint.
    Endpoint(EndpointKey),
}

/// What tells one endpoint from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EndpointKey {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) group: String,
    pub(crate) service: String,
}

impl From<&Endpoint> for EndpointKey {
    fn from(endpoint: &Endpoint) -> EndpointKey {
        EndpointKey {
            name: endpoint.name.clone(),
            method: endpoint.method.clone(),
            group: endpoint.group.clone(),
            service: endpoint.service.clone(),
        }
    }
}

/// Subjects known at once; endpoints beyond it still count in their group and in the total.
const SUBJECTS_MAX: usize = 8192;

/// The number of [`Subject::Total`].
pub(super) const TOTAL: u32 = 0;

pub(super) struct Subjects {
    all: Vec<Subject>,
    numbers: HashMap<Subject, u32>,
}

impl Default for Subjects {
    fn default() -> Subjects {
        Subjects { all: vec![Subject::Total], numbers: HashMap::from([(Subject::Total, TOTAL)]) }
    }
}

impl Subjects {
    /// Its number, given if it is new; `None` if there is no room.
    pub(super) fn number(&mut self, subject: Subject) -> Option<u32> {
        if let Some(number) = self.numbers.get(&subject) {
            return Some(*number);
        }
        if self.all.len() >= SUBJECTS_MAX {
            return None;
        }
        let number = self.all.len() as u32;
        self.all.push(subject.clone());
        self.numbers.insert(subject, number);
        Some(number)
    }

    pub(super) fn find(&self, subject: &Subject) -> Option<u32> {
        self.numbers.get(subject).copied()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Subject> {
        self.all.get(number as usize)
    }
}

impl Subject {
    /// An endpoint.
    pub(crate) fn endpoint(name: String, method: String, group: String, service: String) -> Subject {
        Subject::Endpoint(EndpointKey { name, method, group, service })
    }
}
