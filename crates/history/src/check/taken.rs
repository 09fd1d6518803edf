//! A set of placed operations, and its short form for the memory of visited configurations.

/// Which operations are placed, by index.
#[derive(Debug, Default)]
pub struct Taken {
    words: Vec<u64>,
    /// All words before this one are full.
    full: usize,
    /// All words from this one on are empty.
    used: usize,
}

/// A set as the memory keeps it: the window between the full words and the empty ones. Histories are placed roughly in the
/// order of time, so it is a word or two long, however long the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    full: usize,
    words: Box<[u64]>,
}

impl Taken {
    /// An empty set over `count` operations.
    pub fn new(count: usize) -> Taken {
        Taken { words: vec![0; count.div_ceil(64)], full: 0, used: 0 }
    }

    /// Adds an operation.
    pub fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
        self.used = self.used.max(index / 64 + 1);
        while self.words.get(self.full) == Some(&u64::MAX) {
            self.full += 1;
        }
    }

    /// Removes an operation.
    pub fn remove(&mut self, index: usize) {
        self.words[index / 64] &= !(1 << (index % 64));
        self.full = self.full.min(index / 64);
        while self.used > 0 && self.words[self.used - 1] == 0 {
            self.used -= 1;
        }
    }

    /// Whether an operation is placed.
    pub fn contains(&self, index: usize) -> bool {
        self.words[index / 64] & (1 << (index % 64)) != 0
    }

    /// The set's short form; equal exactly for equal sets.
    pub fn window(&self) -> Window {
        Window { full: self.full, words: self.words[self.full..self.used.max(self.full)].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn a_window_depends_on_the_set_alone() {
        let mut first = Taken::new(200);
        let mut second = Taken::new(200);
        (0..130).for_each(|index| first.insert(index));
        (0..130).rev().for_each(|index| second.insert(index));
        assert_eq!(first.window(), second.window());
        assert_eq!(first.window().words.len(), 1);
        second.insert(190);
        assert_ne!(first.window(), second.window());
        second.remove(190);
        second.remove(3);
        assert_ne!(first.window(), second.window());
        second.insert(3);
        assert_eq!(first.window(), second.window());
        assert!(second.contains(129) && !second.contains(130));
    }
}
