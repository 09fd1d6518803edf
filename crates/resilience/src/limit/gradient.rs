//! From what a window showed to the next limit.

use super::LimitRules;
use super::window::Seen;

/// Share of the way to its target that the limit goes in one window: four windows for most of it, so that one odd window moves little.
const STEP: f64 = 0.25;
/// How fast `base` follows a window that was faster than it, and one that was slower while the load was not bound by the limit. The two
/// together settle at a low expectile of what windows show, about the twentieth.
const BASE_DOWN: f64 = 0.1;
const BASE_UP: f64 = 0.005;
/// The limit never falls faster than to this share of it, before [`STEP`].
const GRADIENT_LEAST: f64 = 0.5;
/// The limit grows only where it is used to at least this share.
const USED: f64 = 0.5;
/// A limit that fell to this share of what it was, while the latency did not fall below [`STAYED`] of what it was, did not fall
/// because of a queue.
const FELL: f64 = 0.5;
const STAYED: f64 = 0.8;
/// Share of a window's calls that may run out of time before that alone lowers the limit.
const DROPPED_MOST: f64 = 0.1;
/// What the limit falls to then.
const DROPPED_STEP: f64 = 0.9;
/// Weight of one window in the smoothed latency.
const SMOOTHING: f64 = 0.5;

/// The state of one limit. Pure: windows in, limits out.
#[derive(Clone, Debug)]
pub(super) struct Gradient {
    rules: LimitRules,
    limit: f64,
    /// What a call takes without a queue, in nanoseconds; `None` before the first window.
    base: Option<f64>,
    /// Smoothed latency, in nanoseconds.
    now: f64,
    /// The limit when it began to fall, and the highest latency since.
    fall: Option<(f64, f64)>,
}

impl Gradient {
    pub(super) fn new(rules: &LimitRules) -> Gradient {
        Gradient { rules: *rules, limit: f64::from(rules.initial), base: None, now: 0.0, fall: None }
    }

    /// The limit after a window.
    pub(super) fn step(&mut self, seen: &Seen) -> u64 {
        let Some(base) = self.base else {
            // The first calls find a service with an empty queue, whatever comes behind them. Should the fastest of them be no
            // measure of the others, the limit falls without effect and `relearn` corrects it.
            self.base = Some(seen.least_ns);
            self.now = seen.typical_ns;
            return self.rounded();
        };
        self.now += SMOOTHING * (seen.typical_ns - self.now);
        let used = seen.most as f64 >= self.limit * USED;
        self.learn_base(base, used);
        if used {
            self.follow();
        }
        if seen.dropped > DROPPED_MOST && used {
            self.limit *= DROPPED_STEP;
        }
        self.limit = self.limit.clamp(f64::from(self.rules.min), f64::from(self.rules.max));
        self.rounded()
    }

    fn learn_base(&mut self, base: f64, used: bool) {
        let rate = if self.now < base {
            BASE_DOWN
        } else if used {
            // The limit bounds the load: there may be a queue in what is seen.
            0.0
        } else {
            BASE_UP
        };
        self.base = Some(base + rate * (self.now - base));
    }

    fn follow(&mut self) {
        let base = self.base.unwrap_or(self.now);
        let gradient = (self.rules.tolerance * base / self.now.max(1.0)).clamp(GRADIENT_LEAST, 1.0);
        let target = self.limit * gradient + self.limit.sqrt();
        let next = self.limit + STEP * (target - self.limit);
        if next >= self.limit {
            self.fall = None;
        } else {
            let (from, highest) = self.fall.unwrap_or((self.limit, 0.0));
            let latency = self.now.max(highest);
            self.fall = Some((from, latency));
            if next <= from * FELL {
                if self.now >= latency * STAYED {
                    self.base = Some(self.now);
                }
                // A fall that goes on is measured anew from here.
                self.fall = Some((next, self.now));
            }
        }
        self.limit = next;
    }

    fn rounded(&self) -> u64 {
        self.limit.round() as u64
    }
}
