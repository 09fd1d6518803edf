//! What fails in a drill, as the command asks for it and as the supervisor does it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// Longest time a failure may be in force: what the fault points of services and gateways lend.
pub const LONGEST: Duration = Duration::from_secs(600);

/// A failure and how long it lasts at most. It is undone before, when the command says so or goes away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// What fails.
    #[serde(flatten)]
    pub fault: Fault,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

/// What fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// Every instance of a zone and its gateway are killed and stay away.
    LoseZone { zone: String },
    /// One instance (or gateway) is killed and stays away.
    LoseInstance { instance: String },
    /// Every process of a zone is stopped where it is: connections stay open, nothing answers.
    HangZone { zone: String },
    /// One instance (or gateway) is stopped where it is.
    HangInstance { instance: String },
    /// One instance takes longer for each call.
    SlowInstance { instance: String, delay_ms: u64 },
    /// One instance answers with an error at once.
    ErrorInstance { instance: String, code: String, share: f64 },
    /// One instance takes calls and never answers.
    BlackHole { instance: String },
    /// Every gateway's way to the instances of a zone takes longer.
    SlowNetwork { zone: String, delay_ms: u64 },
    /// Callers call this many times as often.
    Overload { times: f64 },
    /// Every gateway and every instance is replaced, one after the other. Nothing fails, and nobody should notice.
    RollingRestart,
}

/// What a fault reaches, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// All that lives in a zone.
    Zone(&'a str),
    /// One instance.
    Instance(&'a str),
    /// The whole fleet, in an orderly way.
    Fleet,
    /// Nobody: it is the callers who do it.
    Callers,
}

/// By what means it is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Means {
    /// SIGKILL, and nothing is started again.
    Kill,
    /// SIGSTOP.
    Stop,
    /// The fault points of the instances reached.
    Instances(Value),
    /// The fault points of all gateways.
    Gateways(Value),
    /// `tenet restart --services`.
    Restart,
    /// The drill's own load.
    Load,
}

impl Fault {
    /// Whom it is about.
    pub fn reach(&self) -> Reach<'_> {
        match self {
            Fault::LoseZone { zone } | Fault::HangZone { zone } | Fault::SlowNetwork { zone, .. } => {
                Reach::Zone(zone)
            }
            Fault::LoseInstance { instance }
            | Fault::HangInstance { instance }
            | Fault::SlowInstance { instance, .. }
            | Fault::ErrorInstance { instance, .. }
            | Fault::BlackHole { instance } => Reach::Instance(instance),
            Fault::Overload { .. } => Reach::Callers,
            Fault::RollingRestart => Reach::Fleet,
        }
    }

    /// How many times the usual number of calls it brings.
    pub fn load_times(&self) -> f64 {
        if let Fault::Overload { times } = self { *times } else { 1.0 }
    }

    /// How it is done. `for_ms` is how long a fault point keeps it if nobody undoes it: the drill's time and a little more, so
    /// that it is undone also when everybody who could has died.
    pub fn means(&self, for_ms: u64) -> Means {
        match self {
            Fault::LoseZone { .. } | Fault::LoseInstance { .. } => Means::Kill,
            Fault::HangZone { .. } | Fault::HangInstance { .. } => Means::Stop,
            Fault::SlowInstance { delay_ms, .. } => {
                Means::Instances(json!({ "delay_ms": delay_ms, "for_ms": for_ms }))
            }
            Fault::ErrorInstance { code, share, .. } => {
                Means::Instances(json!({ "error": { "code": code, "share": share }, "for_ms": for_ms }))
            }
            Fault::BlackHole { .. } => Means::Instances(json!({ "black_hole": true, "for_ms": for_ms })),
            Fault::SlowNetwork { zone, delay_ms } => {
                Means::Gateways(json!({ "zone": zone, "delay_ms": delay_ms, "for_ms": for_ms }))
            }
            Fault::Overload { .. } => Means::Load,
            Fault::RollingRestart => Means::Restart,
        }
    }
}

impl fmt::Display for Fault {
    /// As the command line spells it: `slow-instance web-a-1 (100 ms)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::LoseZone { zone } => write!(f, "lose-zone {zone}"),
            Fault::LoseInstance { instance } => write!(f, "lose-instance {instance}"),
            Fault::HangZone { zone } => write!(f, "hang-zone {zone}"),
            Fault::HangInstance { instance } => write!(f, "hang-instance {instance}"),
            Fault::SlowInstance { instance, delay_ms } => {
                write!(f, "slow-instance {instance} ({delay_ms} ms)")
            }
            Fault::ErrorInstance { instance, code, share } => {
                write!(f, "error-instance {instance} ({code}, {} % of its calls)", share * 100.0)
            }
            Fault::BlackHole { instance } => write!(f, "black-hole {instance}"),
            Fault::SlowNetwork { zone, delay_ms } => write!(f, "slow-network {zone} ({delay_ms} ms)"),
            Fault::Overload { times } => write!(f, "overload ({times} times the calls)"),
            Fault::RollingRestart => write!(f, "rolling-restart"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_survives_the_socket() {
        let fault = Fault::ErrorInstance { instance: "web-a-1".into(), code: "INTERNAL".into(), share: 0.5 };
        let sent = Rehearsal { fault, for_ms: 2000 };
        let text = serde_json::to_string(&sent).unwrap();
        assert!(text.contains("\"kind\":\"error-instance\""), "{text}");
        assert_eq!(serde_json::from_str::<Rehearsal>(&text).unwrap(), sent);
        assert!(serde_json::from_str::<Rehearsal>("{\"kind\":\"lose-all\",\"for_ms\":1}").is_err());
    }
}
