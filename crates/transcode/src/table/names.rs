//! Field look-up by name: one hash, rarely a second probe, no allocation.

/// An open-addressing table from names to field indices. Built from a contract, never from input, so that nobody
/// outside chooses its collisions; at most half full, so that probes end.
#[derive(Debug, Default)]
pub(crate) struct Names {
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    /// Index + 1; 0 is an empty slot.
    field: u32,
}

/// FNV-1a: names are short, and a byte at a time is the quickest then.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Names {
    /// Builds the table; the first of two equal names wins.
    pub fn new<'a>(names: impl Iterator<Item = (&'a str, usize)> + Clone) -> Names {
        let size = (names.clone().count() * 2).next_power_of_two();
        let mut slots = vec![Slot { hash: 0, field: 0 }; size].into_boxed_slice();
        let mut known: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
        for (name, field) in names {
            if !known.insert(name) {
                continue;
            }
            let hash = hash(name.as_bytes());
            let mut at = hash as usize & (size - 1);
            while slots[at].field != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = Slot { hash, field: field as u32 + 1 };
        }
        Names { slots }
    }

    /// The index under this name; `is` says whether an index really bears it.
    #[inline]
    pub fn find(&self, name: &[u8], is: impl Fn(usize) -> bool) -> Option<usize> {
        let hash = hash(name);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots.get(at)?;
            if slot.field == 0 {
                return None;
            }
            if slot.hash == hash && is(slot.field as usize - 1) {
                return Some(slot.field as usize - 1);
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..500).map(|i| format!("field_{i}")).collect();
        let table = Names::new(names.iter().enumerate().map(|(i, name)| (name.as_str(), i)));
        for (index, name) in names.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes(), |i| names[i] == *name), Some(index));
        }
        assert_eq!(table.find(b"field_500", |i| names[i] == "field_500"), None);
        assert_eq!(Names::new(std::iter::empty()).find(b"a", |_| true), None);
    }
}
