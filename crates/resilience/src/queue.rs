//! Who waits for a place, who comes next, and who has waited in vain.
//!
//! ```text
//!   push(priority) ──▶ [ CRITICAL | NORMAL | SHEDDABLE ]  full: the least important waiter makes room, or the newcomer is refused
//!   pop()          ◀── the most important lane first; within it the oldest, under overload the newest
//!   expired()      ◀── those whose time is over: long in normal times, short under overload
//! ```
//!
//! In normal times a queue is a burst that is over at once: everybody is served in the order of arrival. A queue in which somebody has always
//! been waiting for longer than is `acceptable`, for an `interval`, is a standing one (CoDel's signal: Nichols and Jacobson, "Controlling Queue
//! Delay", 2012), and waiting in it helps nobody: those at its front have callers that are about to give up. Then the newest goes first, because its
//! caller is still there, and nobody waits longer than `target` (adaptive LIFO and controlled delay: Maurer, "Fail at Scale", 2015).
//!
//! That it was not empty for an interval, which Maurer's queue asks, says less: where a few more callers than places come back as soon as they were
//! served, two wait at any time and each for a tenth of a millisecond, and with the newest first two would wait in vain.
//! So an overload is also over when those who wait would be served in an acceptable time, in order, at the rate at which others just were.
//!
//! Behind a limit (`tests/admission/queue.rs`: 4, 16 and 64 slots, three times their capacity for 30 s, of which 10 % CRITICAL and 60 % NORMAL):
//! goodput ≥ 95 % of capacity, CRITICAL refused ≤ 0.05 %, nobody waits longer than `interval` and what is acceptable, and 5 s after it at a load of 0.7 at
//! most one in two hundred is refused.
//!
//! The structure belongs to one thread, or is held behind a lock for a few instructions.

#[cfg(test)]
mod tests;

use crate::Moment;
use crate::limit::Priority;
use std::collections::VecDeque;
use std::time::Duration;

/// Lanes, one for each priority that can be refused.
const LANES: usize = Priority::REFUSABLE.len();

/// How a queue behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRules {
    /// Most who wait. Default: 1024.
    pub capacity: usize,
    /// The longest anybody waits. Default: 1 s.
    pub longest: Duration,
    /// The longest anybody waits under overload. Default: 20 ms: what a burst needs, and what no caller notices.
    pub target: Duration,
    /// A wait that is no sign of anything. Default: 5 ms, CoDel's own.
    pub acceptable: Duration,
    /// A queue in which somebody has waited longer than that, for so long, is an overload. Default: 100 ms.
    pub interval: Duration,
}

impl Default for QueueRules {
    fn default() -> QueueRules {
        QueueRules {
            capacity: 1024,
            longest: Duration::from_secs(1),
            target: Duration::from_millis(20),
            acceptable: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}

/// Finds a waiter again, to take it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    lane: usize,
    number: u64,
}

/// What pushing did beside adding the newcomer.
#[derive(Debug, PartialEq, Eq)]
pub struct Pushed<T> {
    /// Where the newcomer is.
    pub key: Key,
    /// Who had to make room for it, and is to be refused.
    pub evicted: Option<T>,
}

/// There is no room, and nobody less important to make some: the newcomer is given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// Somebody who waits.
#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    since: Moment,
    /// None once it went away by itself.
    who: Option<T>,
}

/// A waiting room.
#[derive(Debug)]
pub struct WaitQueue<T> {
    rules: QueueRules,
    /// The most important first; each in the order of arrival.
    lanes: [VecDeque<Waiter<T>>; LANES],
    waiting: usize,
    next: u64,
    /// Since when somebody has always been waiting for longer than is acceptable, as far as it was looked at.
    standing_since: Option<Moment>,
    /// Whether it was an overload when it was last looked at.
    overloaded: bool,
    /// When somebody was last served while others waited, and the mean time between two of them.
    served: Option<Moment>,
    pace: Option<Duration>,
}

/// The share of one service in the mean time between them: the last dozen count.
const PACE_STEP: u32 = 8;

