//! Floats as text: JSON's numbers and the three words JSON has no number for.

use crate::json::number;

/// Reads a number, `NaN`, `Infinity` or `-Infinity`. A finite text that exceeds the type's range is refused.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => finite(text)?.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// As [`parse_double`], rounded once to single precision.
pub(crate) fn parse_float(text: &[u8]) -> Option<f32> {
    match text {
        b"NaN" => Some(f32::NAN),
        b"Infinity" => Some(f32::INFINITY),
        b"-Infinity" => Some(f32::NEG_INFINITY),
        _ => finite(text)?.parse().ok().filter(|value: &f32| value.is_finite()),
    }
}

fn finite(text: &[u8]) -> Option<&str> {
    let whole = !text.is_empty() && number::token(text) == text.len();
    std::str::from_utf8(text).ok().filter(|_| whole)
}

/// Appends the shortest text that reads back as the same number, quoted where JSON has no number.
pub(crate) fn print_double(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        put(ryu::Buffer::new().format_finite(value), out);
    } else {
        put_word(value.is_nan(), value > 0.0, out);
    }
}

/// As [`print_double`], for single precision.
pub(crate) fn print_float(value: f32, out: &mut Vec<u8>) {
    if value.is_finite() {
        put(ryu::Buffer::new().format_finite(value), out);
    } else {
        put_word(value.is_nan(), value > 0.0, out);
    }
}

/// Whole numbers lose the ".0" that ryu ends them with, as other ProtoJSON printers write them.
fn put(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

fn put_word(nan: bool, positive: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(match (nan, positive) {
        (true, _) => b"\"NaN\"",
        (false, true) => b"\"Infinity\"",
        (false, false) => b"\"-Infinity\"",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_and_floats() {
        for (text, expected) in
            [("1", "1"), ("1.5e300", "1.5e300"), ("-0", "-0"), ("0.1", "0.1"), ("1e2", "100")]
        {
            let mut out = Vec::new();
            print_double(parse_double(text.as_bytes()).expect(text), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        for wrong in ["", "inf", "nan", "+1", ".5", "1.", "1e400", "-1e400", "infinity", "0x1", " 1"] {
            assert_eq!(parse_double(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_float(b"3.4028235e38"), Some(f32::MAX));
        assert_eq!(parse_float(b"3.5e38"), None);
        let mut out = Vec::new();
        print_float(f32::NEG_INFINITY, &mut out);
        print_double(f64::NAN, &mut out);
        assert_eq!(out, b"\"-Infinity\"\"NaN\"");
    }
}
