//! The response field in which a call tells its parent what its tree spent.

/// Name of the response field (HTTP header or gRPC initial or trailing metadata): a decimal number of extra attempts.
pub const SPENT: &str = "tenet-retries-spent";

/// Request field that says which share of the allowance is for the receiver alone, where baggage names a place in a ledger. Baggage is
/// passed on, also by services that never look at it; this field is not, so whoever reads it is the one it was granted to. It may
/// divide the share among its calls, must then report what was spent, and must not show the ledger's id to anyone.
pub const SHARE: &str = "tenet-allowance";

/// Longest number read; nine digits fit a u32.
const MAX_DIGITS: usize = 9;

/// Reads the value of [`SPENT`]. `None` for what is not a plain decimal number, which counts like no report.
pub fn read_spent(value: &[u8]) -> Option<u32> {
    decimal(value.trim_ascii())
}

/// Digits only: no sign, no space, no more than fit.
pub(super) fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |number: u32, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_a_report() {
        let check = |value: &[u8], expected| assert_eq!(read_spent(value), expected, "{value:?}");
        check(b"0", Some(0));
        check(b"3", Some(3));
        check(b" 3\t", Some(3));
        check(b"007", Some(7));
        check(b"999999999", Some(999_999_999));
        check(b"1000000000", None);
        check(b"", None);
        check(b" ", None);
        check(b"-1", None);
        check(b"+1", None);
        check(b"1.5", None);
        check(b"1, 2", None);
        check(b"\xff", None);
    }
}
