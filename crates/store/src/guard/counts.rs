//! What a watch counts, and its families on the page of metrics.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
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
    sessions: AtomicU64,
    seen: AtomicU64,
    writes: AtomicU64,
    failures: AtomicU64,
    good: Mutex<Option<Instant>>,
}

impl Counts {
    pub(super) fn new(database: &str) -> Counts {
        Counts {
            database: database.to_owned(),
            sessions: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            good: Mutex::default(),
        }
    }

    pub(super) fn set(&self, tally: Tally) {
        let pairs = [
            (&self.sessions, tally.sessions),
            (&self.seen, tally.seen),
            (&self.writes, tally.writes),
            (&self.failures, tally.failures),
        ];
        pairs.into_iter().for_each(|(to, value)| to.store(value, Ordering::Relaxed));
        if tally.failed == 0 {
            *self.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn age(&self) -> Option<f64> {
        let good = *self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.map(|at| at.elapsed().as_secs_f64())
    }
}

/// Appends the families. Names of databases are names of `tenet.toml`, which need no escaping.
pub(super) fn write<'a>(counts: impl Iterator<Item = &'a Counts>, out: &mut String) {
    // Writing into a string does not fail.
    let _ = families(&counts.collect::<Vec<_>>(), out);
}

fn families(counts: &[&Counts], out: &mut String) -> fmt::Result {
    type Of = fn(&Counts) -> &AtomicU64;
    let families: [(&str, &str, &str, Of); 4] = [
        ("tenet_foreign_sessions", "gauge", "Sessions on an owned database that are not its owner's.", |c| {
            &c.sessions
        }),
        ("tenet_foreign_sessions_seen", "counter", "Such sessions, since the process began.", |c| &c.seen),
        ("tenet_foreign_writes", "counter", "Statements that wrote past the owner and were noted.", |c| {
            &c.writes
        }),
        ("tenet_guard_failures", "counter", "Looks for foreign sessions that failed.", |c| &c.failures),
    ];
    for (name, kind, help, of) in families {
        write!(out, "# TYPE {name} {kind}\n# HELP {name} {help}\n")?;
        let suffix = if kind == "counter" { "_total" } else { "" };
        for counts in counts {
            let value = of(counts).load(Ordering::Relaxed);
            writeln!(out, "{name}{suffix}{{database=\"{}\"}} {value}", counts.database)?;
        }
    }
    let name = "tenet_guard_age_seconds";
    write!(
        out,
        "# TYPE {name} gauge\n# UNIT {name} seconds\n# HELP {name} Since the last look for foreign sessions that did not fail.\n"
    )?;
    for counts in counts {
        if let Some(age) = counts.age() {
            writeln!(out, "{name}{{database=\"{}\"}} {age:.1}", counts.database)?;
        }
    }
    Ok(())
}
