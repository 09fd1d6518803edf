//! `google.protobuf.Duration` as text: `1.500s`, within ten thousand years either way.

use super::{fraction, put_fraction};

/// 10,000 years of 365.25 days (`google/protobuf/duration.proto`), to which a fraction may come on top.
const MAX_SECONDS: i64 = 315_576_000_000;

/// Reads `-1.5s`: seconds and nanoseconds of one sign.
pub(crate) fn parse(text: &[u8]) -> Option<(i64, i32)> {
    let text = text.strip_suffix(b"s")?;
    let (sign, text) = text.strip_prefix(b"-").map_or((1, text), |rest| (-1, rest));
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let seconds = text[..digits]
        .iter()
        .fold(0i64, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    let nanos = match &text[digits..] {
        [] => 0,
        [b'.', rest @ ..] => fraction(rest).filter(|&(_, taken)| taken == rest.len())?.0,
        _ => return None,
    };
    (seconds <= MAX_SECONDS).then_some((sign * seconds, sign as i32 * nanos))
}

/// Appends the text; false, and nothing appended, when the value is outside what a Duration may hold.
pub(crate) fn print(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> bool {
    let mixed = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
    if mixed || seconds.unsigned_abs() > MAX_SECONDS as u64 || nanos.unsigned_abs() > 999_999_999 {
        return false;
    }
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(seconds.unsigned_abs()).as_bytes());
    put_fraction(nanos.unsigned_abs(), out);
    out.push(b's');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(i64, i32)>, printed: &str) {
        assert_eq!(parse(text.as_bytes()), expected, "{text}");
        if let Some((seconds, nanos)) = expected {
            let mut out = Vec::new();
            assert!(print(seconds, nanos, &mut out));
            assert_eq!(String::from_utf8_lossy(&out), printed);
        }
    }

    #[test]
    fn spans() {
        check("0s", Some((0, 0)), "0s");
        check("-0.5s", Some((0, -500_000_000)), "-0.500s");
        check("1.000340012s", Some((1, 340_012)), "1.000340012s");
        check("-3.1s", Some((-3, -100_000_000)), "-3.100s");
        check("315576000000.999999999s", Some((MAX_SECONDS, 999_999_999)), "315576000000.999999999s");
        for wrong in
            ["", "s", "1", "1.s", ".5s", "1.0000000000s", "+1s", "1 s", "--1s", "315576000001s", "1e3s"]
        {
            check(wrong, None, "");
        }
        check("99999999999999999999999s", None, "");
        assert!(!print(1, -1, &mut Vec::new()));
        assert!(!print(0, 1_000_000_000, &mut Vec::new()));
    }
}
