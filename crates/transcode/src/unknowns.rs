//! The names of what a request carried and its contract does not have.

/// Names kept: enough to see what a newer client sent, few enough for one response header.
const MAX_NAMES: usize = 16;

/// Bytes of all names together, for the same reason.
const MAX_NAME_BYTES: usize = 512;

/// Fields and parameters that were ignored: all counted, the first few named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknowns {
    names: Vec<String>,
    bytes: usize,
    total: u64,
    parameters: u64,
}

impl Unknowns {
    /// Nothing ignored yet; does not allocate.
    pub fn new() -> Unknowns {
        Unknowns::default()
    }

    /// The JSON paths (`a.b[3].c`) or parameter names, in the order met; at most 16 and 512 bytes in all.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many were ignored, named or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of them were query parameters rather than fields of a body.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// True when nothing was ignored.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.bytes = 0;
        self.total = 0;
        self.parameters = 0;
    }

    /// [`Unknowns::add`] for a query parameter.
    pub(crate) fn add_parameter(&mut self, name: impl FnOnce() -> String) {
        self.parameters += 1;
        self.add(name);
    }

    /// Counts one, and names it when there is room; the name is only built then.
    pub(crate) fn add(&mut self, name: impl FnOnce() -> String) {
        self.total += 1;
        if self.names.len() == MAX_NAMES || self.bytes == MAX_NAME_BYTES {
            return;
        }
        let name = name();
        if self.bytes + name.len() <= MAX_NAME_BYTES && !self.names.contains(&name) {
            self.bytes += name.len();
            self.names.push(name);
        }
    }
}
