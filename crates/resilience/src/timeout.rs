//! The time left as gRPC spells it, `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests").

use std::time::Duration;

/// Reads a `grpc-timeout`; `None` for anything that is not exactly one to eight digits and a unit.
pub fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A `grpc-timeout` as it is written: one to eight digits and a unit.
#[derive(Clone, Copy, Debug)]
pub struct Spelled {
    /// Filled from its end.
    text: [u8; LONGEST],
    from: u8,
}

/// Eight digits and a unit.
const LONGEST: usize = 9;
/// The largest amount of a unit.
const MOST: u64 = 99_999_999;

impl Spelled {
    /// The field's value; ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[usize::from(self.from)..]
    }
}

/// Spells a `grpc-timeout` in the finest unit whose eight digits hold it, rounded down, so that no hop ever gives the
/// next one more time than it has itself.
pub fn format(timeout: Duration) -> Spelled {
    const UNITS: [(u8, u64); 5] =
        [(b'n', 1), (b'u', 1_000), (b'm', 1_000_000), (b'S', 1_000_000_000), (b'M', 60_000_000_000)];
    // What does not fit is 584 years.
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let (unit, mut amount) = UNITS
        .into_iter()
        .map(|(unit, size)| (unit, nanos / size))
        .find(|(_, amount)| *amount <= MOST)
        .unwrap_or((b'H', nanos / 3_600_000_000_000));
    let mut text = [unit; LONGEST];
    let mut from = LONGEST - 1;
    loop {
        from -= 1;
        text[from] = b'0' + (amount % 10) as u8;
        amount /= 10;
        if amount == 0 || from == 0 {
            return Spelled { text, from: from as u8 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("15S", Some(Duration::from_secs(15))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("+1S", None),
            (" 1S", None),
            ("100000000S", None),
            ("1.5S", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn the_finest_unit_is_used_that_holds_it() {
        for (timeout, text) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(7), "7n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_000), "100000u"),
            (Duration::from_millis(1_500), "1500000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(200_000), "200000S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::MAX, "5124095H"),
        ] {
            assert_eq!(String::from_utf8_lossy(format(timeout).as_bytes()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_no_longer_and_hardly_shorter(nanos in any::<u64>()) {
            let timeout = Duration::from_nanos(nanos);
            let spelled = format(timeout);
            let text = String::from_utf8_lossy(spelled.as_bytes());
            let read = parse(spelled.as_bytes()).unwrap();
            prop_assert!(read <= timeout);
            prop_assert!((timeout - read).as_nanos() * 1_000_000 <= timeout.as_nanos().max(1) * 2, "{text}");
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse(&bytes);
        }
    }
}
