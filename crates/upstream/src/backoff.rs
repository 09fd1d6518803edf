//! How long a failing instance is left alone: doubling pauses with jitter. Pure: randomness comes from the caller.

use std::time::Duration;

/// Doublings after which the pause is surely at any sensible maximum; keeps the shift in range.
const MAX_DOUBLINGS: u32 = 20;

/// The pause after the `failures`-th failure in a row (1 is the first): `base` doubled each time up to `max`, of which
/// `random` takes away up to half, so that the threads and gateways that saw the same failure do not return together.
pub(crate) fn pause(failures: u32, base: Duration, max: Duration, random: u64) -> Duration {
    let full = base.saturating_mul(1 << failures.saturating_sub(1).min(MAX_DOUBLINGS)).min(max);
    let half = full / 2;
    half + half.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_maximum_within_half_of_jitter() {
        let check = |failures, full_ms: u64| {
            for random in [0, 1 << 40, u64::MAX / 2, u64::MAX] {
                let pause = pause(failures, Duration::from_millis(100), Duration::from_secs(5), random);
                let full = Duration::from_millis(full_ms);
                assert!(
                    pause >= full / 2 && pause <= full,
                    "{failures} failures, {random}: {pause:?} of {full:?}"
                );
            }
        };
        check(1, 100);
        check(2, 200);
        check(3, 400);
        check(6, 3200);
        check(7, 5000);
        check(u32::MAX, 5000);
    }
}
