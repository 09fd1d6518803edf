//! The gateways during a drill, as they see themselves: their counters, and the moment they notice.

use super::counters::{Counters, Sums};
use crate::up::admin;
use crate::up::state::Gateway;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tenet_api::telemetry::v1::telemetry_client::TelemetryClient;
use tenet_api::telemetry::v1::{EventKind, Snapshot, WatchRequest};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::transport::Endpoint;

/// Between two readings of the counters: what a killed gateway takes with it is at most this.
const READ_EVERY: Duration = Duration::from_secs(1);
/// Time for one reading. A gateway that is down is silent, because its socket is kept open for its successor.
const READ_TIME: Duration = Duration::from_millis(500);
/// Before a lost stream is opened again.
const AGAIN: Duration = Duration::from_millis(200);
/// Silence after which a gateway that owes a second every second is taken as gone.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// Notices kept: only the first counts, and an unhealthy instance is noticed anew every second by every gateway.
const NOTICES_MAX: usize = 10_000;

/// Something that a gateway noticed of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_unix_ms: u64,
    /// By whom, and what.
    pub text: String,
}

/// Follows all gateways until it is dropped. Needs a `LocalSet`.
pub struct Fleet {
    gateways: Vec<Gateway>,
    counters: Rc<RefCell<Counters>>,
    notices: Rc<RefCell<Vec<Notice>>>,
    following: JoinSet<()>,
}

impl Fleet {
    /// Begins to follow; `targets` are the names of instances to notice.
    pub fn follow(gateways: Vec<Gateway>, targets: &[String]) -> Fleet {
        let (counters, notices) = (Rc::<RefCell<Counters>>::default(), Rc::<RefCell<Vec<Notice>>>::default());
        let targets: Rc<[String]> = targets.into();
        let mut following = JoinSet::new();
        for gateway in &gateways {
            following.spawn_local(watch(gateway.clone(), targets.clone(), notices.clone()));
        }
        let (read, counted) = (gateways.clone(), counters.clone());
        following.spawn_local(async move {
            loop {
                read_all(&read, &counted).await;
                sleep(READ_EVERY).await;
            }
        });
        Fleet { gateways, counters, notices, following }
    }

    /// The counters of all gateways as they are now.
    pub async fn sums(&self) -> Sums {
        read_all(&self.gateways, &self.counters).await;
        self.counters.borrow().sums()
    }

    /// What was noticed first within these times, and which families of counters there are.
    pub fn end(mut self, from_unix_ms: u64, to_unix_ms: u64) -> (Option<Notice>, Counters) {
        self.following.abort_all();
        let notices = self.notices.borrow();
        let within = notices.iter().filter(|notice| (from_unix_ms..=to_unix_ms).contains(&notice.at_unix_ms));
        (within.min_by_key(|notice| notice.at_unix_ms).cloned(), self.counters.borrow().clone())
    }
}

async fn read_all(gateways: &[Gateway], counters: &Rc<RefCell<Counters>>) {
    let mut readings = JoinSet::new();
    for gateway in gateways.iter().cloned() {
        let counters = counters.clone();
        readings.spawn_local(async move {
            if let Ok(Ok(answer)) = timeout(READ_TIME, admin::get(gateway.admin, "/metrics")).await {
                counters.borrow_mut().absorb(&gateway.id, &String::from_utf8_lossy(&answer.body));
            }
        });
    }
    while readings.join_next().await.is_some() {}
}

/// Follows the seconds of one gateway, for ever.
async fn watch(gateway: Gateway, targets: Rc<[String]>, notices: Rc<RefCell<Vec<Notice>>>) {
    loop {
        // Whatever ends a stream, the way on is a new one: a gateway may be killed and come back.
        let _ = watch_once(&gateway, &targets, &notices).await;
        sleep(AGAIN).await;
    }
}

async fn watch_once(
    gateway: &Gateway,
    targets: &[String],
    notices: &RefCell<Vec<Notice>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.admin))?.connect_timeout(READ_TIME);
    let mut client = TelemetryClient::new(timeout(SILENCE_MAX, endpoint.connect()).await??);
    let watched = client.watch(WatchRequest { backfill_seconds: 0 });
    let mut stream = timeout(SILENCE_MAX, watched).await??.into_inner();
    while let Some(snapshot) = timeout(SILENCE_MAX, stream.message()).await?? {
        let mut notices = notices.borrow_mut();
        notices.extend(noticed(&gateway.id, &snapshot, targets));
        notices.truncate(NOTICES_MAX);
    }
    Ok(())
}

/// What a second says of the targets: events that name one, and those that get no calls.
fn noticed(gateway: &str, snapshot: &Snapshot, targets: &[String]) -> Vec<Notice> {
    let notice = |at_unix_ms: i64, text: String| Notice {
        at_unix_ms: u64::try_from(at_unix_ms).unwrap_or(0),
        text: format!("{gateway}: {text}"),
    };
    let events = snapshot.events.iter().filter(|event| {
        matches!(event.kind(), EventKind::Ejection | EventKind::InstanceDown)
            && targets
                .iter()
                .any(|id| event.subject.contains(id.as_str()) || event.text.contains(id.as_str()))
    });
    // Most texts begin with whom they are about.
    let events = events.map(|event| {
        let about = if event.text.starts_with(&event.subject) { "" } else { &event.subject };
        notice(event.at_unix_ms, format!("{about} {}", event.text).trim_start().to_owned())
    });
    let left_out = snapshot.instances.iter().filter(|one| !one.healthy && targets.contains(&one.id));
    let left_out = left_out.map(|one| notice(snapshot.closed_unix_ms, format!("{} gets no calls", one.id)));
    events.chain(left_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_api::telemetry::v1::{Event, Instance};

    #[test]
    fn only_what_concerns_a_target_is_noticed() {
        let event = |kind: EventKind, subject: &str| Event {
            kind: kind.into(),
            at_unix_ms: 500,
            subject: subject.into(),
            text: "is out".into(),
        };
        let instance = |id: &str, healthy| Instance { id: id.into(), healthy, ..Instance::default() };
        let snapshot = Snapshot {
            closed_unix_ms: 1000,
            events: vec![
                event(EventKind::Drill, "web-b-1"),
                event(EventKind::Ejection, "web web-b-1"),
                event(EventKind::InstanceDown, "web-a-1"),
            ],
            instances: vec![
                instance("web-a-1", false),
                instance("web-b-1", false),
                instance("web-c-1", true),
            ],
            ..Snapshot::default()
        };
        let targets = ["web-b-1".to_owned(), "web-c-1".to_owned()];
        let found: Vec<(u64, String)> =
            noticed("g", &snapshot, &targets).into_iter().map(|n| (n.at_unix_ms, n.text)).collect();
        let expected =
            [(500, "g: web web-b-1 is out".to_owned()), (1000, "g: web-b-1 gets no calls".to_owned())];
        assert_eq!(found, expected);
    }
}
