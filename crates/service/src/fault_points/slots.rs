//! A capacity that is stated and not the machine's: k calls at a time, each of which takes t.
//!
//! A timer wakes late, by up to a millisecond and more on a busy machine; were each slot free again only when its timer
//! had fired, the capacity would be k ÷ (t + lateness). So a slot keeps books: a call that was waiting when the slot
//! became free by the books begins at that moment and not when it was woken, and the lateness never adds up.

use super::SlotRule;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// k slots of t, taken in the order of arrival.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) rule: SlotRule,
    /// One permit a free slot; tokio's semaphore is first come, first served.
    permits: Semaphore,
    /// When each free slot became free, by the books. Holds as many as there are permits to be had.
    free_since: Mutex<BinaryHeap<Reverse<Instant>>>,
    waiting: AtomicUsize,
}

impl Slots {
    /// Slots that are all free.
    pub(crate) fn new(rule: SlotRule) -> Arc<Slots> {
        let now = Instant::now();
        Arc::new(Slots {
            rule,
            permits: Semaphore::new(rule.count as usize),
            free_since: Mutex::new((0..rule.count).map(|_| Reverse(now)).collect()),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Slots in use.
    pub(crate) fn busy(&self) -> usize {
        (self.rule.count as usize).saturating_sub(self.permits.available_permits())
    }

    /// Calls that wait for a slot.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Waits for a slot and holds it for its time. A call that is given up meanwhile gives its slot back at once.
    pub(crate) async fn pass(&self) {
        let arrived = Instant::now();
        let permit = {
            let _waits = Waits::new(&self.waiting);
            // Nobody closes it, so an error cannot be; were there one, the call would go on without a slot.
            let Ok(permit) = self.permits.acquire().await else { return };
            permit
        };
        let free_since = self.lock().pop().map_or(arrived, |Reverse(since)| since);
        let end = arrived.max(free_since) + Duration::from_millis(self.rule.time_ms.into());
        let mut slot = Slot { slots: self, _permit: permit, end: None };
        sleep_until(end).await;
        slot.end = Some(end);
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Instant>>> {
        self.free_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot in use.
struct Slot<'a> {
    slots: &'a Slots,
    /// Goes back after `drop`, so that who gets it finds the books written.
    _permit: SemaphorePermit<'a>,
    /// When it was done, by the books.
    end: Option<Instant>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.lock().push(Reverse(self.end.unwrap_or_else(Instant::now)));
    }
}

struct Waits<'a>(&'a AtomicUsize);

impl Waits<'_> {
    fn new(count: &AtomicUsize) -> Waits<'_> {
        count.fetch_add(1, Relaxed);
        Waits(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    #[tokio::test(start_paused = true)]
    async fn the_capacity_is_k_over_t_and_the_order_that_of_arrival() {
        let slots = Slots::new(SlotRule { count: 4, time_ms: 10 });
        let began = Instant::now();
        let mut calls = JoinSet::new();
        for number in 0..40u64 {
            let slots = slots.clone();
            calls.spawn(async move {
                slots.pass().await;
                (number, began.elapsed())
            });
        }
        tokio::task::yield_now().await;
        assert_eq!((slots.busy(), slots.waiting()), (4, 36));
        while let Some(done) = calls.join_next().await {
            let (number, after) = done.unwrap();
            let expected = Duration::from_millis((number / 4 + 1) * 10);
            // A timer of tokio fires up to 1 ms late; were lateness to add up, the last would be 10 ms late.
            assert!(after >= expected && after <= expected + Duration::from_millis(2), "{number}: {after:?}");
        }
        assert_eq!((slots.busy(), slots.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_no_trace() {
        let slots = Slots::new(SlotRule { count: 1, time_ms: 100 });
        let held = tokio::spawn({
            let slots = slots.clone();
            async move { slots.pass().await }
        });
        tokio::task::yield_now().await;
        assert!(tokio::time::timeout(Duration::from_millis(10), slots.pass()).await.is_err());
        held.abort();
        let _ = held.await;
        assert_eq!((slots.busy(), slots.waiting()), (0, 0));
        let began = Instant::now();
        slots.pass().await;
        assert!(began.elapsed() >= Duration::from_millis(100), "the slot was free since now and not before");
    }
}
