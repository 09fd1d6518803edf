//! `google.protobuf.Timestamp` as RFC 3339 text, between the years 1 and 9999.

use super::{fraction, put_fraction, put_padded};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z in seconds since 1970.
const MIN_SECONDS: i64 = -62_135_596_800;
const MAX_SECONDS: i64 = 253_402_300_799;

/// Days of the Gregorian calendar before the first of March of the year 0, counted from 1970-01-01, negated.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Reads `2006-01-02T15:04:05.999Z` or with an offset: seconds since 1970 and nanoseconds.
pub(crate) fn parse(text: &[u8]) -> Option<(i64, i32)> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?
            .iter()
            .try_fold(0i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    let mark = |at: usize, byte: u8| (text.get(at) == Some(&byte)).then_some(());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    for (at, byte) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        mark(at, byte)?;
    }
    if day < 1 || day > days_in(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if text.get(at) == Some(&b'.') {
        let (value, digits) = fraction(&text[at + 1..])?;
        nanos = value;
        at += 1 + digits;
    }
    let offset = match text.get(at)? {
        b'Z' if text.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if text.len() == at + 6 => {
            mark(at + 3, b':')?;
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    (year >= 1 && (MIN_SECONDS..=MAX_SECONDS).contains(&seconds)).then_some((seconds, nanos))
}

/// Appends the text, in UTC; false, and nothing appended, when the value is outside what a Timestamp may hold.
pub(crate) fn print(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> bool {
    if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return false;
    }
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400) as u32;
    put_padded(year, 4, out);
    for (mark, value) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(mark);
        put_padded(value, 2, out);
    }
    put_fraction(nanos as u32, out);
    out.push(b'Z');
    true
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    })
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let in_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - DAYS_TO_EPOCH
}

/// Year, month and day of a day since 1970-01-01: the inverse of [`days_before`].
fn date(days: i64) -> (u32, u32, u32) {
    let days = days + DAYS_TO_EPOCH;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year as u32, month as u32, day as u32)
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
    fn instants() {
        check("1970-01-01T00:00:00Z", Some((0, 0)), "1970-01-01T00:00:00Z");
        check("1969-12-31T23:59:59.5Z", Some((-1, 500_000_000)), "1969-12-31T23:59:59.500Z");
        check("2000-02-29T12:30:00.000001Z", Some((951_827_400, 1000)), "2000-02-29T12:30:00.000001Z");
        check("2024-01-01T00:00:00+05:30", Some((1_704_047_400, 0)), "2023-12-31T18:30:00Z");
        check("0001-01-01T00:00:00Z", Some((MIN_SECONDS, 0)), "0001-01-01T00:00:00Z");
        check(
            "9999-12-31T23:59:59.999999999Z",
            Some((MAX_SECONDS, 999_999_999)),
            "9999-12-31T23:59:59.999999999Z",
        );
        for wrong in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01 00:00:00Z",
            "1970-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+0100",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "1970-01-01T00:00:00Zx",
            "١٩70-01-01T00:00:00Z",
        ] {
            check(wrong, None, "");
        }
        assert!(!print(MAX_SECONDS + 1, 0, &mut Vec::new()));
        assert!(!print(0, -1, &mut Vec::new()));
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for days in -200_000..100_000 {
            let (year, month, day) = date(days);
            assert_eq!(days_before(year.into(), month.into(), day.into()), days);
        }
    }
}
