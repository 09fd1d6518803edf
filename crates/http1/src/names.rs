//! Well-known field names, found without an allocation.
//!
//! `HeaderName::from_bytes` allocates for every name it has no constant for, and browsers send half a dozen of those
//! (`Sec-Fetch-*`, `Sec-CH-*`), tracing and proxies some more. Here they are constants in a table whose slots were chosen
//! so that no two names meet; that none do is checked when the table is compiled.

use http::header::{HeaderName, InvalidHeaderName};

/// One slot a value of [`slot`].
const SLOTS: usize = 256;
/// An unused slot.
const EMPTY: u8 = u8::MAX;

macro_rules! well_known {
    ($($name:literal)*) => {
        const TEXTS: &[&str] = &[$($name),*];
        static NAMES: [HeaderName; TEXTS.len()] = [$(HeaderName::from_static($name)),*];
    };
}

well_known! {
    "host" "user-agent" "accept" "accept-language" "accept-encoding" "referer" "connection" "cookie" "content-type"
    "content-length" "transfer-encoding" "authorization" "origin" "cache-control" "pragma" "upgrade-insecure-requests"
    "if-none-match" "if-modified-since" "if-match" "if-unmodified-since" "if-range" "range" "expect" "te" "trailer"
    "upgrade" "dnt" "date" "via" "forwarded" "access-control-request-method" "access-control-request-headers"
    "keep-alive" "proxy-connection" "sec-fetch-dest" "sec-fetch-mode" "sec-fetch-site" "sec-fetch-user" "sec-ch-ua"
    "sec-ch-ua-mobile" "sec-ch-ua-platform" "sec-gpc" "priority" "traceparent" "tracestate" "baggage" "x-request-id"
    "x-correlation-id" "x-forwarded-for" "x-forwarded-proto" "x-forwarded-host" "x-forwarded-port" "x-real-ip"
    "x-api-key" "x-requested-with" "idempotency-key" "grpc-timeout" "grpc-encoding" "grpc-accept-encoding"
    "x-grpc-web" "x-user-agent" "content-encoding" "accept-charset" "x-goog-api-client" "x-client-version"
    "x-b3-traceid" "x-b3-spanid" "x-b3-sampled" "x-http-method-override" "x-csrf-token" "purpose" "sec-purpose"
    "sec-websocket-key" "sec-websocket-version"
}

static TABLE: [u8; SLOTS] = table();

const fn table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < TEXTS.len() {
        let place = slot(TEXTS[index].as_bytes()) as usize;
        assert!(table[place] == EMPTY, "two names in one slot: choose other factors in `slot`");
        table[place] = index as u8;
        index += 1;
    }
    table
}

/// From the length and three bytes in which the names above differ; the factors were searched for. Letter case is
/// folded by setting bit 5, which no comparison relies on. `name` is not empty.
const fn slot(name: &[u8]) -> u8 {
    let bytes = name.len();
    let middle = name[bytes / 2] | 0x20;
    let fourth_last = name[bytes.saturating_sub(4)] | 0x20;
    let last = name[bytes - 1] | 0x20;
    (bytes as u8)
        .wrapping_add(middle.wrapping_mul(214))
        .wrapping_add(fourth_last.wrapping_mul(39))
        .wrapping_add(last.wrapping_mul(133))
}

/// Whether token bytes spell a text of lower-case letters, digits and `-`. Setting bit 5 folds the case of letters and
/// changes no other token byte into one of the text's. By words, because a loop over bytes costs as much as the allocation
/// this is to avoid.
fn spells(bytes: &[u8], text: &[u8]) -> bool {
    if bytes.len() != text.len() {
        return false;
    }
    match (bytes.last_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(&bytes_end), Some(&text_end)) => {
            let differ =
                |bytes, text| u64::from_ne_bytes(bytes) | 0x2020_2020_2020_2020 != u64::from_ne_bytes(text);
            let (bytes, text) = (bytes.as_chunks::<8>().0, text.as_chunks::<8>().0);
            !differ(bytes_end, text_end) && !bytes.iter().zip(text).any(|(bytes, text)| differ(*bytes, *text))
        }
        _ => bytes.iter().zip(text).all(|(byte, text)| byte | 0x20 == *text),
    }
}

/// The field name these token bytes spell, in any letter case.
pub(crate) fn header_name(bytes: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    if !bytes.is_empty()
        && let Some(index) = TABLE.get(usize::from(slot(bytes))).map(|&index| usize::from(index))
        && let Some(text) = TEXTS.get(index)
        && spells(bytes, text.as_bytes())
    {
        return Ok(NAMES[index].clone());
    }
    HeaderName::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_others_are_made() {
        for text in TEXTS {
            let place = usize::from(TABLE[usize::from(slot(text.as_bytes()))]);
            assert_eq!(TEXTS[place], *text);
            for spelled in [(*text).to_owned(), text.to_ascii_uppercase()] {
                let name = header_name(spelled.as_bytes()).unwrap();
                assert_eq!(name.as_str(), *text);
                assert_eq!(name, HeaderName::from_bytes(text.as_bytes()).unwrap());
            }
        }
        for text in
            ["x", "hosts", "x-mine", "HOSt-", "use2-agent", "user~agent", "accept-languag!", &"a".repeat(300)]
        {
            assert_eq!(header_name(text.as_bytes()).unwrap().as_str(), text.to_ascii_lowercase());
        }
        for bad in ["", "a b", "h\u{e9}", "host:", "\0\0\0\0", "H/ST"] {
            assert!(header_name(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
