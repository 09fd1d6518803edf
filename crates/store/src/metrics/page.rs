//! The metrics as OpenMetrics text 1.0, to stand on the page of the service.

use super::collection::CollectionRow;
use super::{Metrics, Operation};
use std::fmt::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tenet_sketch::Sketch;

/// Upper bounds of the buckets of latencies as powers of two in nanoseconds, 16 µs to 17 s, as those of the service's calls.
const LATENCY_OCTAVES: RangeInclusive<u32> = 14..=34;
/// Upper bounds of the buckets of batches, 1 to 1024.
const BATCH_OCTAVES: RangeInclusive<u32> = 0..=10;

impl Metrics {
    /// Appends every family; `near_bytes` is what the near cache holds. Who looks has the sizes measured anew.
    pub fn write(&self, near_bytes: u64, out: &mut String) {
        self.looked.notify_one();
        // Writing into a string does not fail.
        let _ = self.write_engine(out).and_then(|()| self.write_collections(near_bytes, out));
    }

    fn write_engine(&self, out: &mut String) -> fmt::Result {
        let engine = self.engine;
        family(out, "tenet_store_engine", "info", "Which engine keeps the data.")?;
        writeln!(out, "tenet_store_engine_info{{engine=\"{engine}\"}} 1")?;
        let rows = || Operation::ALL.into_iter().zip(&self.operations);

        let name = "tenet_store_engine_seconds";
        family(out, name, "histogram", "Time of one step of the engine, by operation.")?;
        writeln!(out, "# UNIT {name} seconds")?;
        for (operation, row) in rows() {
            let labels = format!("engine=\"{engine}\",operation=\"{}\"", operation.name());
            histogram(out, name, &labels, &row.latency_ns.all(), LATENCY_OCTAVES, 1e9)?;
        }
        let name = "tenet_store_batch";
        family(out, name, "histogram", "Commits, or keys of a read, that one step of the engine carried.")?;
        for (operation, row) in rows() {
            let labels = format!("engine=\"{engine}\",operation=\"{}\"", operation.name());
            histogram(out, name, &labels, &row.sizes.all(), BATCH_OCTAVES, 1.0)?;
        }
        let name = "tenet_store_engine_failures";
        family(out, name, "counter", "Steps of the engine that failed, by operation and kind.")?;
        for (operation, row) in rows() {
            for (kind, count) in row.failures().filter(|(_, count)| *count > 0) {
                let operation = operation.name();
                writeln!(
                    out,
                    "{name}_total{{engine=\"{engine}\",operation=\"{operation}\",kind=\"{kind}\"}} {count}"
                )?;
            }
        }
        Ok(())
    }

    fn write_collections(&self, near_bytes: u64, out: &mut String) -> fmt::Result {
        let rows = self.by_name();

        let name = "tenet_store_calls_seconds";
        family(out, name, "histogram", "Time of calls by collection and kind; of a scan each page.")?;
        writeln!(out, "# UNIT {name} seconds")?;
        for row in &rows {
            for (call, of) in row.calls.kinds() {
                let labels = format!("{},kind=\"{}\"", labels(row), call.name());
                histogram(out, name, &labels, &of.latency_ns.all(), LATENCY_OCTAVES, 1e9)?;
            }
        }
        let name = "tenet_store_watches";
        family(out, name, "gauge", "Watches that are open.")?;
        for row in &rows {
            writeln!(out, "{name}{{{}}} {}", labels(row), row.held.watches())?;
        }
        let name = "tenet_store_leases";
        family(out, name, "gauge", "Leases that this process gave and whose time is not over.")?;
        for row in &rows {
            writeln!(out, "{name}{{{}}} {}", labels(row), row.held.leases_held())?;
        }
        let name = "tenet_store_commits";
        family(out, name, "counter", "Commits by collection and what became of them.")?;
        for row in &rows {
            for (outcome, count) in row.outcomes() {
                writeln!(out, "{name}_total{{{},outcome=\"{outcome}\"}} {count}", labels(row))?;
            }
        }
        let name = "tenet_store_items_read";
        family(out, name, "counter", "Items asked for by key: served from memory, or read from the engine.")?;
        for row in &rows {
            let (hits, misses, _) = row.counts();
            writeln!(out, "{name}_total{{{},from=\"memory\"}} {hits}", labels(row))?;
            writeln!(out, "{name}_total{{{},from=\"engine\"}} {misses}", labels(row))?;
        }
        let name = "tenet_store_refused";
        family(out, name, "counter", "Reads and commits refused because too many waited.")?;
        for row in &rows {
            writeln!(out, "{name}_total{{{}}} {}", labels(row), row.counts().2)?;
        }
        write_sizes(&rows, out)?;
        let name = "tenet_store_hot_record_ratio";
        family(out, name, "gauge", "Share of a collection's accesses that one record had lately, at least.")?;
        for row in &rows {
            for hot in row.hottest() {
                let record = escaped(&self.record_name(row, &hot.record));
                writeln!(out, "{name}{{{},record=\"{record}\"}} {:.4}", labels(row), hot.share)?;
            }
        }
        let name = "tenet_store_near_bytes";
        family(out, name, "gauge", "Bytes of items in memory.")?;
        writeln!(out, "{name} {near_bytes}")
    }
}

