//! How busy the machine is.

/// Busy and all time of all cores since the machine started, in clock ticks (proc_stat(5)); `None` where that cannot be read.
pub fn ticks() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_ascii_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    let all: f64 = ticks.iter().take(8).sum();
    let idle: f64 = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}

/// The share of busy time between two readings; 1 where it is not known, because then nothing may be called a measurement.
pub fn share(before: Option<(f64, f64)>, after: Option<(f64, f64)>) -> f64 {
    match (before, after) {
        (Some((busy, all)), Some((busy_now, all_now))) if all_now > all => {
            (busy_now - busy) / (all_now - all)
        }
        _ => 1.0,
    }
}
