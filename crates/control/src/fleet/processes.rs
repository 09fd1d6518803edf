//! Each process as it was last seen.

use super::view;
use crate::follow::OWN;
use std::collections::BTreeMap;
use tenet_api::telemetry::v1::{Process, ProcessStats, Snapshot};
use tenet_telemetry::{CounterId, GaugeId};

#[derive(Default)]
pub(super) struct Processes {
    /// By the address they are followed at.
    all: BTreeMap<String, Followed>,
}

/// The role of gateways.
const GATEWAY: &str = "gateway";

/// The service whose instances are processes of the platform, and its role.
const STORE: &str = "store";

/// Processes of the store followed at once: many times more than anybody runs.
const STORES_MAX: usize = 64;

/// How long one that left is remembered: its past is told again for so long, should it come back.
const REMEMBERED_MS: i64 = 1000 * tenet_telemetry::HISTORY_SECONDS as i64;

/// Which addresses are to be followed from now on, and which no longer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) came: Vec<String>,
    pub(crate) left: Vec<String>,
}

/// One followed process.
#[derive(Default)]
struct Followed {
    /// What it is called and does, as far as others know, before it said so itself.
    name: String,
    role: &'static str,
    /// It is a process of the store that no gateway knows any more.
    left: bool,
    up: bool,
    why: String,
    since_unix_ms: i64,
    /// Its latest second, kept after it was lost.
    latest: Option<Snapshot>,
    /// The second of the latest.
    second: i64,
    cpu_cores: f64,
    received_per_s: f64,
    sent_per_s: f64,
}

impl Processes {
    pub(super) fn new(gateways: &[String]) -> Processes {
        let waiting = |address: &String| (address.clone(), Followed::waiting(address, GATEWAY));
        Processes { all: gateways.iter().map(waiting).collect() }
    }

    /// Compares the processes of the store that are followed with those that gateways know. While no gateway tells anything, all stay.
    pub(super) fn look_for_stores(&mut self, now_unix_ms: i64) -> Change {
        let is_gateway =
            |told: &&Snapshot| told.process.as_ref().is_some_and(|process| process.role == GATEWAY);
        let told: Vec<&Snapshot> = self.latest().into_iter().filter(is_gateway).collect();
        if told.is_empty() {
            return Change::default();
        }
        let instances = told.iter().flat_map(|told| &told.instances).filter(|known| known.service == STORE);
        let mut known: BTreeMap<String, String> =
            instances.map(|known| (known.address.clone(), known.id.clone())).collect();
        let mut change = Change::default();
        let mut count = 0;
        for (address, followed) in self.all.iter_mut().filter(|(_, followed)| followed.role == STORE) {
            let is_known = known.remove(address).is_some();
            match (is_known, followed.left) {
                (true, true) => change.came.push(address.clone()),
                (false, false) => {
                    followed.since_unix_ms = now_unix_ms;
                    followed.up = false;
                    change.left.push(address.clone());
                }
                _ => {}
            }
            followed.left = !is_known;
            count += usize::from(is_known);
        }
        for (address, name) in known.into_iter().take(STORES_MAX.saturating_sub(count)) {
            self.all.insert(address.clone(), Followed::waiting(&name, STORE));
            change.came.push(address);
        }
        self.all.retain(|_, followed| !followed.left || now_unix_ms - followed.since_unix_ms < REMEMBERED_MS);
        change
    }

    /// Whether this second was not taken in before: a new run of the process, or a later second of the same.
    pub(super) fn is_news(&self, address: &str, snapshot: &Snapshot) -> bool {
        let Some(latest) = self.all.get(address).and_then(|followed| followed.latest.as_ref()) else {
            return true;
        };
        run(latest) != run(snapshot) || snapshot.sequence > latest.sequence
    }

