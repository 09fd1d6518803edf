//! How long to wait before trying again: pauses that double, with randomness in them so that those who failed together do not
//! come back together.
//!
//! Two shapes, after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). A *retry* of a call waits with full jitter,
//! which spreads a crowd best and costs the fewest attempts in all. An *instance* that cannot be reached is left alone with
//! equal jitter: half of the pause is certain, because a reconnect at once after a refusal would only be refused again.

use std::time::Duration;

/// Doublings beyond which every pause is at its maximum: 64 of them shift any base of nanoseconds out of 64 bits.
const MAX_DOUBLINGS: u32 = 64;

/// Pauses that double from `base` up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest pause before the first retry.
    pub base: Duration,
    /// What no pause exceeds; the pause is not longer than this even where `base` is.
    pub max: Duration,
}

impl Backoff {
    /// The pause before the `retry`-th retry (1 is the first): `random` spreads it uniformly over
    /// [0, min(`max`, `base` · 2^(`retry` − 1))], to the nanosecond ("full jitter").
    pub fn pause(&self, retry: u32, random: u64) -> Duration {
        Duration::from_nanos(up_to(self.ceiling_ns(retry), random))
    }

    /// The pause after the `failures`-th failure in a row (1 is the first): min(`max`, `base` · 2^(`failures` − 1)), of which
    /// `random` takes away up to half ("equal jitter").
    pub fn equal_jitter(&self, failures: u32, random: u64) -> Duration {
        let full = self.ceiling_ns(failures);
        let certain = full - full / 2;
        Duration::from_nanos(certain + up_to(full / 2, random))
    }

    /// min(`max`, `base` · 2^(`nth` − 1)) in nanoseconds; `nth` 0 is taken for 1.
    fn ceiling_ns(&self, nth: u32) -> u64 {
        let doublings = nth.saturating_sub(1).min(MAX_DOUBLINGS);
        let doubled = u128::from(nanos(self.base)) << doublings;
        u64::try_from(doubled).unwrap_or(u64::MAX).min(nanos(self.max))
    }
}

/// Nanoseconds of `duration`; what is longer than 584 years counts as that.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `random` scaled to [0, `ceiling`]: the high half of their product is uniform to within one part in 2^64 / `ceiling`, and
/// takes no division.
fn up_to(ceiling: u64, random: u64) -> u64 {
    let outcomes = u128::from(ceiling) + 1;
    // The product is below 2^64 · outcomes, so the shifted value is at most `ceiling`.
    ((u128::from(random) * outcomes) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(5) };

    #[test]
    fn the_pause_doubles_up_to_its_maximum_within_half_of_jitter() {
        let check = |failures, full_ms: u64| {
            for random in [0, 1 << 40, u64::MAX / 2, u64::MAX] {
                let pause = BACKOFF.equal_jitter(failures, random);
                let full = Duration::from_millis(full_ms);
                assert!(
                    pause >= full / 2 && pause <= full,
                    "{failures} failures, {random}: {pause:?} of {full:?}"
                );
            }
            assert_eq!(BACKOFF.equal_jitter(failures, 0), Duration::from_millis(full_ms) / 2);
            assert_eq!(BACKOFF.equal_jitter(failures, u64::MAX), Duration::from_millis(full_ms));
        };
        check(0, 100);
        check(1, 100);
        check(2, 200);
        check(3, 400);
        check(6, 3200);
        check(7, 5000);
        check(u32::MAX, 5000);
    }

    #[test]
    fn a_retry_waits_anywhere_between_nothing_and_its_ceiling() {
        let check = |retry, ceiling_ms: u64| {
            let ceiling = Duration::from_millis(ceiling_ms);
            assert_eq!(BACKOFF.pause(retry, 0), Duration::ZERO, "retry {retry}");
            assert_eq!(BACKOFF.pause(retry, 1 << 63).as_millis(), ceiling.as_millis() / 2, "retry {retry}");
            assert_eq!(BACKOFF.pause(retry, u64::MAX), ceiling, "retry {retry}");
        };
        check(0, 100);
        check(1, 100);
        check(2, 200);
        check(6, 3200);
        check(7, 5000);
        check(u32::MAX, 5000);
    }

    #[test]
    fn the_pauses_of_a_crowd_are_spread_evenly() {
        // Sixteen equal parts of the range, a golden-ratio sequence of 16,000: each part gets its thousand within 1 %.
        let mut parts = [0u32; 16];
        let ceiling = Duration::from_millis(100).as_nanos() + 1;
        for step in 0..16_000u64 {
            let pause = BACKOFF.pause(1, step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            parts[(pause.as_nanos() * 16 / ceiling) as usize] += 1;
        }
        assert!(parts.iter().all(|part| part.abs_diff(1000) <= 10), "{parts:?}");
    }

    proptest! {
        #[test]
        fn no_input_passes_the_maximum(base: Duration, max: Duration, nth: u32, random: u64) {
            let backoff = Backoff { base, max };
            prop_assert!(backoff.pause(nth, random) <= max);
            prop_assert!(backoff.equal_jitter(nth, random) <= max);
        }
    }
}
