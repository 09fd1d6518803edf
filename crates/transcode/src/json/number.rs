//! Numbers as JSON spells them: integers stay exact whatever their spelling (`100`, `1e2`, `100.0`).

/// Digits an integer of 64 bits can have; longer ones are out of range.
const MAX_DIGITS: usize = 20;

/// How many bytes of `text` are a number; 0 when it begins with none.
pub(crate) fn token(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return 0;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return 0;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return 0;
        }
        at += 1 + sign + exponent;
    }
    at
}

/// Why a number is not an integer of the wanted range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotInteger {
    Malformed,
    Fraction,
    Range,
}

/// A sign and a magnitude: holds every value of int64 and uint64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integer {
    pub negative: bool,
    pub magnitude: u64,
}

/// Reads a number token as an integer.
pub(crate) fn integer(text: &[u8]) -> Result<Integer, NotInteger> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // Up to 19 digits cannot overflow: the usual case, in one pass.
    if (1..=19).contains(&digits.len()) && (digits[0] != b'0' || digits.len() == 1) {
        let mut magnitude = 0u64;
        let mut plain = true;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            plain &= digit < 10;
            magnitude = magnitude.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        if plain {
            return Ok(Integer { negative, magnitude });
        }
    }
    if token(text) != text.len() || text.is_empty() {
        return Err(NotInteger::Malformed);
    }
    let magnitude = scaled(digits)?;
    Ok(Integer { negative, magnitude })
}

/// The exact value of digits with a point and an exponent, when that is a whole number of 64 bits.
fn scaled(text: &[u8]) -> Result<u64, NotInteger> {
    let split = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(split);
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let fraction = mantissa.len().saturating_sub(point + 1);
    let digit = |byte: &&u8| byte.is_ascii_digit();
    let significant = mantissa.iter().filter(digit).skip_while(|&&byte| byte == b'0');
    let zeros = mantissa.iter().rev().filter(digit).take_while(|&&byte| byte == b'0').count();
    let count = significant.clone().count();
    if count == 0 {
        return Ok(0);
    }
    // The number is (its digits without trailing zeros) × 10^power.
    let power = exponent_of(exponent) + zeros as i64 - fraction as i64;
    if power < 0 {
        return Err(NotInteger::Fraction);
    }
    if count - zeros + power as usize > MAX_DIGITS {
        return Err(NotInteger::Range);
    }
    let mut value = 0u64;
    let trailing = std::iter::repeat_n(&b'0', power as usize);
    for &byte in significant.take(count - zeros).chain(trailing) {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
        value = next.ok_or(NotInteger::Range)?;
    }
    Ok(value)
}

/// The exponent after `e`, held within a range far outside which nothing is an integer of 64 bits anyway.
fn exponent_of(text: &[u8]) -> i64 {
    const FAR: i64 = 1 << 40;
    let negative = text.get(1) == Some(&b'-');
    let magnitude = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0i64, |value, byte| (value * 10 + i64::from(byte - b'0')).min(FAR));
    if negative { -magnitude } else { magnitude }
}

impl Integer {
    /// As a signed number between `min` and `max`.
    pub fn signed(self, min: i64, max: i64) -> Result<i64, NotInteger> {
        let value = match self.negative {
            true if self.magnitude <= 1 << 63 => (self.magnitude as i64).wrapping_neg(),
            false if self.magnitude <= i64::MAX as u64 => self.magnitude as i64,
            _ => return Err(NotInteger::Range),
        };
        if value < min || value > max { Err(NotInteger::Range) } else { Ok(value) }
    }

    /// As an unsigned number up to `max`.
    pub fn unsigned(self, max: u64) -> Result<u64, NotInteger> {
        let out = self.magnitude > max || (self.negative && self.magnitude != 0);
        if out { Err(NotInteger::Range) } else { Ok(self.magnitude) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<i128, NotInteger>) {
        let found = integer(text.as_bytes())
            .map(|integer| i128::from(integer.magnitude) * if integer.negative { -1 } else { 1 });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn integers_in_every_spelling() {
        check("0", Ok(0));
        check("-0", Ok(0));
        check("42", Ok(42));
        check("1e5", Ok(100_000));
        check("1E+5", Ok(100_000));
        check("1.5e1", Ok(15));
        check("100.00", Ok(100));
        check("1000e-3", Ok(1));
        check("0e999999999999999999999", Ok(0));
        check("-9223372036854775808", Ok(i128::from(i64::MIN)));
        check("18446744073709551615", Ok(i128::from(u64::MAX)));
        check("18446744073709551615.0", Ok(i128::from(u64::MAX)));
        check("18446744073709551616", Err(NotInteger::Range));
        check("1e20", Err(NotInteger::Range));
        check("1e99999999999999999999", Err(NotInteger::Range));
        check("1.5", Err(NotInteger::Fraction));
        check("1e-1", Err(NotInteger::Fraction));
        check("1e-99999999999999999999", Err(NotInteger::Fraction));
        for malformed in
            ["", "-", "01", "+1", "1.", ".5", "1e", " 1", "1 ", "0x10", "1a", "NaN", "--1", "-01"]
        {
            check(malformed, Err(NotInteger::Malformed));
        }
    }

    #[test]
    fn ranges_end_where_they_say() {
        let int = |text: &str| integer(text.as_bytes()).expect("an integer");
        assert_eq!(int("2147483647").signed(i32::MIN.into(), i32::MAX.into()), Ok(2_147_483_647));
        assert_eq!(int("2147483648").signed(i32::MIN.into(), i32::MAX.into()), Err(NotInteger::Range));
        assert_eq!(int("-9223372036854775808").signed(i64::MIN, i64::MAX), Ok(i64::MIN));
        assert_eq!(int("-9223372036854775809").signed(i64::MIN, i64::MAX), Err(NotInteger::Range));
        assert_eq!(int("-0").unsigned(9), Ok(0));
        assert_eq!(int("-1").unsigned(9), Err(NotInteger::Range));
    }
}
