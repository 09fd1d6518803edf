//! Medians, spreads and percentiles, and how they are printed.

use std::time::Duration;

/// The value below which `share` (0 to 1) of `values` lies; sorts them.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Median of the rounds, with least and most.
pub fn spread(rounds: &[f64]) -> String {
    let mut rounds = rounds.to_vec();
    let median = percentile(&mut rounds, 0.5);
    match rounds.as_slice() {
        [] => String::new(),
        [only] => number(*only),
        [least, .., most] => format!("{} ({} – {})", number(median), number(*least), number(*most)),
    }
}

/// The median alone.
pub fn median(rounds: &[f64]) -> f64 {
    percentile(&mut rounds.to_vec(), 0.5)
}

/// Three digits that count, thousands apart.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.abs() < 100.0 {
        let decimals = if value.abs() < 10.0 { 2 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let whole = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::{number, percentile, spread};

    #[test]
    fn numbers_are_short() {
        for (value, expected) in
            [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (1234.0, "1,234"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn percentiles_are_of_the_sorted() {
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 1.0), 3.0);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), "2.00 (1.00 – 3.00)");
    }
}
