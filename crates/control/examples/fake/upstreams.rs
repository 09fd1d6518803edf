//! What the made-up gateways tell of the services they call: calm most of the time, one service in trouble now and then.

use super::Dice;
use tenet_error::Code;
use tenet_telemetry::{CapacityView, InstanceView, RefusedBy, UpstreamView};

/// What a service is like when nothing is wrong.
struct Nature {
    service: &'static str,
    copies: usize,
    /// Share of the calls, and attempts that fail in a thousand calls.
    share: f64,
    failing: f64,
    hedged: f64,
    limit: u64,
    latency_us: f64,
    capacity: Option<(f64, &'static str, &'static str)>,
}

const SERVICES: &[Nature] = &[
    Nature {
        service: "accounts",
        copies: 3,
        share: 0.46,
        failing: 1.0,
        hedged: 0.0,
        limit: 64,
        latency_us: 900.0,
        capacity: Some((1.62, "zone b", "measured")),
    },
    Nature {
        service: "timeline",
        copies: 6,
        share: 0.47,
        failing: 4.0,
        hedged: 0.03,
        limit: 96,
        latency_us: 6_500.0,
        capacity: Some((1.08, "2 of 6 instances", "proven")),
    },
    Nature {
        service: "payments",
        copies: 3,
        share: 0.06,
        failing: 8.0,
        hedged: 0.0,
        limit: 24,
        latency_us: 41_000.0,
        capacity: Some((1.31, "zone b", "estimated")),
    },
    Nature {
        service: "legacy",
        copies: 1,
        share: 0.01,
        failing: 0.0,
        hedged: 0.0,
        limit: 0,
        latency_us: 15_000.0,
        capacity: None,
    },
];

/// The service that gets into trouble, and the copy of it that is ejected then.
const TROUBLED: (&str, usize) = ("payments", 1);

/// The counters so far, by service.
pub struct Upstreams {
    views: Vec<UpstreamView>,
    ejecting: bool,
}

impl Upstreams {
    pub fn new() -> Upstreams {
        let view =
            |nature: &Nature| UpstreamView { service: nature.service.into(), ..UpstreamView::default() };
        Upstreams { views: SERVICES.iter().map(view).collect(), ejecting: false }
    }

    /// One second with so many calls to all services together.
    pub fn second(&mut self, calls: f64, trouble: bool, dice: &mut Dice) -> Vec<UpstreamView> {
        let begins = trouble && !self.ejecting;
        self.ejecting = trouble;
        for (nature, view) in SERVICES.iter().zip(&mut self.views) {
            let troubled = trouble && nature.service == TROUBLED.0;
            serve(nature, view, calls * nature.share, troubled, dice);
            if troubled && begins {
                view.ejections += 1;
            }
        }
        self.views.clone()
    }
}

fn serve(nature: &Nature, view: &mut UpstreamView, calls: f64, troubled: bool, dice: &mut Dice) {
    let mut roughly = |mean: f64| (mean + dice.unit()) as u64;
    let calls = roughly(calls);
    let failed = roughly(calls as f64 * nature.failing / 1000.0 * if troubled { 30.0 } else { 1.0 });
    let hedges = roughly(calls as f64 * nature.hedged);
    let lost = roughly(failed as f64 * 0.7).min(failed);
    view.calls += calls;
    view.attempts += calls + failed + hedges;
    view.hedges += hedges;
    view.hedges_won += roughly(hedges as f64 * 0.4).min(hedges);
    tally(&mut view.retries, Code::ConnectionLost, lost);
    tally(&mut view.retries, Code::ServiceUnavailable, failed - lost);
    tally(&mut view.retries_refused, RefusedBy::Budget, if troubled { roughly(1.4) } else { 0 });
    tally(&mut view.retries_refused, RefusedBy::Deadline, if troubled { roughly(0.3) } else { 0 });
    view.shed[2] += if troubled { roughly(3.0) } else { 0 };
    view.shed[1] += if troubled { roughly(0.4) } else { 0 };
    view.budget_left = if troubled { roughly(1.0) } else { 10 + calls / 5 };
    view.limit = nature.limit;
    view.in_flight = roughly(calls as f64 * nature.latency_us / 1e6);
    view.queued = if troubled { roughly(4.0) } else { 0 };
    let wait_ns = if troubled { 18e6 } else { 40e3 };
    let waits = (0..calls.min(60)).map(|_| (wait_ns * (dice.normal() * 0.6).exp()) as u64);
    view.queue_time = if nature.limit == 0 { std::iter::empty().collect() } else { waits.collect() };
    view.ejected = u64::from(troubled);
    view.capacity = nature.capacity.map(|(share, lost, basis)| {
        let share = if troubled { 0.83 } else { share };
        let peak_rps = calls as f64 * 1.3;
        CapacityView { share, lost: lost.into(), basis: basis.into(), peak_rps, left_rps: peak_rps * share }
    });
}

fn tally<T: PartialEq>(tallies: &mut Vec<(T, u64)>, name: T, count: u64) {
    match tallies.iter_mut().find(|(held, _)| *held == name) {
        Some((_, held)) => *held += count,
        None => tallies.push((name, count)),
    }
}

/// The instances of all services at one second.
pub fn instances(second: u64, trouble: bool, quiet: bool, dice: &mut Dice) -> Vec<InstanceView> {
    let mut instances = Vec::new();
    for nature in SERVICES {
        for copy in 0..nature.copies {
            let (state, cause) = state(nature, copy, second, trouble);
            let out = state == "ejected";
            let busy = if out || quiet { 0.0 } else { 1.0 };
            let slow = if state == "warming" { 1.8 } else { 1.0 };
            instances.push(InstanceView {
                service: nature.service.into(),
                id: format!("{}-{}", nature.service, copy + 1),
                address: format!("127.0.0.1:{}", 41_000 + copy * 7 + nature.service.len() * 100),
                zone: ["a", "b", "c"][copy % 3].into(),
                healthy: !out,
                state: state.into(),
                cause: cause.into(),
                open_connections: if out { 0 } else { 2 },
                idle_connections: u64::from(!out && dice.unit() < 0.6),
                in_flight: (dice.unit() * 5.0 * busy) as u64,
                calls: second * 20,
                failures: second / 10,
                refusals: if state == "warming" { second / 4 } else { 0 },
                ejections: u64::from(out),
                latency_us: (nature.latency_us * slow * (0.9 + 0.2 * dice.unit())) as u64,
                utilisation_percent: (nature.service != "legacy")
                    .then(|| ((25.0 + 30.0 * dice.unit()) * busy) as u32),
                ..InstanceView::default()
            });
        }
    }
    instances
}

fn state(nature: &Nature, copy: usize, second: u64, trouble: bool) -> (&'static str, &'static str) {
    match (nature.service, copy, second % 90) {
        (service, copy, _) if trouble && (service, copy) == TROUBLED => {
            ("ejected", "5 errors in a row; back in 27 s")
        }
        (service, copy, 80..88) if (service, copy) == TROUBLED => {
            ("warming", "slow start, 40 % of its share")
        }
        ("timeline", 5, 30..50) => ("draining", "leaves after its last call"),
        _ => ("up", ""),
    }
}
