//! The budget of a check: how many times a model may be asked.

/// Steps spent and left. One step is one call of [`crate::Model::step`], nearly all of a check's work; time would make a check's answer
/// depend on the machine.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    left: u64,
    used: u64,
}

impl Steps {
    /// A budget of `limit` steps.
    pub fn new(limit: u64) -> Steps {
        Steps { left: limit, used: 0 }
    }

    /// Spends one; false where none is left.
    pub fn spend(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.used += 1;
        true
    }

    /// Steps left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Steps spent.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Runs `work` with at most `limit` of what is left.
    pub fn within<T>(&mut self, limit: u64, work: impl FnOnce(&mut Steps) -> T) -> T {
        let mut part = Steps::new(limit.min(self.left));
        let result = work(&mut part);
        self.left -= part.used;
        self.used += part.used;
        result
    }
}
