//! Is it waiting or work that a latency is made of? What a falling limit does to throughput tells.

/// What an older window weighs beside the next younger one: about fourteen windows are remembered.
const MEMORY: f64 = 0.93;
/// Windows that are needed for a verdict.
const WINDOWS_LEAST: f64 = 5.0;
/// What is in flight must have varied so much (standard deviation of its natural logarithm; 0.15 is a fall by about 40 %). Smaller changes
/// are what a limit does at rest, where its cause is the noise in the throughput itself.
const SPREAD_LEAST: f64 = 0.15;
/// The verdict "work" needs an elasticity that lies above a third by so many of its standard errors, and not far above one. A third and not the
/// half, because the most in flight rises more than the mean where a limit is raised to what nobody needs.
const ELASTICITY_LEAST: f64 = 0.35;
const CERTAINTY: f64 = 2.0;
const ELASTICITY_MOST: f64 = 1.6;

/// The falling limit as an experiment. Where calls wait, fewer in flight take less time each and the throughput stays: its elasticity to
/// what is in flight is 0. Where they do not, throughput falls with them: it is 1. Least squares over the logarithms of the last
/// windows estimate it, with its error, so that a service whose throughput is noisy needs more evidence.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trial {
    weight: f64,
    in_flight: f64,
    throughput: f64,
    /// Weighted sums of the products of deviations.
    ff: f64,
    ft: f64,
    tt: f64,
}

impl Trial {
    /// Takes in a window: most calls in flight, and calls answered a second. Whether it is work by now.
    pub(super) fn watch(&mut self, in_flight: u64, throughput: f64) -> bool {
        if in_flight == 0 || throughput.is_nan() || throughput <= 0.0 {
            return false;
        }
        let (in_flight, throughput) = ((in_flight as f64).ln(), throughput.ln());
        self.weight = self.weight * MEMORY + 1.0;
        let (f, t) = (in_flight - self.in_flight, throughput - self.throughput);
        self.in_flight += f / self.weight;
        self.throughput += t / self.weight;
        self.ff = self.ff * MEMORY + f * (in_flight - self.in_flight);
        self.ft = self.ft * MEMORY + f * (throughput - self.throughput);
        self.tt = self.tt * MEMORY + t * (throughput - self.throughput);
        if self.weight < WINDOWS_LEAST - 1.0 || self.ff < SPREAD_LEAST * SPREAD_LEAST * self.weight {
            return false;
        }
        let elasticity = self.ft / self.ff;
        let unexplained = (self.tt - elasticity * self.ft).max(0.0) / (self.weight - 2.0).max(1.0);
        let error = (unexplained / self.ff).sqrt();
        elasticity - CERTAINTY * error > ELASTICITY_LEAST && elasticity < ELASTICITY_MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_waiting_are_told_apart() {
        // What is in flight window by window, and how many slots of 10 ms there are.
        type Row = (&'static str, &'static [u64], u64, bool);
        let rows: [Row; 5] = [
            ("no queue at all", &[64, 54, 46, 39, 33, 28, 24, 20], 100, true),
            ("a queue", &[64, 54, 46, 39, 33, 28, 24, 20], 16, false),
            ("at rest", &[30, 29, 30, 28, 30, 29, 31, 30], 100, false),
            ("too early to say", &[64, 40, 30], 100, false),
            ("the queue ended on the way", &[64, 58, 52, 46, 40, 34, 30, 28], 32, false),
        ];
        for (name, in_flight, slots, work) in rows {
            let mut trial = Trial::default();
            let verdict = in_flight.iter().any(|&n| trial.watch(n, n.min(slots) as f64 * 100.0));
            assert_eq!(verdict, work, "{name}");
        }
    }

    #[test]
    fn nothing_in_flight_or_answered_says_nothing() {
        let mut trial = Trial::default();
        assert!(!trial.watch(0, 5.0) && !trial.watch(5, 0.0) && !trial.watch(5, f64::NAN));
    }
}