impl<T> WaitQueue<T> {
    /// An empty room.
    pub fn new(rules: QueueRules) -> WaitQueue<T> {
        WaitQueue {
            rules,
            lanes: Default::default(),
            waiting: 0,
            next: 0,
            standing_since: None,
            overloaded: false,
            served: None,
            pace: None,
        }
    }

    /// Changes the rules for those who wait already, too; a smaller room empties by itself.
    pub fn set_rules(&mut self, rules: QueueRules) {
        self.rules = rules;
    }

    /// Adds somebody. [`Priority::Exempt`] does not wait; should it be pushed nevertheless it is as important as any.
    ///
    /// # Errors
    /// The room is full of others who are at least as important.
    pub fn push(&mut self, now: Moment, priority: Priority, who: T) -> Result<Pushed<T>, Full<T>> {
        let lane = lane(priority);
        let mut evicted = None;
        if self.waiting >= self.rules.capacity {
            let Some(less) = self.less(lane) else { return Err(Full(who)) };
            // The oldest: under overload it is the last that would be served.
            evicted = self.take_front(less);
        }
        let number = self.next;
        self.next += 1;
        self.lanes[lane].push_back(Waiter { number, since: now, who: Some(who) });
        self.waiting += 1;
        Ok(Pushed { key: Key { lane, number }, evicted })
    }

    /// Whether [`push`](Self::push) would refuse this priority, so that whoever comes need not be made ready to wait.
    pub fn is_full(&self, priority: Priority) -> bool {
        self.waiting >= self.rules.capacity && self.less(lane(priority)).is_none()
    }

    /// The least important lane behind `lane` in which somebody waits.
    fn less(&self, lane: usize) -> Option<usize> {
        (lane + 1..LANES).rev().find(|lane| self.lanes[*lane].iter().any(|waiter| waiter.who.is_some()))
    }

    /// The next to be served and how long it has waited, if its time is not over. Those whose time is over come by
    /// [`expired`](Self::expired), which is to be asked first.
    pub fn pop(&mut self, now: Moment) -> Option<(T, Duration)> {
        self.look(now);
        for lane in &mut self.lanes {
            while let Some(waiter) = if self.overloaded { lane.pop_back() } else { lane.pop_front() } {
                if let Some(who) = waiter.who {
                    self.waiting -= 1;
                    self.serve(now);
                    self.rest();
                    return Some((who, now.since(waiter.since)));
                }
            }
        }
        None
    }

    /// Remembers what the queue is now, before somebody leaves it.
    fn look(&mut self, now: Moment) {
        // Who had waited may have gone away by itself.
        if !self.overloaded && self.oldest().is_none_or(|since| now.since(since) < self.rules.acceptable) {
            self.standing_since = None;
        }
        self.overloaded = self.is_overloaded(now);
        self.standing_since = self.standing();
    }

    /// Takes the pace of a service, and whether those who are left are a standing queue.
    fn serve(&mut self, now: Moment) {
        if let Some(last) = self.served.replace(now) {
            let gap = now.since(last);
            self.pace = Some(self.pace.map_or(gap, |pace| (pace * (PACE_STEP - 1) + gap) / PACE_STEP));
        }
        if self.overloaded {
            let waiting = u32::try_from(self.waiting).unwrap_or(u32::MAX);
            if self.pace.is_none_or(|pace| pace.saturating_mul(waiting) >= self.rules.acceptable) {
                return;
            }
            self.overloaded = false;
            self.standing_since = None;
        }
        if self.oldest().is_none_or(|since| now.since(since) < self.rules.acceptable) {
            self.standing_since = None;
        }
    }

    /// When the one came who has waited longest.
    fn oldest(&self) -> Option<Moment> {
        let oldest = self.lanes.iter().filter_map(|lane| lane.iter().find(|waiter| waiter.who.is_some()));
        oldest.map(|waiter| waiter.since).min()
    }

