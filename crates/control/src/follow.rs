//! Following the processes: one task each, which connects, reads seconds, and connects again.

use crate::fleet::Fleet;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_api::telemetry::v1::WatchRequest;
use tenet_api::telemetry::v1::telemetry_client::TelemetryClient;
use tenet_telemetry::{Collector, Event, EventKind, HISTORY_SECONDS};
use tokio::task::{AbortHandle, JoinSet};
use tonic::transport::Endpoint;

/// Waiting before the next attempt: short at first, for a gateway that restarts, never longer than people wait.
const BACKOFF: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(3);

/// An admin listener on a working network answers well within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Silence after which a process that owes a second every second is taken as gone.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// The heaviest second a process can report: 16 thousand rows of a few hundred bytes, and some room.
const SNAPSHOT_BYTES_MAX: usize = 32 << 20;

/// Between two looks at which processes of the store there are, as often as gateways tell.
const LOOK: Duration = Duration::from_secs(1);

/// Follows the processes of the store that the gateways know: where they serve, they also tell how they do.
pub(crate) async fn stores(fleet: Arc<Fleet>, collector: Arc<Collector>) {
    // Dropped with this future, which ends them.
    let mut tasks = JoinSet::new();
    let mut followed: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let change = fleet.look_for_stores(SystemTime::now());
        for address in change.left {
            if let Some(task) = followed.remove(&address) {
                task.abort();
            }
        }
        for address in change.came {
            let task = process(Arc::clone(&fleet), Arc::clone(&collector), address.clone());
            followed.insert(address, tasks.spawn(task));
        }
        // What was ended is let go of.
        while tasks.try_join_next().is_some() {}
    }
}

/// Follows the process that serves its telemetry at `address`, for ever.
pub(crate) async fn process(fleet: Arc<Fleet>, collector: Arc<Collector>, address: String) {
    let mut backoff = BACKOFF.start;
    // Being away at the start is one event too, but only after it had time to come up.
    let mut told = Told::Nothing;
    let started = tokio::time::Instant::now();
    loop {
        let why = match watch(&fleet, &collector, &address, &mut told).await {
            Ended::Never(why) => why,
            Ended::After(why) => {
                backoff = BACKOFF.start;
                why
            }
        };
        fleet.lost(&address, &why);
        if told == Told::Up || (told == Told::Nothing && started.elapsed() > BACKOFF.end) {
            told = Told::Down;
            tell(
                &collector,
                EventKind::ProcessDown,
                fleet.process_name(&address),
                format!("cannot be reached: {why}"),
            );
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.end);
    }
}

/// What the time line says of a process.
#[derive(PartialEq)]
enum Told {
    Nothing,
    Up,
    Down,
}

/// Why a watch ended, before or after it brought a second.
enum Ended {
    Never(String),
    After(String),
}

async fn watch(fleet: &Fleet, collector: &Collector, address: &str, told: &mut Told) -> Ended {
    let endpoint = match Endpoint::from_shared(format!("http://{address}")) {
        Ok(endpoint) => endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true),
        Err(error) => return Ended::Never(format!("{address} is not host:port ({error})")),
    };
    let channel = match endpoint.connect().await {
        Ok(channel) => channel,
        Err(error) => return Ended::Never(chain(&error)),
    };
    let mut client = TelemetryClient::new(channel).max_decoding_message_size(SNAPSHOT_BYTES_MAX);
    let request = WatchRequest { backfill_seconds: HISTORY_SECONDS as u32 };
    let mut stream = match tokio::time::timeout(SILENCE_MAX, client.watch(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return Ended::Never(status.message().to_owned()),
        Err(_) => return Ended::Never(format!("no answer within {SILENCE_MAX:?}")),
    };
    let mut any = false;
    loop {
        let why = match tokio::time::timeout(SILENCE_MAX, stream.message()).await {
            Ok(Ok(Some(snapshot))) => {
                fleet.absorb(address, snapshot, SystemTime::now());
                if *told == Told::Down {
                    tell(
                        collector,
                        EventKind::ProcessUp,
                        fleet.process_name(address),
                        "can be reached again".into(),
                    );
                }
                *told = Told::Up;
                any = true;
                continue;
            }
            Ok(Ok(None)) => "the process ended the stream".to_owned(),
            Ok(Err(status)) => format!("the connection was lost ({})", status.message()),
            Err(_) => format!("silent for {SILENCE_MAX:?}"),
        };
        return if any { Ended::After(why) } else { Ended::Never(why) };
    }
}

fn tell(collector: &Collector, kind: EventKind, subject: String, text: String) {
    collector.event(Event { kind, at: SystemTime::now(), subject, text });
}

/// Tonic says "transport error" and keeps the cause below it: the cause is what helps.
fn chain(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Follows this process itself, so that it is seen like any other.
pub(crate) async fn own(fleet: Arc<Fleet>, collector: Arc<Collector>) {
    let mut closed = collector.subscribe();
    let mut sequence = 0;
    while closed.changed().await.is_ok() {
        for snapshot in collector.since(sequence) {
            sequence = snapshot.sequence;
            fleet.absorb(OWN, (*snapshot).clone(), SystemTime::now());
        }
    }
}

/// What stands for this process where others have an address.
pub(crate) const OWN: &str = "";
