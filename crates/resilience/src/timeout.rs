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

/// Writes a `grpc-timeout` in the finest unit whose eight digits hold it, rounded down, so that no hop ever gives the
/// next one more time than it has itself.
pub fn format(timeout: Duration) -> String {
    const MOST: u128 = 99_999_999;
    let nanos = timeout.as_nanos();
    for (unit, size) in
        [('n', 1), ('u', 1_000), ('m', 1_000_000), ('S', 1_000_000_000), ('M', 60_000_000_000)]
    {
        if nanos / size <= MOST {
            return format!("{}{unit}", nanos / size);
        }
    }
    format!("{}H", (nanos / 3_600_000_000_000).min(MOST))
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

    proptest! {
        #[test]
        fn what_is_written_is_read_as_no_longer_and_hardly_shorter(nanos in any::<u64>()) {
            let timeout = Duration::from_nanos(nanos);
            let text = format(timeout);
            prop_assert!(text.len() <= 9);
            let read = parse(text.as_bytes()).unwrap();
            prop_assert!(read <= timeout);
            prop_assert!((timeout - read).as_nanos() * 1_000_000 <= timeout.as_nanos().max(1) * 2, "{text}");
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse(&bytes);
        }
    }
}