    /// Since when, or from when on if nobody leaves, somebody has waited for longer than is acceptable.
    fn standing(&self) -> Option<Moment> {
        self.standing_since.or_else(|| Some(self.oldest()?.plus(self.rules.acceptable)))
    }

    /// What `ask` wants to know of one of those who are served next: of the most important lane that has somebody.
    pub fn first<R>(&self, ask: impl FnOnce(&T) -> R) -> Option<R> {
        let next = self.lanes.iter().find_map(|lane| lane.iter().find_map(|waiter| waiter.who.as_ref()));
        next.map(ask)
    }

    /// Somebody whose time is over, the oldest of the least important first; to be asked until there is none.
    pub fn expired(&mut self, now: Moment) -> Option<T> {
        self.look(now);
        let limit = self.patience();
        for lane in (0..LANES).rev() {
            self.forget_gone(lane);
            let due = self.lanes[lane].front().is_some_and(|waiter| now.since(waiter.since) >= limit);
            if due {
                return self.take_front(lane);
            }
        }
        None
    }

    /// Takes somebody out who went away by itself; `None` where it is not here any more.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let lane = &mut self.lanes[key.lane];
        let at = lane.binary_search_by_key(&key.number, |waiter| waiter.number).ok()?;
        let who = lane.get_mut(at)?.who.take()?;
        self.waiting -= 1;
        self.forget_gone(key.lane);
        self.rest();
        Some(who)
    }

    /// When the time of the next is over, should nobody leave before: also those who came in normal times have to go once the queue has
    /// become a standing one.
    pub fn next_expiry(&self) -> Option<Moment> {
        let since = self.oldest()?;
        let mut hurried = since.plus(self.rules.target);
        if !self.overloaded {
            hurried = hurried.max(self.standing()?.plus(self.rules.interval));
        }
        Some(since.plus(self.rules.longest).min(hurried))
    }

    /// Whether anybody waits who is at least as important.
    pub fn has_before(&self, priority: Priority) -> bool {
        self.lanes[..=lane(priority)].iter().any(|lane| lane.iter().any(|waiter| waiter.who.is_some()))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether the queue is a standing one.
    pub fn is_overloaded(&self, now: Moment) -> bool {
        self.overloaded || self.standing().is_some_and(|since| now.since(since) >= self.rules.interval)
    }

    /// When somebody who is refused should come back: a second, and up to five the longer the overload lasts, of which `random` takes
    /// away up to half, so that those who were refused together do not return together.
    pub fn retry_after(&self, now: Moment, random: u64) -> Duration {
        const LEAST: Duration = Duration::from_secs(1);
        const MOST: Duration = Duration::from_secs(5);
        let lasted = self.standing().map_or(Duration::ZERO, |since| now.since(since));
        let full = (LEAST * 2 + lasted / 10).min(MOST);
        let half = full / 2;
        half + half.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn patience(&self) -> Duration {
        if self.overloaded { self.rules.target.min(self.rules.longest) } else { self.rules.longest }
    }

    fn take_front(&mut self, lane: usize) -> Option<T> {
        self.forget_gone(lane);
        let who = self.lanes[lane].pop_front()?.who;
        self.waiting -= 1;
        self.rest();
        who
    }

    /// Drops the places of those who went away at both ends, which keeps the lane as short as those who wait make it, nearly.
    fn forget_gone(&mut self, lane: usize) {
        let lane = &mut self.lanes[lane];
        while lane.front().is_some_and(|waiter| waiter.who.is_none()) {
            lane.pop_front();
        }
        while lane.back().is_some_and(|waiter| waiter.who.is_none()) {
            lane.pop_back();
        }
    }

    fn rest(&mut self) {
        if self.waiting == 0 {
            self.standing_since = None;
            self.overloaded = false;
            self.served = None;
            self.lanes.iter_mut().for_each(VecDeque::clear);
        }
    }
}

fn lane(priority: Priority) -> usize {
    match priority {
        Priority::Exempt | Priority::Critical => 0,
        Priority::Normal => 1,
        Priority::Sheddable => 2,
    }
}