    /// The second that a snapshot belongs to, in seconds since 1970. A clock that runs ahead of ours does not reach
    /// into the future.
    pub(super) fn place(&mut self, address: &str, snapshot: &Snapshot, now_unix_ms: i64) -> i64 {
        let followed = self.all.entry(address.to_owned()).or_default();
        let nominal = nominal_second(snapshot.closed_unix_ms);
        let same_run = followed.latest.as_ref().filter(|latest| run(latest) == run(snapshot));
        let next = same_run
            .map(|latest| followed.second.saturating_add_unsigned(snapshot.sequence - latest.sequence));
        // A process that closes near the border would fall now on this side, now on that; it stays on its side.
        let stays = next.filter(|next| {
            let offset_ms = snapshot.closed_unix_ms.saturating_sub(next.saturating_mul(1000));
            (BORDER_MS - 1000 - BORDER_SLACK_MS..=BORDER_MS + BORDER_SLACK_MS).contains(&offset_ms)
        });
        followed.second = stays.unwrap_or(nominal).min(nominal_second(now_unix_ms));
        followed.second
    }

    /// What the run that told `snapshot` told last before it.
    pub(super) fn before(&self, address: &str, snapshot: &Snapshot) -> Option<&Snapshot> {
        let latest = self.all.get(address)?.latest.as_ref()?;
        (run(latest) == run(snapshot)).then_some(latest)
    }

    pub(super) fn seen(&mut self, address: &str, snapshot: Snapshot, now_unix_ms: i64) {
        let followed = self.all.entry(address.to_owned()).or_default();
        if !followed.up {
            followed.up = true;
            followed.why.clear();
            followed.since_unix_ms = now_unix_ms;
        }
        if let Some(before) = followed.latest.as_ref().filter(|before| run(before) == run(&snapshot)) {
            let seconds = (snapshot.closed_unix_ms - before.closed_unix_ms).max(1) as f64 / 1e3;
            let rate = |of: fn(&ProcessStats) -> u64| {
                let value = |snapshot: &Snapshot| snapshot.stats.as_ref().map_or(0, of);
                value(&snapshot).saturating_sub(value(before)) as f64 / seconds
            };
            followed.cpu_cores = rate(|stats| stats.cpu_user_us + stats.cpu_system_us) / 1e6;
            followed.received_per_s =
                rate(|stats| stats.devices.iter().map(|device| device.received_bytes).sum());
            followed.sent_per_s = rate(|stats| stats.devices.iter().map(|device| device.sent_bytes).sum());
        }
        // Its rows are in the ring and the totals; here only the state counts.
        followed.latest = Some(Snapshot { rows: Vec::new(), labels: None, ..snapshot });
    }

    pub(super) fn lost(&mut self, address: &str, why: &str, now_unix_ms: i64) {
        let followed = self.all.entry(address.to_owned()).or_default();
        if followed.up || followed.since_unix_ms == 0 {
            followed.since_unix_ms = now_unix_ms;
        }
        followed.up = false;
        why.clone_into(&mut followed.why);
    }

    pub(super) fn name(&self, address: &str) -> String {
        let Some(followed) = self.all.get(address) else { return address.to_owned() };
        let process = followed.latest.as_ref().and_then(|latest| latest.process.as_ref());
        process.map_or(&followed.name, |process| &process.name).clone()
    }

    /// The latest second of each process that is up.
    pub(super) fn latest(&self) -> Vec<&Snapshot> {
        self.all
            .values()
            .filter(|followed| followed.up)
            .filter_map(|followed| followed.latest.as_ref())
            .collect()
    }

    /// The declared counters that are not zero.
    pub(super) fn counters(&self) -> Vec<view::Counter> {
        let latest = self.latest();
        let sum = |id: &CounterId| {
            let name = id.family().name;
            let held =
                latest.iter().flat_map(|snapshot| &snapshot.counters).filter(|metric| metric.name == name);
            view::Counter { name, value: held.fold(0i64, |sum, metric| sum.saturating_add(metric.value)) }
        };
        CounterId::ALL.iter().map(sum).filter(|counter| counter.value != 0).collect()
    }