fn write_sizes(rows: &[Arc<CollectionRow>], out: &mut String) -> fmt::Result {
    let measured: Vec<_> = rows.iter().filter_map(|row| Some((row, row.size()?))).collect();
    type Of = fn(&crate::engine::Size) -> u64;
    let families: [(&str, &str, Of); 3] = [
        ("tenet_store_records", "Records with at least one item, when last measured.", |size| size.records),
        ("tenet_store_items", "Items, when last measured.", |size| size.items),
        ("tenet_store_bytes", "Bytes of keys and values, when last measured.", |size| size.bytes),
    ];
    for (name, help, of) in families {
        family(out, name, "gauge", help)?;
        for (row, (size, _)) in &measured {
            writeln!(out, "{name}{{{}}} {}", labels(row), of(size))?;
        }
    }
    let name = "tenet_store_size_age_seconds";
    family(out, name, "gauge", "How long ago records, items and bytes were measured.")?;
    for (row, (_, at)) in &measured {
        writeln!(out, "{name}{{{}}} {:.1}", labels(row), at.elapsed().as_secs_f64())?;
    }
    Ok(())
}

/// Names of the store need no escaping.
fn labels(row: &CollectionRow) -> String {
    format!("namespace=\"{}\",collection=\"{}\"", row.name.namespace, row.name.collection)
}

/// Begins a family of samples.
pub(crate) fn family(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    write!(out, "# TYPE {name} {kind}\n# HELP {name} {help}\n")
}

/// The samples of one histogram, each value divided by `unit`; none where nothing was recorded.
fn histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    sketch: &Sketch,
    octaves: RangeInclusive<u32>,
    unit: f64,
) -> fmt::Result {
    if sketch.count() == 0 {
        return Ok(());
    }
    for octave in octaves {
        let bound = 1u64 << octave;
        let count = sketch.count_at_most(bound);
        writeln!(out, "{name}_bucket{{{labels},le=\"{:?}\"}} {count}", bound as f64 / unit)?;
    }
    writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", sketch.count())?;
    writeln!(out, "{name}_count{{{labels}}} {}", sketch.count())?;
    writeln!(out, "{name}_sum{{{labels}}} {}", sketch.sum() as f64 / unit)
}

/// A record's id where nobody knows what it is made of: percent-encoded where it is not printable ASCII.
pub(super) fn shown(record: &[u8]) -> String {
    let mut out = String::new();
    for byte in record {
        match byte {
            b'%' => out.push_str("%25"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
    out
}

/// As the value of a label (OpenMetrics 1.0, "Escaping").
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_without_anything_that_ends_a_label() {
        for (record, expected) in [
            (&b"u7"[..], "u7"),
            (b"a\"b\\c\n", "a\\\"b\\\\c%0a"),
            (&[0, 255], "%00%ff"),
            (b"5%", "5%25"),
            ("é".as_bytes(), "%c3%a9"),
        ] {
            assert_eq!(escaped(&shown(record)), expected);
        }
        assert_eq!(escaped("(\"é\", 1)\n"), "(\\\"é\\\", 1)\\n");
    }
}
