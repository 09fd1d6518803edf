//! The search for an order of one record's operations: Wing & Gong's, with Lowe's memory of visited configurations.
//!
//! A *configuration* is the set of operations placed so far and the state they led to. From each, the candidates
//! are tried in the order of their calls; where none fits, the last placed is put back. A configuration seen before
//! is not entered again: what can follow depends on nothing else.

use super::pending::{Event, Pending};
use super::ranks::Ranks;
use super::steps::Steps;
use super::taken::{Taken, Window};
use super::unknown::Unknown;
use crate::model::{EntryOf, Model, NumberedOf};
use std::collections::HashSet;

/// What came of a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// An order exists.
    Order,
    /// None exists.
    None,
    /// The budget ended first.
    OutOfSteps,
}

/// Which prunings a search uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Ranks, reads at once, unknown outcomes settled beforehand.
    Pruned,
    /// None of them: the truth the others are tested against.
    General,
}

/// What was placed, the state it led to and, behind an operation of unknown outcome, that one with the state before it: they decide
/// what is superfluous next, see [`Search::is_superfluous`].
type Configuration<S> = (Window, Window, S, Option<(usize, S)>);

/// An operation to place.
#[derive(Clone, Copy, Debug)]
enum Move {
    Certain(usize),
    Unknown(usize),
}

/// One configuration on the path of the search.
struct Node<S> {
    state: S,
    /// What led here; none at the root.
    by: Option<Move>,
    /// Reads placed here at once; they go when the node goes.
    reads: Vec<usize>,
    /// Moves not yet tried, the next one last.
    moves: Vec<(Move, S)>,
    /// Whether operations of unknown outcome were added to `moves`: they come after everything certain, because most never happened.
    widened: bool,
}

/// The search over one record.
pub struct Search<'a, M: Model> {
    model: &'a M,
    rules: Rules,
    steps: &'a mut Steps,
    certain: Vec<&'a NumberedOf<M>>,
    only_reads: Vec<bool>,
    pending: Pending,
    ranks: Ranks,
    taken: Taken,
    unknown: Unknown<'a, M>,
    visited: HashSet<Configuration<M::State>>,
    path: Vec<Node<M::State>>,
    watch: Option<Watch<M::State>>,
}

/// Which states an operation was refused in.
struct Watch<S> {
    index: usize,
    limit: usize,
    states: Vec<S>,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search over `entries`, sorted by call.
    pub fn new(model: &'a M, entries: &'a [NumberedOf<M>], rules: Rules, steps: &'a mut Steps) -> Self {
        let pruned = rules == Rules::Pruned;
        let certain: Vec<_> = entries.iter().filter(|numbered| !numbered.entry.is_unknown()).collect();
        let spans: Vec<_> = certain
            .iter()
            .map(|numbered| (numbered.entry.call_ns, numbered.entry.return_ns().unwrap_or(u64::MAX)))
            .collect();
        let rank = |numbered: &&NumberedOf<M>| if pruned { model.rank(&numbered.entry) } else { None };
        Search {
            model,
            rules,
            steps,
            only_reads: certain.iter().map(|n| pruned && model.only_reads(&n.entry)).collect(),
            pending: Pending::new(&spans),
            ranks: Ranks::new(&certain.iter().map(rank).collect::<Vec<_>>()),
            taken: Taken::new(certain.len()),
            unknown: Unknown::new(model, entries, pruned),
            visited: HashSet::new(),
            path: Vec::new(),
            watch: None,
            certain,
        }
    }

    /// Searches; the answer is exact unless the budget ends.
    pub fn run(&mut self) -> Found {
        let start = self.model.start();
        if !self.enter(start, None) {
            return Found::OutOfSteps;
        }
        loop {
            if self.pending.left() == 0 {
                return Found::Order;
            }
            let Some(top) = self.path.last_mut() else { return Found::None };
            let entered = if let Some((by, state)) = top.moves.pop() {
                self.advance(by, state)
            } else if !top.widened {
                self.widen()
            } else {
                self.leave();
                true
            };
            if !entered {
                return Found::OutOfSteps;
            }
        }
    }

    /// Searches, and returns up to `limit` different states in which the operation `number` was tried and impossible.
    pub fn run_watching(&mut self, number: usize, limit: usize) -> (Found, Vec<M::State>) {
        let index = self.certain.iter().position(|numbered| numbered.number == number);
        self.watch = index.map(|index| Watch { index, limit, states: Vec::new() });
        let found = self.run();
        (found, self.watch.take().map_or_else(Vec::new, |watch| watch.states))
    }

