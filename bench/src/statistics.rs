//! Medians, spreads and percentiles of a handful of numbers.

/// The middle value; of an even number of values the mean of the two middle ones. NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Least and greatest value.
pub fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// Between which of the `sorted` values the true median is, at least 95 times of 100 (sign test: the values above it are as many as heads of so
/// many coins). `None` of fewer than six.
pub fn median_interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let count = sorted.len();
    let mut ways = 1.0_f64;
    // The share of all outcomes with fewer than `rank` heads.
    let (mut rank, mut below) = (0, 0.0);
    loop {
        below += ways / 2.0_f64.powi(count as i32);
        if below > 0.025 || rank >= count / 2 {
            break;
        }
        rank += 1;
        ways *= (count - rank + 1) as f64 / rank as f64;
    }
    let low = rank.checked_sub(1)?;
    Some((*sorted.get(low)?, *sorted.get(count - rank)?))
}

/// The smallest of `sorted` that at least the part `q` of all values does not exceed (nearest rank). 0 of none.
pub fn percentile(sorted: &[u64], q: f64) -> u64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{median, median_interval, percentile, range};

    #[test]
    fn a_few_numbers() {
        for (values, middle, low, high) in
            [(&[3.0, 1.0, 2.0][..], 2.0, 1.0, 3.0), (&[4.0, 1.0], 2.5, 1.0, 4.0), (&[7.0], 7.0, 7.0, 7.0)]
        {
            assert_eq!((median(values), range(values)), (middle, (low, high)));
        }
        let hundred: Vec<u64> = (1..=100).collect();
        for (q, expected) in [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)] {
            assert_eq!(percentile(&hundred, q), expected);
        }
        assert_eq!(percentile(&[], 0.5), 0);
    }

    /// Ranks from tables of the sign test.
    #[test]
    fn the_median_lies_between_two_ranks() {
        for (count, ranks) in
            [(5, None), (6, Some((1, 6))), (9, Some((2, 8))), (15, Some((4, 12))), (41, Some((14, 28)))]
        {
            let values: Vec<f64> = (1..=count).map(f64::from).collect();
            let expected = ranks.map(|(low, high): (i32, i32)| (f64::from(low), f64::from(high)));
            assert_eq!(median_interval(&values), expected, "{count}");
        }
    }
}
