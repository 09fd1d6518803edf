//! Where Tenet is ahead of a peer, level with it, or behind: what is printed as LOST.

use super::{Run, of, or_never};
use crate::peers::Kind;
use crate::resilience::{Case, Row};
use crate::statistics::median;

/// A figure by which proxies are compared.
struct Measure {
    name: &'static str,
    pick: fn(&Run) -> f64,
    /// Whether more is better.
    more: bool,
    /// Differences up to this are none, in the figure's own unit: what rounds of one proxy differ by, or steps of the clock.
    level: f64,
    digits: usize,
}

/// Of the failures. A hundredth of a percent is one or two calls; windows of recovery are half a second apart.
const FAULTS: [Measure; 3] = [
    Measure {
        name: "success %",
        pick: |run| run.phases.during.success() * 100.0,
        more: true,
        level: 0.01,
        digits: 2,
    },
    Measure {
        name: "p99 ms during",
        pick: |run| run.phases.during.p99_us as f64 / 1000.0,
        more: false,
        level: 3.0,
        digits: 0,
    },
    Measure {
        name: "recovery s",
        pick: |run| or_never(run.phases.recovered),
        more: false,
        level: 0.01,
        digits: 1,
    },
];

/// Of overload.
const OVERLOAD: [Measure; 4] = [
    Measure { name: "goodput %", pick: |run| run.goodput * 100.0, more: true, level: 1.0, digits: 0 },
    Measure {
        name: "critical %",
        pick: |run| run.phases.during.critical_success() * 100.0,
        more: true,
        level: 0.01,
        digits: 2,
    },
    Measure {
        name: "p99 ms",
        pick: |run| run.phases.during.p99_us as f64 / 1000.0,
        more: false,
        level: 3.0,
        digits: 0,
    },
    Measure {
        name: "as usual after s",
        pick: |run| or_never(run.phases.calm),
        more: false,
        level: 0.01,
        digits: 1,
    },
];

/// One line for each case and peer.
pub fn lines(rows: &[Row]) -> Vec<String> {
    let ours = rows.iter().filter(|row| row.kind == Kind::Tenet);
    ours.flat_map(|ours| {
        let peers = rows.iter().filter(|row| row.case == ours.case && row.kind != Kind::Tenet);
        peers.map(|peer| line(ours, peer))
    })
    .collect()
}

fn line(ours: &Row, peer: &Row) -> String {
    let measures = if ours.case == Case::Overload { &OVERLOAD[..] } else { &FAULTS };
    let words: Vec<String> = measures.iter().map(|measure| measure.compare(ours, peer)).collect();
    let verdict = if words.iter().any(|words| words.ends_with("LOST")) { "LOST" } else { "held" };
    format!("{}, Tenet beside {}: {}: {verdict}.", ours.case.title(), peer.kind.title(), words.join("; "))
}

impl Measure {
    fn compare(&self, ours: &Row, peer: &Row) -> String {
        let (our, their) = (median(&of(ours, self.pick)), median(&of(peer, self.pick)));
        let gain = match (our.is_finite(), their.is_finite()) {
            (false, false) => 0.0,
            _ if self.more => our - their,
            _ => their - our,
        };
        let word = if gain > self.level {
            "ahead"
        } else if gain >= -self.level {
            "level"
        } else {
            "LOST"
        };
        let figure = |value: f64| {
            if value.is_finite() { format!("{value:.*}", self.digits) } else { "never".into() }
        };
        format!("{} {} to {} {word}", self.name, figure(our), figure(their))
    }
}
