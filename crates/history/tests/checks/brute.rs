//! Whether a short history has an order, by trying every order and every choice of unknown outcomes: no memory, no pruning, and
//! an object of the caller's own that says what may follow.

use tenet_history::{Entry, Model};

/// Every state that an operation may lead to.
pub type Next<'n, O, A, S> = dyn Fn(&S, &Entry<O, A>) -> Vec<S> + 'n;

/// Whether `entries` have an order that `next` allows, from `start`. `next` gives every state an operation may lead to.
pub fn has_order<O, A, S>(entries: &[Entry<O, A>], start: &S, next: &Next<'_, O, A, S>) -> bool {
    let mut left: Vec<&Entry<O, A>> = entries.iter().collect();
    extend(&mut left, start, next)
}

fn extend<O, A, S>(left: &mut Vec<&Entry<O, A>>, state: &S, next: &Next<'_, O, A, S>) -> bool {
    let Some(first_return) = left.iter().filter_map(|entry| entry.return_ns()).min() else { return true };
    for index in 0..left.len() {
        if left[index].call_ns > first_return {
            continue;
        }
        let entry = left.remove(index);
        let found = next(state, entry).iter().any(|state| extend(left, state, next));
        left.insert(index, entry);
        if found {
            return true;
        }
    }
    false
}

/// The same by a model's own steps.
pub fn has_order_by<M: Model>(model: &M, entries: &[Entry<M::Operation, M::Answer>]) -> bool {
    has_order(entries, &model.start(), &|state, entry| model.step(state, entry).into_iter().collect())
}
