//! Percent-decoding (RFC 3986 §2.1), which differs by where a text stands.

/// Where a percent-encoded text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a query `+` is a space, as HTML forms write it.
    Query,
    /// One segment of a path: everything is decoded, `+` is itself.
    Segment,
    /// Several segments: `%2F` stays, since it is not the `/` that separates them (`google/api/http.proto`).
    Segments,
}

impl Place {
    pub fn path(multi_segment: bool) -> Place {
        if multi_segment { Place::Segments } else { Place::Segment }
    }
}

/// Appends the decoded text; false at a `%` without two hexadecimal digits.
pub(super) fn decode(raw: &[u8], place: Place, out: &mut Vec<u8>) -> bool {
    let mut rest = raw;
    loop {
        let special = match place {
            Place::Query => memchr::memchr2(b'%', b'+', rest),
            _ => memchr::memchr(b'%', rest),
        };
        let Some(at) = special else {
            out.extend_from_slice(rest);
            return true;
        };
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'+' {
            out.push(b' ');
            rest = &rest[at + 1..];
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else { return false };
        match (high << 4 | low) as u8 {
            b'/' if place == Place::Segments => out.extend_from_slice(&rest[at..at + 3]),
            byte => out.push(byte),
        }
        rest = &rest[at + 3..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_rules() {
        let rows = [
            ("a+b%20c%2Fd%2f", Place::Query, Some("a b c/d/")),
            ("a+b%20c%2Fd%2f", Place::Segment, Some("a+b c/d/")),
            ("a+b%20c%2Fd%2f/e", Place::Segments, Some("a+b c%2Fd%2f/e")),
            ("%C3%A9", Place::Query, Some("é")),
            ("%", Place::Query, None),
            ("%4", Place::Segment, None),
            ("%zz", Place::Segments, None),
            ("", Place::Query, Some("")),
        ];
        for (raw, place, expected) in rows {
            let mut out = Vec::new();
            let good = decode(raw.as_bytes(), place, &mut out);
            assert_eq!(
                good.then(|| String::from_utf8_lossy(&out).into_owned()).as_deref(),
                expected,
                "{raw} {place:?}"
            );
        }
    }
}
