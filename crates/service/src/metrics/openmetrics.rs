//! The metrics as OpenMetrics text 1.0.

mod fault_points;

use super::{Metrics, UNKNOWN_METHOD};
use crate::Facts;
use crate::channel::OVERSPENT;
use crate::shared::Shared;
use std::fmt::{self, Write};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use tenet_error::GrpcCode;
use tenet_sketch::Sketch;

/// Upper bounds of the exported buckets as powers of two in nanoseconds, 16 µs to 17 s: powers of two are edges of the
/// sketch, so the counts are exact, and one an octave keeps the text small.
const OCTAVES: std::ops::RangeInclusive<u32> = 14..=34;

/// The media type of what [`Metrics::write`] writes.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Shared {
    /// Writes everything there is to measure.
    pub(crate) fn write_metrics(&self, facts: &Facts, out: &mut String) -> fmt::Result {
        self.metrics.write(facts, out)?;
        if let Some(admission) = &self.admission {
            admission.write_metrics(out)?;
        }
        if let Some(points) = &self.fault_points {
            fault_points::write(&points.active(), out)?;
        }
        if let Some(more) = &self.more_metrics {
            more(out);
        }
        out.write_str("# EOF\n")
    }
}

impl Metrics {
    /// Writes the metrics themselves, with the facts of this process as an info metric.
    fn write(&self, facts: &Facts, out: &mut String) -> fmt::Result {
        family(out, "tenet_service_process", "info", "Which process this is.")?;
        write!(out, "tenet_service_process_info{{service=\"")?;
        escape(&facts.service, out)?;
        for (name, value) in
            [("instance", &facts.instance), ("zone", &facts.zone), ("version", &facts.version)]
        {
            write!(out, "\",{name}=\"")?;
            escape(value, out)?;
        }
        writeln!(out, "\"}} 1")?;

        family(out, "tenet_service_calls_in_flight", "gauge", "Calls that run now, by method.")?;
        for row in self.rows() {
            let now = row.in_flight.load(Relaxed);
            if row.method.name != UNKNOWN_METHOD || now != 0 {
                writeln!(out, "tenet_service_calls_in_flight{{method=\"{}\"}} {now}", row.method.name)?;
            }
        }
        self.write_latency(out)?;

        for (name, help, value) in [
            ("tenet_service_panics", "Calls that ended because their handler panicked.", &self.panics),
            ("tenet_service_connections", "Connections accepted.", &self.connections),
            (
                "tenet_service_connections_refused",
                "Connections closed at once because the limit was reached.",
                &self.connections_refused,
            ),
            (
                "tenet_service_allowance_overspent",
                "Answers from below that reported more extra attempts than they were granted.",
                &OVERSPENT,
            ),
        ] {
            family(out, name, "counter", help)?;
            writeln!(out, "{name}_total {}", value.load(Relaxed))?;
        }
        family(out, "tenet_service_connections_open", "gauge", "Connections open now.")?;
        writeln!(out, "tenet_service_connections_open {}", self.connections_open.load(Relaxed))?;
        family(out, "tenet_service_draining", "gauge", "1 while the process drains.")?;
        writeln!(out, "tenet_service_draining {}", self.draining.load(Relaxed))?;
        Ok(())
    }

    fn write_latency(&self, out: &mut String) -> fmt::Result {
        const NAME: &str = "tenet_service_call_duration_seconds";
        family(
            out,
            NAME,
            "histogram",
            "Time from the first byte of a call to its end, by method and gRPC code.",
        )?;
        writeln!(out, "# UNIT {NAME} seconds")?;
        for row in self.rows() {
            for code in GrpcCode::ALL {
                let cell = &row.latency_ns[usize::from(code.number())];
                let sketch = cell.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if sketch.count() == 0 {
                    continue;
                }
                let labels = format!("method=\"{}\",code=\"{}\"", row.method.name, code.name());
                write_histogram(out, NAME, &labels, &sketch)?;
            }
        }
        Ok(())
    }
}

/// Writes the samples of one histogram of nanoseconds, in seconds.
pub(crate) fn write_histogram(out: &mut String, name: &str, labels: &str, sketch: &Sketch) -> fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    for octave in OCTAVES {
        let bound = 1u64 << octave;
        let seconds = bound as f64 / 1e9;
        let count = sketch.count_at_most(bound);
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{seconds}\"}} {count}")?;
    }
    writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", sketch.count())?;
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}_count{labels} {}", sketch.count())?;
    writeln!(out, "{name}_sum{labels} {}", sketch.sum() as f64 / 1e9)
}

/// Begins a family of samples.
pub(crate) fn family(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    write!(out, "# TYPE {name} {kind}\n# HELP {name} {help}\n")
}

/// Label values escape backslash, quote and line feed (OpenMetrics 1.0, "Escaping").
fn escape(value: &str, out: &mut String) -> fmt::Result {
    for character in value.chars() {
        match character {
            '\\' => out.write_str("\\\\")?,
            '"' => out.write_str("\\\"")?,
            '\n' => out.write_str("\\n")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::{Method, Shape};
    use tenet_resilience::limit::Priority;

    #[test]
    fn a_call_is_counted_once_under_its_method_and_code() {
        let method = Method { name: "a.B/C".into(), shape: Shape::Unary, priority: Priority::Normal };
        let metrics = Metrics::new([method]);
        metrics.start("/a.B/C").finish(GrpcCode::Ok);
        let mut twice = metrics.start("/a.B/C");
        twice.finish(GrpcCode::NotFound);
        twice.finish(GrpcCode::Ok);
        drop(twice);
        drop(metrics.start("/a.B/C"));
        metrics.start("/no.Such/Method").finish(GrpcCode::Unimplemented);
        let running = metrics.start("/a.B/C");
        let mut facts = Facts::from_lookup("test", |_| None).unwrap();
        facts.version = "a\\\"b".into();
        let mut text = String::new();
        metrics.write(&facts, &mut text).unwrap();
        for line in [
            "tenet_service_call_duration_seconds_count{method=\"a.B/C\",code=\"OK\"} 1\n",
            "tenet_service_call_duration_seconds_count{method=\"a.B/C\",code=\"NOT_FOUND\"} 1\n",
            "tenet_service_call_duration_seconds_count{method=\"a.B/C\",code=\"CANCELLED\"} 1\n",
            "tenet_service_call_duration_seconds_count{method=\"(unknown)\",code=\"UNIMPLEMENTED\"} 1\n",
            "tenet_service_calls_in_flight{method=\"a.B/C\"} 1\n",
            "version=\"a\\\\\\\"b\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(running);
    }
}
