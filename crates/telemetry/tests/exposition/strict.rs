//! A strict reader of OpenMetrics text 1.0: families, order, suffixes, escapes, histograms. For tests.

use std::collections::{BTreeMap, HashSet};

type Labels = BTreeMap<String, String>;

pub struct Document {
    samples: Vec<(String, Labels, f64)>,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    samples: Vec<(String, Labels, f64)>,
}

impl Document {
    /// The samples, or the first rule that is broken and where.
    pub fn parse(text: &str) -> Result<Document, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("does not end in # EOF and a line feed")?;
        let mut document = Document { samples: Vec::new() };
        let mut seen = HashSet::new();
        let mut family = Family::default();
        for (number, line) in body.lines().enumerate() {
            let fail = |what: &str| Err(format!("line {}: {what}: {line}", number + 1));
            if let Some(meta) = line.strip_prefix("# ") {
                let mut words = meta.splitn(3, ' ');
                let (Some(word), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
                    return fail("metadata needs three words");
                };
                if name != family.name {
                    document.close(&family)?;
                    if !seen.insert(name.to_owned()) {
                        return fail("family opened twice or interleaved");
                    }
                    family = Family { name: name.to_owned(), ..Family::default() };
                }
                if !family.samples.is_empty() {
                    return fail("metadata after samples");
                }
                match word {
                    "TYPE" if ["counter", "gauge", "histogram", "info"].contains(&rest) => {
                        family.kind = rest.to_owned()
                    }
                    "UNIT" if name.ends_with(&format!("_{rest}")) => {}
                    "HELP" if !rest.is_empty() => {}
                    _ => return fail("unknown or ill-formed metadata"),
                }
                continue;
            }
            let Some(sample) = sample(line) else { return fail("no sample") };
            let suffixes: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => return fail("sample before its family's type"),
            };
            if !suffixes.iter().any(|suffix| sample.0 == format!("{}{suffix}", family.name)) {
                return fail("sample does not belong to the open family");
            }
            if family.samples.iter().any(|(name, labels, _)| (name, labels) == (&sample.0, &sample.1)) {
                return fail("sample twice");
            }
            if family.kind == "counter" && (sample.2.is_nan() || sample.2 < 0.0) {
                return fail("counter below zero");
            }
            family.samples.push(sample);
        }
        document.close(&family)?;
        Ok(document)
    }

    /// The value of the one sample with this name and (at least) these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits =
            |held: &Labels| labels.iter().all(|(label, value)| held.get(*label).is_some_and(|v| v == value));
        let found: Vec<_> =
            self.samples.iter().filter(|sample| sample.0 == name && fits(&sample.1)).collect();
        assert_eq!(found.len(), 1, "{name}{labels:?}: {found:?}");
        found[0].2
    }

    fn close(&mut self, family: &Family) -> Result<(), String> {
        if family.kind == "histogram" {
            histogram(family)?;
        }
        self.samples.extend(family.samples.iter().cloned());
        Ok(())
    }
}

/// Buckets ascend in bound and count and end in +Inf, whose count is `_count`; `_sum` is there.
fn histogram(family: &Family) -> Result<(), String> {
    let named = |suffix: &str| format!("{}{suffix}", family.name);
    let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (_, labels, value) in family.samples.iter().filter(|sample| sample.0 == named("_bucket")) {
        let mut labels = labels.clone();
        let le = labels.remove("le").ok_or("bucket without le")?;
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().map_err(|_| format!("le {le}"))? };
        series.entry(labels).or_default().push((le, *value));
    }
    for (labels, buckets) in &series {
        if !buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            return Err(format!("{} {labels:?}: buckets do not ascend", family.name));
        }
        let find =
            |suffix| family.samples.iter().find(|(name, held, _)| *name == named(suffix) && held == labels);
        let last = buckets.last().copied().unwrap_or_default();
        let count = find("_count").ok_or("histogram without _count")?.2;
        find("_sum").ok_or("histogram without _sum")?;
        if last != (f64::INFINITY, count) {
            return Err(format!("{} {labels:?}: +Inf bucket and count differ", family.name));
        }
    }
    Ok(())
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() || !well_named(label) {
                return None;
            }
            rest = after;
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',')?;
        }
    }
    let value = rest.strip_prefix(' ')?;
    let number = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    (number && well_named(name)).then_some(())?;
    Some((name.to_owned(), labels, value.parse().ok()?))
}

fn well_named(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Up to the closing quote, escapes resolved, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                '\\' => '\\',
                '"' => '"',
                'n' => '\n',
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}
