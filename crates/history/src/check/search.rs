//! The search for an order of one record's operations: Wing & Gong's, with Lowe's memory of visited configurations.
//!
//! A *configuration* is the set of operations placed so far and the state they led to. From each, the candidates
//! are tried in the order of their calls; where none fits, the last placed is put back. A configuration seen before
//! is not entered again: what can follow depends on nothing else.

use super::pending::{Event, Pending};
use super::ranks::{Rank, Ranks};
use super::steps::Steps;
use super::taken::{Taken, Window};
use super::unknown::Unknown;
use crate::model::{EntryOf, Model, NumberedOf, Problem};
use std::collections::{HashMap, HashSet};

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

/// What was placed and the state it led to.
type Configuration<S> = (Window, Window, S);

/// An operation to place.
#[derive(Clone, Copy, Debug)]
enum Move {
    Certain(usize),
    /// One of unknown outcome, and the way in which it takes effect.
    Unknown(usize, usize),
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
    /// Whether operations of unknown outcome that nothing surely asks for were added to `moves`: they come last, because most never happened.
    widened: bool,
}

/// The search over one record.
pub struct Search<'a, M: Model> {
    model: &'a M,
    rules: Rules,
    steps: &'a mut Steps,
    certain: &'a [NumberedOf<M>],
    only_reads: Vec<bool>,
    /// By certain operation: its rank.
    rank: Vec<Option<Rank>>,
    /// By operation of unknown outcome and effect: its rank.
    effect_rank: Vec<Vec<Option<Rank>>>,
    /// By rank: the effects that have it.
    fills: HashMap<Rank, Vec<(usize, usize)>>,
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
    /// A search over `problem`.
    pub fn new(model: &'a M, problem: &'a Problem<M>, rules: Rules, steps: &'a mut Steps) -> Self {
        let pruned = rules == Rules::Pruned;
        let certain = &problem.certain[..];
        let spans: Vec<_> = certain
            .iter()
            .map(|numbered| (numbered.entry.call_ns, numbered.entry.return_ns().unwrap_or(u64::MAX)))
            .collect();
        let told = |entry: &EntryOf<M>| if pruned { model.rank(entry) } else { None };
        let due = certain.iter().filter_map(|n| told(&n.entry)).chain(problem.ranks.iter().copied());
        let possible = problem.open.iter().flat_map(|open| &open.effects).filter_map(told);
        let ranks = Ranks::new(due, possible);
        let rank_of = |entry: &EntryOf<M>| told(entry).and_then(|rank| ranks.find(rank));
        let rank = certain.iter().map(|numbered| rank_of(&numbered.entry)).collect();
        let effect_rank: Vec<Vec<_>> =
            problem.open.iter().map(|open| open.effects.iter().map(rank_of).collect()).collect();
        let mut fills: HashMap<Rank, Vec<(usize, usize)>> = HashMap::new();
        for (index, effects) in effect_rank.iter().enumerate() {
            for (effect, rank) in effects.iter().enumerate() {
                if let Some(rank) = rank {
                    fills.entry(*rank).or_default().push((index, effect));
                }
            }
        }
        Search {
            model,
            rules,
            steps,
            only_reads: certain.iter().map(|n| pruned && model.only_reads(&n.entry)).collect(),
            pending: Pending::new(&spans),
            taken: Taken::new(certain.len()),
            unknown: Unknown::new(model, &problem.open, pruned),
            visited: HashSet::new(),
            path: Vec::new(),
            watch: None,
            certain,
            rank,
            effect_rank,
            fills,
            ranks,
        }
    }

    /// Searches; the answer is exact unless the budget ends.
    pub fn run(&mut self) -> Found {
        let start = match self.rules {
            Rules::General => self.model.start(),
            Rules::Pruned => self.model.simplified_start(),
        };
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
        self.place(by);
        let configuration = (self.taken.window(), self.unknown.window(), state.clone());
        if self.visited.insert(configuration) {
            self.enter(state, Some(by))
        } else {
            self.put_back(by);
            true
        }
    }

    /// Whether the operation of unknown outcome placed last had no effect on what the certain move `by` leads to. None where the budget ended.
    ///
    /// Nothing is lost: `by` could be made without it, too, and leads to the same state with one more operation left to place.
    fn is_superfluous(&mut self, by: Move, state: &M::State) -> Option<bool> {
        let ([.., before, top], Move::Certain(index)) = (&self.path[..], by) else { return Some(false) };
        let Some(Move::Unknown(last, effect)) = top.by else { return Some(false) };
        let told = self.effect_rank[last][effect].is_some();
        if self.rules == Rules::General || told || !top.reads.is_empty() {
            return Some(false);
        }
        if !self.steps.spend() {
            return None;
        }
        Some(self.model.step(&before.state, &self.certain[index].entry).as_ref() == Some(state))
    }

    /// Puts a node on the path: places what only reads, and gathers the other moves. False where the budget ended.
    fn enter(&mut self, state: M::State, by: Option<Move>) -> bool {
        let mut node = Node { state, by, reads: Vec::new(), moves: Vec::new(), widened: false };
        let mut enough = true;
        let mut at = self.pending.first();
        while let Some(Event::Call(index)) = at {
            if self.ranks.allow(self.rank[index]) {
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
        enough = enough && self.add_fills(&mut node);
        node.moves.reverse();
        self.path.push(node);
        enough
    }

    /// Adds the operations of unknown outcome that may have taken effect with the rank that is due. False where the budget ended.
    fn add_fills(&mut self, node: &mut Node<M::State>) -> bool {
        let Some(fills) = self.ranks.next().and_then(|rank| self.fills.get(&rank)) else { return true };
        let until = self.first_return();
        for &(index, effect) in fills {
            let called = self.unknown.entry(index).call_ns <= until;
            if self.unknown.is_taken(index) || !called || !self.unknown.may_take(index, true) {
                continue;
            }
            if !self.steps.spend() {
                return false;
            }
            if let Some(next) = self.model.step(&node.state, &self.unknown.effects(index)[effect]) {
                node.moves.push((Move::Unknown(index, effect), next));
            }
        }
        true
    }

    /// Adds the operations of unknown outcome that nothing surely asks for to the moves of the last node. False where the budget ended.
    fn widen(&mut self) -> bool {
        let left = self.unknown.left(self.first_return());
        let Some(mut node) = self.path.pop() else { return true };
        node.widened = true;
        let wanted = self.wanted(&node.state, &left);
        let mut enough = true;
        'all: for (index, wanted) in left.into_iter().zip(wanted) {
            for (effect, entry) in self.unknown.effects(index).iter().enumerate() {
                let rank = self.effect_rank[index][effect];
                // One whose rank is due stands among the moves already.
                let asked = if rank.is_some() { rank != self.ranks.next() } else { wanted };
                if !asked || !self.ranks.allow(rank) || !self.unknown.may_take(index, rank.is_some()) {
                    continue;
                }
                if !self.steps.spend() {
                    enough = false;
                    break 'all;
                }
                if let Some(next) = self.model.step(&node.state, entry) {
                    // One that changes nothing may as well not have happened.
                    if self.rules == Rules::General || next != node.state {
                        node.moves.push((Move::Unknown(index, effect), next));
                    }
                }
            }
        }
        node.moves.reverse();
        self.path.push(node);
        enough
    }

    /// By operation of `left`: whether it may be of use in `state`, see [`Model::wanted`].
    fn wanted(&self, state: &M::State, left: &[usize]) -> Vec<bool> {
        if self.rules == Rules::General {
            return vec![true; left.len()];
        }
        let mut waiting: Vec<&EntryOf<M>> = Vec::new();
        let mut at = self.pending.first();
        while let Some(Event::Call(index)) = at {
            if self.ranks.allow(self.rank[index]) {
                waiting.push(&self.certain[index].entry);
            }
            at = self.pending.after_call(index);
        }
        for &index in left {
            for (effect, entry) in self.unknown.effects(index).iter().enumerate() {
                let rank = self.effect_rank[index][effect];
                if rank.is_some() && self.ranks.allow(rank) {
                    waiting.push(entry);
                }
            }
        }
        let open: Vec<_> = left.iter().map(|index| self.unknown.entry(*index)).collect();
        self.model.wanted(state, &waiting, &open)
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
                self.ranks.take(self.rank[index]);
                self.taken.insert(index);
            }
            Move::Unknown(index, effect) => {
                self.ranks.take(self.effect_rank[index][effect]);
                self.unknown.take(index);
            }
        }
    }

    fn put_back(&mut self, by: Move) {
        match by {
            Move::Certain(index) => {
                self.pending.put_back(index);
                self.ranks.put_back(self.rank[index]);
                self.taken.remove(index);
            }
            Move::Unknown(index, effect) => {
                self.ranks.put_back(self.effect_rank[index][effect]);
                self.unknown.put_back(index);
            }
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
