//! The operations not yet placed, as a doubly linked list of their calls and returns in the order of time.
//!
//! Candidates to be placed next are the calls that stand before the first return: every other operation was called only after one
//! had returned that is not placed. Taking an operation out and putting it back are two writes each, because a
//! node taken out keeps its neighbours (Knuth's dancing links).

/// The head of the ring; call of entry `i` is node `2i + 1`, its return `2i + 2`.
const HEAD: usize = 0;

/// A node of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The call of the entry with this index.
    Call(usize),
    /// The return of the entry with this index.
    Return(usize),
}

/// The list.
#[derive(Debug)]
pub struct Pending {
    next: Vec<usize>,
    previous: Vec<usize>,
    left: usize,
}

impl Pending {
    /// A list over spans (call, return), in nanoseconds. A call stands before a return of the same time: spans that only touch
    /// may be ordered either way.
    pub fn new(spans: &[(u64, u64)]) -> Pending {
        let mut order: Vec<usize> = (1..=2 * spans.len()).collect();
        order.sort_by_key(|&node| {
            let (call, back) = spans[(node - 1) / 2];
            if is_call(node) { (call, 0, node) } else { (back, 1, node) }
        });
        let mut pending = Pending {
            next: vec![HEAD; order.len() + 1],
            previous: vec![HEAD; order.len() + 1],
            left: spans.len(),
        };
        let mut last = HEAD;
        for node in order {
            pending.next[last] = node;
            pending.previous[node] = last;
            last = node;
        }
        pending.next[last] = HEAD;
        pending.previous[HEAD] = last;
        pending
    }

    /// How many operations are not placed.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The first event; none when all are placed.
    pub fn first(&self) -> Option<Event> {
        event(self.next[HEAD])
    }

    /// The event behind the call of `entry`, also when that entry has just been taken.
    pub fn after_call(&self, entry: usize) -> Option<Event> {
        event(self.next[2 * entry + 1])
    }

    /// Places an operation. The return goes first, so that a call whose own return stood right behind it still knows what comes after both.
    pub fn take(&mut self, entry: usize) {
        self.unlink(2 * entry + 2);
        self.unlink(2 * entry + 1);
        self.left -= 1;
    }

    /// Puts back the operation that was taken last.
    pub fn put_back(&mut self, entry: usize) {
        self.relink(2 * entry + 1);
        self.relink(2 * entry + 2);
        self.left += 1;
    }

    fn unlink(&mut self, node: usize) {
        let (before, behind) = (self.previous[node], self.next[node]);
        self.next[before] = behind;
        self.previous[behind] = before;
    }

    fn relink(&mut self, node: usize) {
        let (before, behind) = (self.previous[node], self.next[node]);
        self.next[before] = node;
        self.previous[behind] = node;
    }
}

fn is_call(node: usize) -> bool {
    node % 2 == 1
}

fn event(node: usize) -> Option<Event> {
    match node {
        HEAD => None,
        node if is_call(node) => Some(Event::Call((node - 1) / 2)),
        node => Some(Event::Return((node - 1) / 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Pending};

    fn events(pending: &Pending) -> Vec<Event> {
        let mut node = pending.next[0];
        std::iter::from_fn(|| {
            let found = super::event(node)?;
            node = pending.next[node];
            Some(found)
        })
        .collect()
    }

    #[test]
    fn what_is_taken_comes_back_in_its_place() {
        use Event::{Call, Return};
        let mut pending = Pending::new(&[(0, 9), (2, 3), (3, 5)]);
        let all = [Call(0), Call(1), Call(2), Return(1), Return(2), Return(0)];
        assert_eq!(events(&pending), all);
        pending.take(1);
        pending.take(0);
        assert_eq!(events(&pending), [Call(2), Return(2)]);
        pending.take(2);
        assert_eq!((pending.left(), pending.first(), pending.after_call(2)), (0, None, None));
        for entry in [2, 0, 1] {
            pending.put_back(entry);
        }
        assert_eq!((events(&pending), pending.left()), (all.to_vec(), 3));
    }
}
