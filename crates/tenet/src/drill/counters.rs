//! Counters of the fleet over the time of a drill, read from `/metrics` of all gateways. Pure: texts in, sums out.
//!
//! A gateway that is killed takes with it what it counted since it was last read, at most a second; its successor begins at zero.

use std::collections::{BTreeMap, BTreeSet};

/// The families looked at, without `_total`, and the label that divides them; what else there is on `/metrics` is passed over.
const FAMILIES: [(&str, &str); 9] = [
    ("tenet_requests", ""),
    ("tenet_attempts", ""),
    ("tenet_upstream_calls", ""),
    ("tenet_upstream_attempts", ""),
    ("tenet_upstream_retries", "cause"),
    ("tenet_upstream_shed", "priority"),
    ("tenet_upstream_ejections", ""),
    ("tenet_tree_calls", ""),
    ("tenet_tree_extra_attempts", ""),
];
/// When the process began: one that differs is another process.
const STARTED: &str = "process_start_time_seconds";

/// Sums by family and by the value of its dividing label.
pub type Sums = BTreeMap<(&'static str, String), f64>;

/// What was counted so far.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    gateways: BTreeMap<String, Gateway>,
    sums: Sums,
    declared: BTreeSet<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Gateway {
    started: String,
    /// By the whole text of the series.
    last: BTreeMap<String, f64>,
}

impl Counters {
    /// Adds what a gateway counted since its text was last read. Its first text is where counting begins.
    pub fn absorb(&mut self, gateway: &str, text: &str) {
        let first = !self.gateways.contains_key(gateway);
        let known = self.gateways.entry(gateway.to_owned()).or_default();
        let started = text.lines().find(|line| line.starts_with(STARTED)).unwrap_or_default();
        if known.started != started {
            *known = Gateway { started: started.to_owned(), last: BTreeMap::new() };
        }
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let name = declared.split(' ').next().unwrap_or_default();
                self.declared
                    .extend(FAMILIES.iter().map(|(family, _)| *family).filter(|family| *family == name));
                continue;
            }
            let Some((name, labels, value)) = sample(line) else { continue };
            let family = FAMILIES.iter().find(|(family, _)| name.strip_suffix("_total") == Some(*family));
            let Some((family, divided_by)) = family else { continue };
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            let before = known.last.insert(series.to_owned(), value).unwrap_or(0.0);
            if !first {
                let part = label(labels, divided_by).unwrap_or_default();
                // A counter that fell began anew without its process doing so.
                let grown = if value >= before { value - before } else { value };
                *self.sums.entry((family, part)).or_default() += grown;
            }
        }
    }

    /// The sums so far.
    pub fn sums(&self) -> Sums {
        self.sums.clone()
    }

    /// Families that no gateway has.
    pub fn absent(&self) -> Vec<&'static str> {
        FAMILIES.iter().map(|(family, _)| *family).filter(|family| !self.declared.contains(family)).collect()
    }

    /// Whether some gateway has this family.
    pub fn has(&self, family: &str) -> bool {
        self.declared.contains(family)
    }
}

/// How much a family grew from one reading to another, by the value of its dividing label; without zeros.
pub fn grown(from: &Sums, to: &Sums, family: &str) -> BTreeMap<String, u64> {
    let parts = to.iter().filter(|((name, _), _)| *name == family);
    let grown = parts.map(|(key, value)| (key.1.clone(), value - from.get(key).copied().unwrap_or(0.0)));
    grown.map(|(part, value)| (part, value.round() as u64)).filter(|(_, value)| *value > 0).collect()
}

/// Name, labels without their braces, and value of a line of OpenMetrics text.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        // No value of ours is followed by a timestamp or an exemplar with braces; the last brace is the labels' own.
        Some(rest) => rest.rsplit_once("} ")?,
        None => ("", rest.trim_start()),
    };
    Some((name, labels, rest.split(' ').next()?.parse().ok()?))
}

/// The value of a label. Values with escapes are no value of a label that divides: priorities and codes have none.
fn label(labels: &str, name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    let mut rest = labels;
    loop {
        let (own, after) = rest.split_once("=\"")?;
        let bytes = after.as_bytes();
        let end = (0..bytes.len()).find(|at| bytes[*at] == b'"' && !escaped(bytes, *at))?;
        if own == name {
            return Some(after[..end].to_owned());
        }
        rest = after[end + 1..].trim_start_matches(',');
    }
}

/// Whether an odd number of backslashes stands before this place.
fn escaped(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(started: u32, attempts: u32, retries: u32) -> String {
        format!(
            "# TYPE tenet_attempts counter\n# HELP tenet_attempts Attempts {{x}} made.\ntenet_attempts_total {attempts}\n\
             # TYPE tenet_upstream_retries counter\n\
             tenet_upstream_retries_total{{service=\"a=\\\"b\\\",}}\",cause=\"UNAVAILABLE\"}} {retries}\n\
             tenet_upstream_retries_total{{service=\"c\",cause=\"UNAVAILABLE\"}} 1\n\
             # TYPE {STARTED} gauge\n{STARTED} {started}\n# EOF\n"
        )
    }

    #[test]
    fn only_what_was_counted_meanwhile_counts_also_across_a_new_process() {
        let mut counters = Counters::default();
        counters.absorb("one", &text(1, 100, 10));
        counters.absorb("two", &text(1, 50, 0));
        let begin = counters.sums();
        assert!(grown(&Sums::new(), &begin, "tenet_attempts").is_empty());
        counters.absorb("one", &text(1, 110, 12));
        counters.absorb("two", &text(2, 60, 3));
        // 10 more of the first, 60 of the second's new process.
        let end = counters.sums();
        assert_eq!(grown(&begin, &end, "tenet_attempts"), BTreeMap::from([(String::new(), 70)]));
        // 2 of the first; 3 and 1 of the second, whose new process counted them.
        assert_eq!(
            grown(&begin, &end, "tenet_upstream_retries"),
            BTreeMap::from([("UNAVAILABLE".into(), 6)])
        );
        assert!(counters.has("tenet_attempts") && !counters.has("tenet_requests"));
        assert!(counters.absent().contains(&"tenet_upstream_shed"));
    }

    #[test]
    fn labels_are_read_whatever_is_in_them() {
        for (line, expected) in [
            ("m_total{endpoint=\"GET /v1/{x} y\",cause=\"A\"} 3", Some(("m_total", Some("A"), 3.0))),
            ("m_total{cause=\"A\"} 3.5", Some(("m_total", Some("A"), 3.5))),
            ("m_total{other=\"cause=\\\"B\\\"\",cause=\"A\\\\\"} 1", Some(("m_total", Some("A\\\\"), 1.0))),
            ("m_total 7", Some(("m_total", None, 7.0))),
            ("# EOF", None),
            ("m_total{cause=\"A\"", None),
            ("", None),
        ] {
            let found = sample(line);
            let found = found.map(|(name, labels, value)| (name, label(labels, "cause"), value));
            let expected = expected.map(|(name, label, value)| (name, label.map(str::to_owned), value));
            assert_eq!(found, expected, "{line}");
        }
    }
}
