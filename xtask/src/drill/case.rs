//! What is rehearsed, at which load, and what is expected of it.

/// Instances of the service under load, and what each can do.
pub struct Fleet {
    pub name: &'static str,
    /// Zones, with one instance of each service in each.
    zones: &'static [&'static str],
    /// Calls an instance takes at a time, and what each takes.
    slots: u32,
    slot_ms: u32,
    /// `[traffic]`: weight and path of each request.
    requests: &'static [(u32, &'static str)],
}

/// A call that instances of one service answer out of their memory, so that the capacity is theirs; what reads the store would keep the
/// machine busy with it.
const FOLLOWING: &str = "/v1/users/u{user}/following?page_size=1";
/// CRITICAL in its contract; a read of the store.
pub const GET_ME: &str = "/v1/users/me";

pub const FLEETS: [Fleet; 2] = [
    // Four zones, because at 70 % of the capacity of three the two that are left would have to do 105 %. So fast that the ten seconds
    // of a failure hold 30,000 calls.
    Fleet {
        name: "four zones",
        zones: &["a", "b", "c", "d"],
        slots: 22,
        slot_ms: 20,
        requests: &[(1, FOLLOWING)],
    },
    // So slow that three times of it leaves the machine quiet.
    Fleet {
        name: "small",
        zones: &["a", "b", "c"],
        slots: 8,
        slot_ms: 24,
        requests: &[(9, FOLLOWING), (1, GET_ME)],
    },
];

impl Fleet {
    /// What the instances of one service can do together, in calls a second.
    pub fn capacity(&self) -> u32 {
        self.slots * 1000 / self.slot_ms * self.zones.len() as u32
    }

    /// The example's `tenet.toml` with this fleet and its traffic.
    pub fn edit(&self, text: &str) -> String {
        let slots = format!("env = {{ TENET_FAULT_SLOTS = \"{}x{}ms\" }}", self.slots, self.slot_ms);
        // Each service has one such line, and what is kept has no slots.
        let per_zone = "per_zone = 1";
        let traffic: String = self
            .requests
            .iter()
            // The example's own requests come to nothing beside such weights.
            .map(|(weight, path)| {
                format!("\n[[traffic.requests]]\nweight = {weight}000000\npath = \"{path}\"\n")
            })
            .collect();
        text.replace(per_zone, &format!("{per_zone}\n{slots}"))
            .replace("zones = [\"a\", \"b\", \"c\"]", &format!("zones = {:?}", self.zones))
            + &traffic
    }
}

/// One failure and what is expected of it.
pub struct Case {
    pub name: &'static str,
    pub fleet: &'static str,
    pub drill: &'static [&'static str],
    /// Usual load, as a share of the fleet's capacity, and how long the failure lasts.
    pub load_percent: u32,
    pub during: &'static str,
    pub expected: Expected,
}

/// What must hold; `None` is not asked for.
#[derive(Clone, Copy)]
pub struct Expected {
    /// Least calls during the failure: fewer show nothing of one in ten thousand.
    pub calls: Option<u64>,
    /// Most failed calls from the failure on.
    pub harmed: Option<u64>,
    /// Most that p99 during may be of p99 before.
    pub p99_ratio: Option<f64>,
    /// From the failure until callers are served as before, and from its end.
    pub recovery_ms: Option<u64>,
    pub settle_ms: Option<u64>,
    /// Least share of the fleet's capacity that is answered well during the failure.
    pub goodput: Option<f64>,
    /// Least share of the calls of a CRITICAL method that succeed during it, in percent.
    pub critical_percent: Option<f64>,
}

/// Usual load of the cases in which something fails.
const LOAD_PERCENT: u32 = 70;

const NOTHING: Expected = Expected {
    calls: None,
    harmed: None,
    p99_ratio: None,
    recovery_ms: None,
    settle_ms: None,
    goodput: None,
    critical_percent: None,
};
const UNNOTICED: Expected = Expected {
    calls: Some(30_000),
    harmed: Some(3),
    p99_ratio: Some(3.0),
    recovery_ms: Some(2000),
    ..NOTHING
};

pub const CASES: [Case; 6] = [
    fault("zone killed", &["lose-zone", "b"]),
    // Nobody notices that a gateway hangs but whoever waits for its answer; callers have a time limit for each attempt.
    fault("zone hangs", &["hang-zone", "b", "--repeat-after", "500ms"]),
    fault("instance 100 ms slower", &["slow-instance", "accounts-b-1", "--delay", "100ms"]),
    fault("instance fails fast", &["error-instance", "accounts-b-1"]),
    Case {
        name: "rolling restart",
        fleet: "four zones",
        drill: &["rolling-restart"],
        load_percent: LOAD_PERCENT,
        during: "10s",
        expected: Expected { harmed: Some(0), ..NOTHING },
    },
    Case {
        name: "3 × capacity",
        fleet: "small",
        drill: &["overload", "--times", "6"],
        load_percent: 50,
        during: "30s",
        expected: Expected {
            settle_ms: Some(5000),
            goodput: Some(0.9),
            critical_percent: Some(99.9),
            ..NOTHING
        },
    },
];

const fn fault(name: &'static str, drill: &'static [&'static str]) -> Case {
    Case { name, fleet: "four zones", drill, load_percent: LOAD_PERCENT, during: "10s", expected: UNNOTICED }
}

/// What the table is of; `load_percent` where it is not the cases' own.
pub fn intro(load_percent: Option<u32>) -> String {
    let fleet = |fleet: &Fleet| {
        format!(
            "{} instances of {} slots of {} ms ({} calls a second)",
            fleet.zones.len(),
            fleet.slots,
            fleet.slot_ms,
            fleet.capacity()
        )
    };
    let [faults, overload] = &FLEETS;
    let load_percent = load_percent.unwrap_or(LOAD_PERCENT);
    format!(
        "Failures at {load_percent} % of {}, two gateways; overload at three times {}, a tenth of it CRITICAL.",
        fleet(faults),
        fleet(overload)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_fleet_and_every_edit_takes() {
        let example = std::fs::read_to_string(crate::shell::root().join("examples/feed/tenet.toml")).unwrap();
        for fleet in &FLEETS {
            let edited = fleet.edit(&example);
            assert_eq!(edited.matches("TENET_FAULT_SLOTS").count(), 3);
            assert_eq!(edited.matches(&format!("zones = {:?}", fleet.zones)).count(), 3);
            assert!(CASES.iter().any(|case| case.fleet == fleet.name));
        }
        assert!(CASES.iter().all(|case| FLEETS.iter().any(|fleet| fleet.name == case.fleet)));
    }
}
