//! How requests are expected to end, to be held against what a gateway recorded.
//!
//! Rows of a table add to the ledger and it is settled once at the end: recorders are merged once a second, and to wait
//! for that after each row would make a table of eighty rows last two minutes.

use crate::{Gateway, PATIENCE, gateway};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Recorders are merged once a second: after two, nothing recorded before can still be unseen.
const MERGED: Duration = Duration::from_millis(2200);

/// Expected number of requests by code of the catalogue.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<String, u64>);

impl Ledger {
    /// Expects one more request to end with `code`.
    pub fn expect(&mut self, code: &str) {
        self.expect_many(code, 1);
    }

    /// Expects `count` more.
    pub fn expect_many(&mut self, code: &str, count: u64) {
        if count == 0 {
            return;
        }
        *self.0.entry(code.to_owned()).or_default() += count;
    }

    /// Asserts that `gateway` recorded exactly this since it started.
    ///
    /// # Panics
    /// When it recorded anything more, less or else.
    pub fn settle(&self, gateway: &Gateway) {
        let until = Instant::now() + PATIENCE;
        while recorded(&gateway.metrics()) != self.0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        // Once more when a record made twice would have shown.
        std::thread::sleep(MERGED);
        let text = gateway.metrics();
        assert_eq!(
            recorded(&text),
            self.0,
            "recorded (left) against expected (right); /metrics says:\n{}",
            {
                text.lines()
                    .filter(|line| line.starts_with("tenet_requests_total"))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        );
    }
}

/// `tenet_requests_total` by code.
pub fn recorded(metrics: &str) -> BTreeMap<String, u64> {
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    for line in metrics.lines().filter(|line| line.starts_with("tenet_requests_total{")) {
        let Some((_, rest)) = line.split_once("code=\"") else { continue };
        let Some((code, _)) = rest.split_once('"') else { continue };
        codes.entry(code.to_owned()).or_insert(0);
    }
    for (code, count) in &mut codes {
        let label = format!("code=\"{code}\"");
        // Counts of requests in a test are far below 2^53.
        *count = gateway::sample_sum(metrics, "tenet_requests_total", &[label.as_str()]) as u64;
    }
    codes.retain(|_, count| *count > 0);
    codes
}

#[cfg(test)]
mod tests {
    use super::recorded;

    #[test]
    fn requests_are_counted_by_code_over_all_other_labels() {
        let text = "tenet_requests_total{endpoint=\"a\",code=\"OK\"} 2\ntenet_requests_total{endpoint=\"b\",code=\"OK\"} 3\n\
                    tenet_requests_total{endpoint=\"b\",code=\"LOST\"} 0\ntenet_requests_other{code=\"X\"} 1\n";
        let codes: Vec<_> = recorded(text).into_iter().collect();
        assert_eq!(codes, [("OK".to_owned(), 5)]);
    }
}
