//! The console's time line, as the supervisor writes to it: deaths, restarts and drills, by way of a gateway.
//!
//! The console reads what the gateways tell. An event is handed to one gateway that serves, not to all, or people would see it
//! once for each. Nothing waits for it: a time line that cannot be reached loses the event, never the supervisor's time.

use super::admin;
use bytes::Bytes;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Events that may wait; a fleet that dies as one is no reason to remember more.
const WAITING: usize = 256;
/// Time for one gateway to answer. One that was killed has its socket still open here, so that silence is how it looks.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The kinds of event that only the supervisor knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An instance died.
    InstanceDown,
    /// A child that died serves again.
    Restart,
    /// A drill began or ended.
    Drill,
}

#[derive(Debug, Serialize)]
struct Event {
    kind: Kind,
    at_unix_ms: u64,
    subject: String,
    text: String,
}

/// Where events go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TimeLine(mpsc::Sender<Event>);

impl TimeLine {
    /// One that reaches the console by way of these admin listeners.
    pub fn start(gateways: Vec<SocketAddr>) -> TimeLine {
        let (send, mut waiting) = mpsc::channel(WAITING);
        tokio::task::spawn_local(async move {
            while let Some(event) = waiting.recv().await {
                deliver(&gateways, &event).await;
            }
        });
        TimeLine(send)
    }

    /// Puts an event on the line, if there is room.
    pub fn tell(&self, kind: Kind, subject: &str, text: &str) {
        let event = Event { kind, at_unix_ms: unix_ms(), subject: subject.to_owned(), text: text.to_owned() };
        let _ = self.0.try_send(event);
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Hands it to the first gateway that takes it.
async fn deliver(gateways: &[SocketAddr], event: &Event) {
    let body = Bytes::from(serde_json::to_vec(event).unwrap_or_default());
    for address in gateways {
        // Asked first whether it serves: an event left in the backlog of a gateway that is down would be told when it is back,
        // a second time.
        let ready = timeout(ANSWER_TIME, admin::get(*address, "/-/ready")).await;
        if !matches!(ready, Ok(Ok(answer)) if answer.status == 200) {
            continue;
        }
        let posted = admin::post(*address, "/-/event", "application/json", body.clone());
        if matches!(timeout(ANSWER_TIME, posted).await, Ok(Ok(answer)) if answer.status == 204) {
            return;
        }
    }
}
