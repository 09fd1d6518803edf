//! What happens to connections between calls: idle ones close, silent ones are asked, those of removed instances go.
//!
//! One task a pool looks at all connections every tick, so that calls pay for no timers and clocks of connections.

use crate::PoolOptions;
use crate::pool::Inner;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

/// A tick is this part of the shortest time it has to keep, so that none is missed by more than that.
const TICKS_PER_TIME: u32 = 4;

/// Ticks are neither so short that they cost nor so long that a removed instance keeps its connection noticeably.
const TICK_RANGE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

fn tick(options: &PoolOptions) -> Duration {
    let shortest = options.idle_timeout.min(options.keepalive_timeout);
    let shortest = options.keepalive_interval.map_or(shortest, |interval| interval.min(shortest));
    (shortest / TICKS_PER_TIME).clamp(TICK_RANGE.0, TICK_RANGE.1)
}

/// Begins the upkeep of a pool; it ends with the pool.
pub(crate) fn start(pool: &Rc<Inner>) {
    let pool = Rc::downgrade(pool);
    spawn_local(async move {
        loop {
            let Some(pause) = pool.upgrade().map(|pool| pause(&pool)) else { return };
            sleep(pause).await;
            let Some(pool) = Weak::upgrade(&pool) else { return };
            look(&pool, Instant::now());
        }
    });
}

/// Until the next look: the shortest that any instance asks for.
fn pause(pool: &Inner) -> Duration {
    let slots = pool.slots.borrow();
    slots.values().map(|slot| tick(&slot.options())).min().unwrap_or(TICK_RANGE.1)
}

fn look(pool: &Inner, now: Instant) {
    for lane in pool.lanes.borrow_mut().iter_mut() {
        match lane {
            Some(known) if known.is_wanted() => known.refresh_if_wanted(&pool.slots),
            _ => *lane = None,
        }
    }
    // Whoever still calls or reads holds the slot, too.
    pool.slots.borrow_mut().retain(|_, slot| !slot.state.is_removed() || Rc::strong_count(slot) > 1);
    for slot in pool.slots.borrow().values() {
        slot.h2.borrow_mut().retain(|one| one.keep(slot, now));
        slot.h1.borrow_mut().retain_mut(|one| one.keep(slot, now));
        slot.report();
    }
}
