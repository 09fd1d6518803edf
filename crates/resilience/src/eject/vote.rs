//! Who is ejected: one vote an instance, one count a service, atomics only.

use super::EjectionRules;
use crate::Moment;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// `Vote::until` of an instance that is not ejected.
const FREE: u64 = 0;
/// `Vote::until` of one that left the service.
const GONE: u64 = u64::MAX;

/// What the threads of a process hold against one instance. Made by [`Ejection::join`].
#[derive(Debug, Default)]
pub struct Vote {
    /// Failures in a row.
    failures: AtomicU32,
    /// [`FREE`], [`GONE`], or the nanoseconds at which its ejection ends.
    until: AtomicU64,
    /// Ejections without a pause between them.
    times: AtomicU32,
    /// When it last came back or was forgiven one of `times`.
    calm_since: AtomicU64,
}

impl Vote {
    /// An attempt succeeded. One load where nothing failed before.
    pub fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// An attempt failed; the failures in a row where they are enough to ask for [`Ejection::try_eject`].
    pub fn failed(&self, rules: &EjectionRules) -> Option<u32> {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        (rules.consecutive_failures > 0 && failures >= rules.consecutive_failures).then_some(failures)
    }

    /// Whether it is ejected at `now`, or has left: one load. At the end of its time it is usable at once.
    pub fn is_ejected(&self, now: Moment) -> bool {
        self.until.load(Relaxed) > now.nanos()
    }
}

/// How many instances of one service are ejected, of how many. The ejected ones never pass [`EjectionRules::cap`], whichever threads ask at once.
#[derive(Debug, Default)]
pub struct Ejection {
    /// All instances in the upper half, the ejected ones in the lower: one word, so that the cap is checked against the number it is a share of.
    counts: AtomicU64,
}

impl Ejection {
    /// Of a service without instances.
    pub fn new() -> Ejection {
        Ejection::default()
    }

    /// An instance joins the service.
    pub fn join(&self) -> Vote {
        self.counts.fetch_add(1 << 32, AcqRel);
        Vote::default()
    }

    /// The instance leaves the service; its place among the ejected becomes free. Leaving twice is leaving once. Call
    /// [`Ejection::upkeep`] when the roster has changed: the cap of a smaller service is smaller.
    pub fn leave(&self, vote: &Vote) {
        match vote.until.swap(GONE, AcqRel) {
            GONE => {}
            FREE => _ = self.counts.fetch_sub(1 << 32, AcqRel),
            _ => _ = self.counts.fetch_sub((1 << 32) + 1, AcqRel),
        }
    }

    /// Instances, and how many of them hold a place among the ejected (until upkeep, also when their time is over).
    pub fn counts(&self) -> (u32, u32) {
        let counts = self.counts.load(Acquire);
        ((counts >> 32) as u32, counts as u32)
    }

    /// Ejects the instance unless it is already or the cap is reached; returns until when.
    pub fn try_eject(&self, vote: &Vote, now: Moment, rules: &EjectionRules) -> Option<Moment> {
        if vote.until.load(Relaxed) != FREE {
            return None;
        }
        // The place first and the vote second: at no time is there an ejected instance without a place.
        self.counts
            .fetch_update(AcqRel, Acquire, |counts| {
                let (all, ejected) = ((counts >> 32) as u32, counts as u32);
                (ejected < rules.cap(all)).then_some(counts + 1)
            })
            .ok()?;
        let most = rules.longest.as_nanos().div_ceil(rules.base.as_nanos().max(1));
        let times = vote.times.load(Relaxed).saturating_add(1).min(u32::try_from(most).unwrap_or(u32::MAX));
        let until = now.plus(rules.lasts(times)).nanos().clamp(FREE + 1, GONE - 1);
        if vote.until.compare_exchange(FREE, until, AcqRel, Acquire).is_err() {
            self.counts.fetch_sub(1, AcqRel);
            return None;
        }
        vote.times.store(times, Relaxed);
        Some(Moment::from_nanos(until))
    }

    /// To be called each interval and after each change of the roster, by one task: gives back the places of those whose time is over and
    /// forgives the calm. Where a smaller service has more ejected than its cap, those that have least time left return early.
    /// Each index that returned is told to `returned`.
    pub fn upkeep(
        &self,
        votes: &[&Vote],
        now: Moment,
        rules: &EjectionRules,
        mut returned: impl FnMut(usize),
    ) {
        for (index, vote) in votes.iter().enumerate() {
            let until = vote.until.load(Acquire);
            if until == FREE {
                forgive(vote, now, rules);
            } else if until <= now.nanos() && self.end(vote, until, now) {
                returned(index);
            }
        }
        for _ in votes {
            let (all, ejected) = self.counts();
            if ejected <= rules.cap(all) {
                return;
            }
            let ejected_until =
                |vote: &Vote| Some(vote.until.load(Acquire)).filter(|u| *u != FREE && *u != GONE);
            let soonest =
                votes.iter().enumerate().filter_map(|(i, vote)| Some((ejected_until(vote)?, i))).min();
            let Some((until, index)) = soonest else { return };
            if self.end(votes[index], until, now) {
                returned(index);
            }
        }
    }

    /// Ends the ejection that lasts `until`; exactly one of those who ask gives the place back.
    fn end(&self, vote: &Vote, until: u64, now: Moment) -> bool {
        if until == FREE || until == GONE {
            return false;
        }
        vote.failures.store(0, Relaxed);
        vote.calm_since.store(now.nanos(), Relaxed);
        if vote.until.compare_exchange(until, FREE, AcqRel, Acquire).is_err() {
            return false;
        }
        self.counts.fetch_sub(1, AcqRel);
        true
    }
}

fn forgive(vote: &Vote, now: Moment, rules: &EjectionRules) {
    let times = vote.times.load(Relaxed);
    if times == 0 || now.since(Moment::from_nanos(vote.calm_since.load(Relaxed))) < rules.forgive {
        return;
    }
    // Losing to an ejection at this instant is no harm: it counts from the larger number.
    if vote.times.compare_exchange(times, times - 1, Relaxed, Relaxed).is_ok() {
        vote.calm_since.store(now.nanos(), Relaxed);
    }
}

#[cfg(test)]
mod tests;