    /// Makes a move that leads to `state`, unless all that could follow is looked at elsewhere. False where the budget ended.
    fn advance(&mut self, by: Move, state: M::State) -> bool {
        match self.is_superfluous(by, &state) {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        let behind = match (by, self.path.last()) {
            (Move::Unknown(index), Some(top)) if self.rules == Rules::Pruned => {
                Some((index, top.state.clone()))
            }
            _ => None,
        };
        self.place(by);
        let configuration = (self.taken.window(), self.unknown.window(), state.clone(), behind);
        if self.visited.insert(configuration) {
            self.enter(state, Some(by))
        } else {
            self.put_back(by);
            true
        }
    }

    /// Whether the operation of unknown outcome placed last need not stand before `by`, which leads to `state`: the same state is
    /// reached without it, or with it behind `by`. None where the budget ended.
    ///
    /// Nothing is lost: take any order. Drop each unknown operation that is without effect this way, and move each that can be behind its
    /// neighbour there (two unknown ones only into the order of their calls). Every drop shortens the order and every move brings
    /// an unknown operation further back or two of them into order, so it ends, with an order that the search does follow. Where
    /// reads were placed in between they are what it was needed for: they were impossible before it.
    fn is_superfluous(&mut self, by: Move, state: &M::State) -> Option<bool> {
        let [.., before, top] = &self.path[..] else { return Some(false) };
        let Some(Move::Unknown(last)) = top.by else { return Some(false) };
        if self.rules == Rules::General || !top.reads.is_empty() {
            return Some(false);
        }
        if !self.steps.spend() {
            return None;
        }
        let Some(without) = self.model.step(&before.state, self.entry(by)) else { return Some(false) };
        if without == *state {
            return Some(true);
        }
        if matches!(by, Move::Unknown(index) if index > last) {
            return Some(false);
        }
        if !self.steps.spend() {
            return None;
        }
        Some(self.model.step(&without, self.unknown.entry(last)).as_ref() == Some(state))
    }

    fn entry(&self, by: Move) -> &'a EntryOf<M> {
        match by {
            Move::Certain(index) => {
                let numbered: &'a NumberedOf<M> = self.certain[index];
                &numbered.entry
            }
            Move::Unknown(index) => self.unknown.entry(index),
        }
    }

    /// Puts a node on the path: places what only reads, and gathers the other moves. False where the budget ended.
    fn enter(&mut self, state: M::State, by: Option<Move>) -> bool {
        let mut node = Node { state, by, reads: Vec::new(), moves: Vec::new(), widened: false };
        let mut enough = true;
        let mut at = self.pending.first();
        while let Some(Event::Call(index)) = at {
            if self.ranks.allow(index) {
                if !self.steps.spend() {
                    enough = false;
                    break;
                }
                match self.model.step(&node.state, &self.certain[index].entry) {
                    None => self.note_refusal(index, &node.state),
                    // What was refused before in this sweep stays refused: the state is the same.
                    Some(next) if self.only_reads[index] && next == node.state => {
                        self.place(Move::Certain(index));
                        node.reads.push(index);
                    }
                    Some(next) => node.moves.push((Move::Certain(index), next)),
                }
            }
            at = self.pending.after_call(index);
        }
        node.moves.reverse();
        self.path.push(node);
        enough
    }

    /// Adds the operations of unknown outcome to the moves of the last node. False where the budget ended.
    fn widen(&mut self) -> bool {
        let until = self.first_return();
        let Some(node) = self.path.last_mut() else { return true };
        node.widened = true;
        for index in self.unknown.candidates(until) {
            if !self.steps.spend() {
                return false;
            }
            if let Some(next) = self.model.step(&node.state, self.unknown.entry(index)) {
                // One that changes nothing may as well not have happened.
                if self.rules == Rules::General || next != node.state {
                    node.moves.push((Move::Unknown(index), next));
                }
            }
        }
        node.moves.reverse();
        true
    }

    /// When the first operation not yet placed returned, in nanoseconds: nothing called later can be placed before it.
    fn first_return(&self) -> u64 {
        let mut at = self.pending.first();
        while let Some(Event::Call(index)) = at {
            at = self.pending.after_call(index);
        }
        match at {
            Some(Event::Return(index)) => self.certain[index].entry.return_ns().unwrap_or(u64::MAX),
            _ => u64::MAX,
        }
    }

    /// Takes the last node off the path.
    fn leave(&mut self) {
        let Some(node) = self.path.pop() else { return };
        for index in node.reads.into_iter().rev() {
            self.put_back(Move::Certain(index));
        }
        if let Some(by) = node.by {
            self.put_back(by);
        }
    }

    fn place(&mut self, by: Move) {
        match by {
            Move::Certain(index) => {
                self.pending.take(index);
                self.ranks.take(index);
                self.taken.insert(index);
            }
            Move::Unknown(index) => self.unknown.take(index),
        }
    }

    fn put_back(&mut self, by: Move) {
        match by {
            Move::Certain(index) => {
                self.pending.put_back(index);
                self.ranks.put_back(index);
                self.taken.remove(index);
            }
            Move::Unknown(index) => self.unknown.put_back(index),
        }
    }

    fn note_refusal(&mut self, index: usize, state: &M::State) {
        if let Some(watch) = &mut self.watch
            && watch.index == index
            && watch.states.len() < watch.limit
            && !watch.states.contains(state)
        {
            watch.states.push(state.clone());
        }
    }
}
