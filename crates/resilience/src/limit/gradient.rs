//! From what a window showed to the next limit.

use super::LimitRules;
use super::trial::Trial;
use super::window::Seen;

/// Share of the way to its target that the limit goes in one window. Latency is seen one latency late; going all the way would swing.
const STEP: f64 = 0.3;
/// The target is never less than this share of the limit: one odd window must not empty the service.
const GRADIENT_LEAST: f64 = 0.5;
/// The limit moves only where it is used to at least this share: growing would mean nothing, and a latency does not come from it.
const USED: f64 = 0.5;
/// How fast the limit grows in a window that refused although there is next to no waiting, and which share of a latency that is at most: load
/// that moves here all at once, because another process died, is followed before anybody has waited for long.
const GROWTH: f64 = 1.5;
const IDLE_WAITING: f64 = 0.15;
/// The least share of a latency that is taken for work where `base` says that nearly all of it was waiting.
const WORK_LEAST: f64 = 0.1;

/// How much of the way down to a lower latency `base` goes in a window: fast, because only less work makes *all* calls faster, and not at
/// once, because windows of few calls are noisy.
const BASE_DOWN: f64 = 0.3;
/// In how many seconds `base` goes half the way up while the limit is not used, so that waiting is not the likely reason.
const BASE_UP_HALF_LIFE_S: f64 = 10.0;
/// How much `base` grows in a second while the limit lies at its minimum and the latency still seems too high. The minimum is harmless by
/// configuration, so that no overload can teach much this way, and without it a service that became slow would stay there.
const PINNED_DRIFT_PER_S: f64 = 0.05;

/// How much of the way up `base` goes when a trial shows that the latency was no waiting, and how many times itself it may become: one
/// wrong verdict must not teach an overload.
const TRIAL_LEARN: f64 = 0.8;
const TRIAL_LEARN_MOST: f64 = 3.0;

/// After so many windows in which calls were refused and the latency seemed too high the limit is raised once by so much. At rest a limit
/// teaches nothing, and one that came to rest below a service that only became slower would stay there; falling back, it is the
/// experiment that [`Trial`] needs. Upwards, because that costs a service in a queue some latency and nobody throughput.
const REST_MOST: u32 = 50;
const REST_KICK: f64 = 1.8;

/// Share of a window's calls that may run out of time before that alone lowers the limit: a few belong to a slow method.
const DROPPED_MOST: f64 = 0.05;

/// How fast the limit grows in a window that refused while it has never been too high: nothing is known yet, and a process that starts under load, or takes
/// over that of one that died, must not refuse what the service could do. As in TCP's slow start (RFC 5681 §3.1).
const START_GROWTH: f64 = 2.0;

/// The state of one limit. Pure: windows in, limits out.
#[derive(Clone, Debug)]
pub(super) struct Gradient {
    rules: LimitRules,
    limit: f64,
    /// The low percentile of latency that a window shows without a queue, in nanoseconds; `None` before the first window.
    base: Option<f64>,
    /// Until the first window that showed waiting.
    starting: bool,
    trial: Trial,
    /// Windows that refused since the trial began, or since the limit was last raised for it.
    resting: u32,
}

impl Gradient {
    pub(super) fn new(rules: &LimitRules) -> Gradient {
        Gradient {
            rules: *rules,
            limit: f64::from(rules.initial),
            base: None,
            starting: true,
            trial: Trial::default(),
            resting: 0,
        }
    }

    /// The limit after a window.
    pub(super) fn step(&mut self, seen: &Seen) -> u64 {
        let used = seen.refused || seen.most as f64 >= self.limit * USED;
        let mut gradient =
            if seen.dropped_share() > DROPPED_MOST { 1.0 - seen.dropped_share() / 2.0 } else { 1.0 };
        if seen.answered > 0 {
            // The first calls find an empty queue, whatever comes behind them: the least of them is without waiting.
            let base = *self.base.get_or_insert(seen.least);
            let by_latency = self.by_latency(seen, base);
            let falls = used && by_latency < 1.0;
            self.base = Some(self.learn(seen, base, used, falls));
            self.resting = if falls { self.resting + u32::from(seen.refused) } else { 0 };
            if !falls {
                self.trial = Trial::default();
            } else if self.trial.watch(seen.most, seen.throughput()) {
                (self.trial, self.resting) = (Trial::default(), 0);
                let learnt = base + TRIAL_LEARN * (seen.low - base).max(0.0);
                self.base = Some(learnt.min(base * TRIAL_LEARN_MOST));
            }
            gradient = gradient.min(by_latency);
        }
        self.starting &= gradient >= 1.0;
        if seen.refused && gradient >= 1.0 && self.is_idle(seen) {
            let growth = if self.starting { START_GROWTH } else { GROWTH };
            self.limit = (self.limit * growth).min(f64::from(self.rules.max));
        } else if used {
            let target = self.limit * gradient + self.limit.sqrt();
            self.limit += STEP * (target - self.limit);
            if self.resting >= REST_MOST {
                (self.limit, self.resting) = (self.limit * REST_KICK, 0);
            }
            self.limit = self.limit.clamp(f64::from(self.rules.min), f64::from(self.rules.max));
        }
        self.limit.round() as u64
    }

    /// The low percentile of latency without a queue, in nanoseconds.
    pub(super) fn base(&self) -> Option<f64> {
        self.base
    }

    /// The share of the limit that a window's latency justifies.
    fn by_latency(&self, seen: &Seen, base: f64) -> f64 {
        let waiting = (seen.low - base).max(0.0);
        let work = (seen.mean - waiting).max(seen.mean * WORK_LEAST);
        (self.rules.tolerance * work / (work + waiting)).clamp(GRADIENT_LEAST, 1.0)
    }

    /// Whether a window shows next to no waiting.
    fn is_idle(&self, seen: &Seen) -> bool {
        self.base.is_some_and(|base| seen.low - base < IDLE_WAITING * seen.mean)
    }

    /// What `base` is after a window, as far as that needs no experiment.
    fn learn(&self, seen: &Seen, base: f64, used: bool, falls: bool) -> f64 {
        let above = seen.low - base;
        if above < 0.0 {
            base + BASE_DOWN * above
        } else if !used {
            base + above * (1.0 - 0.5f64.powf(seen.seconds / BASE_UP_HALF_LIFE_S))
        } else if falls && self.limit <= f64::from(self.rules.min) {
            base + above.min(base * PINNED_DRIFT_PER_S * seen.seconds)
        } else {
            // There may be a queue in what is seen.
            base
        }
    }
}
