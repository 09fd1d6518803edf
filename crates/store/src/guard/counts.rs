//! What a watch counts, and its families on the page of metrics.

use crate::metrics;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is known after a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Sessions that are there now.
    pub sessions: u64,
    /// Sessions that were seen.
    pub seen: u64,
    /// Statements that wrote.
    pub writes: u64,
    /// Looks that failed.
    pub failures: u64,
    /// Failures since a look was good.
    pub failed: u32,
}

/// The same, for whoever reads the page.
pub(super) struct Counts {
    database: String,
    known: Mutex<Known>,
}

/// What was counted, and when a look was good last.
#[derive(Clone, Copy, Default)]
struct Known {
    tally: Tally,
    good: Option<Instant>,
}

impl Counts {
    pub(super) fn new(database: &str) -> Counts {
        Counts { database: database.to_owned(), known: Mutex::default() }
    }

    pub(super) fn set(&self, tally: Tally) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.tally = tally;
        if tally.failed == 0 {
            known.good = Some(Instant::now());
        }
    }

    fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends the families. Names of databases are names of `tenet.toml`, which need no escaping.
pub(super) fn write<'a>(counts: impl Iterator<Item = &'a Counts>, out: &mut String) {
    // Writing into a string does not fail.
    let _ = families(&counts.collect::<Vec<_>>(), out);
}

fn families(counts: &[&Counts], out: &mut String) -> fmt::Result {
    type Of = fn(Tally) -> u64;
    let families: [(&str, &str, &str, Of); 4] = [
        (
            "tenet_foreign_sessions",
            "gauge",
            "Sessions on an owned database that are not its owner's.",
            |tally| tally.sessions,
        ),
        ("tenet_foreign_sessions_seen", "counter", "Such sessions, since the process began.", |tally| {
            tally.seen
        }),
        (
            "tenet_foreign_writes",
            "counter",
            "Statements that wrote past the owner and were noted.",
            |tally| tally.writes,
        ),
        ("tenet_guard_failures", "counter", "Looks for foreign sessions that failed.", |tally| {
            tally.failures
        }),
    ];
    for (name, kind, help, of) in families {
        metrics::family(out, name, kind, help)?;
        let suffix = if kind == "counter" { "_total" } else { "" };
        for counts in counts {
            let value = of(counts.known().tally);
            writeln!(out, "{name}{suffix}{{database=\"{}\"}} {value}", counts.database)?;
        }
    }
    let name = "tenet_guard_age_seconds";
    write!(
        out,
        "# TYPE {name} gauge\n# UNIT {name} seconds\n# HELP {name} Since the last look for foreign sessions that did not fail.\n"
    )?;
    for counts in counts {
        if let Some(good) = counts.known().good {
            let age = good.elapsed().as_secs_f64();
            writeln!(out, "{name}{{database=\"{}\"}} {age:.1}", counts.database)?;
        }
    }
    Ok(())
}