    /// The call trees that began at any of those that are up.
    pub(super) fn trees(&self) -> view::Trees {
        let ceiling = GaugeId::TreeCeiling.family().name;
        self.latest().iter().fold(view::Trees::default(), |sum, snapshot| {
            let held =
                snapshot.gauges.iter().filter(|metric| metric.name == ceiling).map(|metric| metric.value);
            view::Trees {
                calls: sum.calls.saturating_add(snapshot.recent_tree_calls),
                extra_attempts: sum.extra_attempts.saturating_add(snapshot.recent_tree_extra_attempts),
                ceiling: held.fold(sum.ceiling, i64::max),
            }
        })
    }

    pub(super) fn alarms(&self) -> Vec<view::Alarm> {
        let of = |snapshot: &&Snapshot| {
            let name = snapshot.process.as_ref().map_or("", |process| &process.name).to_owned();
            snapshot.alarms.iter().map(move |alarm| view::Alarm::new(&name, alarm)).collect::<Vec<_>>()
        };
        self.latest().iter().flat_map(of).collect()
    }

    /// All processes, gateways first, then those of the store, then this one.
    pub(super) fn views(&self, now_unix_ms: i64) -> Vec<view::Process> {
        let others = |store: bool| {
            let all = self.all.iter().filter(|(address, followed)| *address != OWN && !followed.left);
            all.filter(move |(_, followed)| (followed.role == STORE) == store)
        };
        let own = self.all.iter().filter(|(address, _)| *address == OWN);
        others(false)
            .chain(others(true))
            .chain(own)
            .map(|(address, followed)| followed.view(address, now_unix_ms))
            .collect()
    }
}

/// What is closed up to this long after a whole second belongs to that second, what is closed later to the next.
/// Processes close right after whole seconds, far from this border; and the live stream tells a second a little
/// after it, when all of the second has arrived.
const BORDER_MS: i64 = 250;

/// How far over the border a process is still taken to be on its side.
const BORDER_SLACK_MS: i64 = 50;

fn nominal_second(unix_ms: i64) -> i64 {
    unix_ms.saturating_add(999 - BORDER_MS).div_euclid(1000)
}

/// What tells one run of a process from the next.
fn run(snapshot: &Snapshot) -> Option<(&str, i64, u32)> {
    let process: &Process = snapshot.process.as_ref()?;
    Some((&process.name, process.started_unix_ms, process.pid))
}

impl Followed {
    /// One that was not reached yet.
    fn waiting(name: &str, role: &'static str) -> Followed {
        Followed { name: name.to_owned(), role, why: "not reached yet".into(), ..Followed::default() }
    }

    fn view(&self, address: &str, now_unix_ms: i64) -> view::Process {
        let empty = Snapshot::default();
        let latest = self.latest.as_ref().unwrap_or(&empty);
        let process = latest.process.clone().unwrap_or_default();
        let stats = latest.stats.clone().unwrap_or_default();
        let gauge = |id: GaugeId| {
            let name = id.family().name;
            latest.gauges.iter().find(|metric| metric.name == name).map_or(0, |metric| metric.value)
        };
        // Of a process that is gone nothing is shown as if it still were so.
        let alive = |value: u64| if self.up { value } else { 0 };
        let live = |value: f64| if self.up { value } else { 0.0 };
        let or = |said: String, known: &str| if said.is_empty() { known.to_owned() } else { said };
        view::Process {
            name: or(process.name, &self.name),
            role: or(process.role, self.role),
            zone: process.zone,
            address: address.to_owned(),
            up: self.up,
            why: self.why.clone(),
            since: if self.since_unix_ms == 0 { now_unix_ms } else { self.since_unix_ms },
            release: process.release,
            epoch: process.epoch,
            version: process.version,
            pid: process.pid,
            started: process.started_unix_ms,
            cpu: live(self.cpu_cores),
            resident_bytes: alive(stats.resident_bytes),
            open_descriptors: alive(stats.open_descriptors),
            max_descriptors: stats.max_descriptors,
            threads: alive(stats.threads),
            received: live(self.received_per_s),
            sent: live(self.sent_per_s),
            connections: if self.up { gauge(GaugeId::Connections) } else { 0 },
            in_flight: if self.up { gauge(GaugeId::InFlight) } else { 0 },
            draining: self.up && gauge(GaugeId::Draining) > 0,
        }
    }
}
