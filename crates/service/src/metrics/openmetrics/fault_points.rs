//! The fault points in force: they must be as visible as the trouble they make.

use super::family;
use crate::fault_points::Active;
use std::fmt::{self, Write};

/// Writes the gauges of a process that has fault points.
pub(super) fn write(active: &Active, out: &mut String) -> fmt::Result {
    let (slots, leased) = (active.slots.as_ref(), &active.leased);
    family(out, "tenet_service_fault_active", "gauge", "1 while this fault point is in force.")?;
    for (fault, on) in [
        ("slots", slots.is_some()),
        ("delay", leased.delay_ms > 0),
        ("error", leased.error.is_some()),
        ("black_hole", leased.black_hole),
    ] {
        writeln!(out, "tenet_service_fault_active{{fault=\"{fault}\"}} {}", u8::from(on))?;
    }
    let delay_seconds = f64::from(leased.delay_ms) / 1e3;
    let share = leased.error.map_or(0.0, |rule| rule.share);
    family(out, "tenet_service_fault_delay_seconds", "gauge", "Time added to each call.")?;
    writeln!(out, "# UNIT tenet_service_fault_delay_seconds seconds")?;
    writeln!(out, "tenet_service_fault_delay_seconds {delay_seconds}")?;
    family(out, "tenet_service_fault_error_share", "gauge", "Share of calls answered with an error.")?;
    writeln!(out, "tenet_service_fault_error_share {share}")?;
    let Some(slots) = slots else { return Ok(()) };
    for (name, help, value) in [
        ("tenet_service_fault_slots", "Calls that can run at a time.", slots.rule.count as usize),
        ("tenet_service_fault_slots_busy", "Slots in use.", slots.busy()),
        ("tenet_service_fault_slots_waiting", "Calls that wait for a slot.", slots.waiting()),
    ] {
        family(out, name, "gauge", help)?;
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}
