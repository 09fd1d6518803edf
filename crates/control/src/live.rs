//! The live stream: each second told once for each window in use, to all who follow it.

use crate::fleet::{Fleet, unix_ms};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

/// Seconds over which numbers can be shown; each is worked out once a second, however many follow it.
pub(crate) const WINDOWS: [u32; 4] = [1, 10, 60, 300];

/// Pages that follow at once.
const FOLLOWERS_MAX: usize = 64;

/// Seconds a page may lag before it is dropped; its browser then connects again and starts afresh.
const LAG_MAX: usize = 8;

/// How long after a whole second it is told: what processes closed at it has arrived by then.
const GRACE: Duration = Duration::from_millis(350);

pub(crate) struct Live {
    channels: [broadcast::Sender<Arc<str>>; WINDOWS.len()],
    room: Arc<Semaphore>,
}

/// A place among the followers of one window.
pub(crate) struct Follower {
    pub(crate) seconds: broadcast::Receiver<Arc<str>>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl Live {
    pub(crate) fn new() -> Live {
        Live {
            channels: WINDOWS.map(|_| broadcast::Sender::new(LAG_MAX)),
            room: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }
    }

    /// Follows a window of [`WINDOWS`], by its place there; `None` if there is no room.
    pub(crate) fn follow(&self, window: usize) -> Option<Follower> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let channel = self.channels.get(window)?;
        Some(Follower { seconds: channel.subscribe(), _permit: permit })
    }
}

/// The last second that has been told.
pub(crate) fn told_second(now: SystemTime) -> i64 {
    (unix_ms(now) - GRACE.as_millis() as i64).div_euclid(1000)
}

/// Tells every second, for ever.
pub(crate) async fn publish(fleet: Arc<Fleet>, live: Arc<Live>) {
    let mut last_event = fleet.last_event();
    let mut told = told_second(SystemTime::now());
    loop {
        let next_ms = (told + 1) * 1000 + GRACE.as_millis() as i64;
        let wait_ms = next_ms - unix_ms(SystemTime::now());
        tokio::time::sleep(Duration::from_millis(wait_ms.clamp(1, 2000) as u64)).await;
        let second = told_second(SystemTime::now());
        if second == told {
            continue;
        }
        // After a pause the latest second is told, not each missed one: pages show what is.
        told = second;
        fleet.told(second);
        let events_after = std::mem::replace(&mut last_event, fleet.last_event());
        for (window, channel) in WINDOWS.iter().zip(&live.channels) {
            if channel.receiver_count() > 0 {
                let frame = frame("second", &fleet.live(second, *window, events_after));
                // An error says that the last follower just left.
                let _ = channel.send(frame.into());
            }
        }
    }
}

/// One server-sent event. JSON holds no line feed, so one data line is enough.
pub(crate) fn frame(event: &str, data: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(data).unwrap_or_else(|error| {
        tracing::error!(%error, "a live message could not be written");
        "null".to_owned()
    });
    format!("event: {event}\ndata: {json}\n\n")
}
