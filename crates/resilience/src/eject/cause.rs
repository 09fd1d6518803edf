//! Why an instance is ejected, for the decision and for the event.

use std::fmt;

/// Why an instance is ejected. Reads as the rest of a sentence that begins with its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// So many attempts in a row failed.
    Consecutive {
        /// How many.
        failures: u32,
    },
    /// It fails far more than the others.
    Failures {
        /// Its share of failures, 0 to 1.
        share: f64,
        /// In so many requests.
        requests: u64,
        /// The share of all others together.
        others: f64,
    },
    /// It takes far longer than the others.
    Latency {
        /// Its geometric mean, in nanoseconds.
        typical: f64,
        /// The median of the others', in nanoseconds.
        others: f64,
    },
}

/// What the judge finds against one instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// [`super::Tally::instance`].
    pub instance: u64,
    /// Why.
    pub cause: Cause,
}

impl Cause {
    /// How bad it is, to order by: failing is worse than slow, more is worse than less.
    pub(super) fn severity(&self) -> (u8, f64) {
        match *self {
            Cause::Consecutive { failures } => (2, f64::from(failures)),
            Cause::Failures { share, .. } => (1, share),
            Cause::Latency { typical, others } => (0, typical / others.max(1.0)),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cause::Consecutive { failures } => write!(f, "failed {failures} times in a row"),
            Cause::Failures { share, requests, others } => {
                write!(f, "failed {} of {requests} requests, the others {}", percent(share), percent(others))
            }
            Cause::Latency { typical, others } => {
                write!(f, "answers in {}, the others in {}", millis(typical), millis(others))
            }
        }
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 || percent == 0.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

fn millis(nanos: f64) -> String {
    let millis = nanos / 1e6;
    if millis >= 10.0 { format!("{millis:.0} ms") } else { format!("{millis:.1} ms") }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn a_cause_reads_as_the_rest_of_a_sentence() {
        let check = |cause: Cause, expected: &str| assert_eq!(cause.to_string(), expected);
        check(Cause::Consecutive { failures: 5 }, "failed 5 times in a row");
        let failures = Cause::Failures { share: 0.624, requests: 340, others: 0.012 };
        check(failures, "failed 62 % of 340 requests, the others 1.2 %");
        check(Cause::Latency { typical: 104.2e6, others: 6.04e6 }, "answers in 104 ms, the others in 6.0 ms");
    }
}
