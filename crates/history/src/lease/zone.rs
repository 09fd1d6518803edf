//! All pairs of moments (lease last granted or renewed, now) that a history allows, as a zone of differences.
//!
//! A recorded history says of each operation only that it took effect between two times, so that "the lease had run out" may be
//! true of some moments and false of others. A zone keeps exactly those that agree with all answers so far: bounds on
//! each moment and on their distance. Difference bound matrices: Dill, "Timing assumptions and verification of finite-state
//! concurrent systems", 1989.

/// The zero both moments are measured from, the row and column of bounds on one moment.
const ZERO: usize = 0;
/// When the lease was last granted or renewed.
const GRANTED: usize = 1;
/// When the last operation took effect.
const NOW: usize = 2;
/// No bound. Far enough from the end of the type that two of them can be added.
const FREE: i64 = i64::MAX / 4;

/// `zone[i][j]` is the greatest difference, in nanoseconds, of moment `i` minus moment `j`. Always closed: no bound is wider than
/// the others imply, so that equal zones are equal matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone([[i64; 3]; 3]);

impl Zone {
    /// Both moments at 0.
    pub fn start() -> Zone {
        Zone([[0; 3]; 3])
    }

    /// Lets time pass until a moment within `call_ns` and `return_ns`; none where that is already over.
    pub fn pass(self, call_ns: u64, return_ns: Option<u64>) -> Option<Zone> {
        let mut zone = self;
        zone.0[NOW][ZERO] = FREE;
        zone.0[NOW][GRANTED] = FREE;
        let zone = zone.bound(ZERO, NOW, -clamp(call_ns))?;
        zone.bound(NOW, ZERO, return_ns.map_or(FREE, clamp))
    }

    /// Keeps the moments at which at least `ttl_ns` had passed since the grant.
    pub fn at_least(self, ttl_ns: u64) -> Option<Zone> {
        self.bound(GRANTED, NOW, -clamp(ttl_ns))
    }

    /// Keeps the moments at which less than `ttl_ns` had passed since the grant.
    pub fn less_than(self, ttl_ns: u64) -> Option<Zone> {
        self.bound(NOW, GRANTED, clamp(ttl_ns) - 1)
    }

    /// The lease is granted or renewed now; also where there is none, so that nothing of an old one is kept.
    #[must_use]
    pub fn grant(self) -> Zone {
        let mut zone = self.0;
        for other in [ZERO, NOW] {
            zone[GRANTED][other] = zone[NOW][other];
            zone[other][GRANTED] = zone[other][NOW];
        }
        zone[GRANTED][NOW] = 0;
        zone[NOW][GRANTED] = 0;
        Zone(zone)
    }

    /// The earliest and the latest distance of now from the grant, in nanoseconds.
    pub fn age_ns(&self) -> (i64, i64) {
        (-self.0[GRANTED][NOW], self.0[NOW][GRANTED])
    }

    /// Adds the bound `i - j <= most`; none where nothing is left.
    fn bound(self, i: usize, j: usize, most: i64) -> Option<Zone> {
        let mut zone = self.0;
        zone[i][j] = zone[i][j].min(most);
        for via in 0..3 {
            for from in 0..3 {
                for to in 0..3 {
                    zone[from][to] = zone[from][to].min((zone[from][via] + zone[via][to]).min(FREE));
                }
            }
        }
        (0..3).all(|moment| zone[moment][moment] >= 0).then_some(Zone(zone))
    }
}

/// Times beyond a century after the clock's zero count as one: 2^61 ns are 73 years.
fn clamp(time_ns: u64) -> i64 {
    i64::try_from(time_ns).unwrap_or(FREE).min(FREE)
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn a_lease_may_have_run_out_only_where_the_spans_allow_it() {
        let granted = Zone::start().pass(100, Some(200)).unwrap().grant();
        // (call, return, ttl, may be over, may still hold)
        for (call_ns, return_ns, ttl_ns, over, holds) in [
            (250, Some(260), 200, false, true),
            (250, Some(300), 200, true, true),
            (399, Some(500), 200, true, true),
            (400, Some(500), 200, true, false),
            (250, None, 200, true, true),
            (50, Some(90), 200, false, false),
        ] {
            let now = granted.pass(call_ns, return_ns);
            let found = (
                now.and_then(|now| now.at_least(ttl_ns)).is_some(),
                now.and_then(|now| now.less_than(ttl_ns)).is_some(),
            );
            assert_eq!(found, (over, holds), "{call_ns}..{return_ns:?}");
        }
    }

    #[test]
    fn what_was_learned_of_the_grant_stays() {
        let granted = Zone::start().pass(100, Some(200)).unwrap().grant();
        // Still held at 350 means granted after 150, so that it is not over at 340 + 10.
        let held = granted.pass(350, Some(350)).unwrap().less_than(200).unwrap();
        assert!(held.pass(350, Some(350)).unwrap().at_least(200).is_none());
        assert!(held.pass(351, Some(351)).unwrap().at_least(200).is_some());
    }
}
