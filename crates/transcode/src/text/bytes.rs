//! Bytes as base64: both alphabets read, with or without padding; the standard one printed (RFC 4648 §4, §5).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Appends the bytes a text stands for; false, and nothing appended, when it is not base64.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let url_safe = memchr::memchr2(b'-', b'_', text).is_some();
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let before = out.len();
    // Room for the estimate, which rounds up to whole groups of four letters.
    out.resize(before + text.len().div_ceil(4) * 3, 0);
    let written = engine.decode_slice(text, &mut out[before..]).ok();
    out.truncate(before + written.unwrap_or(0));
    written.is_some()
}

/// Appends the standard, padded form.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let before = out.len();
    out.resize(before + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[before..]).unwrap_or(0);
    out.truncate(before + written);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_with_and_without_padding() {
        let rows: &[(&str, Option<&[u8]>)] = &[
            ("", Some(b"")),
            ("AQI=", Some(&[1, 2])),
            ("AQI", Some(&[1, 2])),
            ("-_8", Some(&[0xfb, 0xff])),
            ("+/8=", Some(&[0xfb, 0xff])),
            ("-/8=", None),
            ("A", None),
            ("AQ I", None),
            ("é", None),
        ];
        for (text, expected) in rows {
            let mut out = vec![7];
            assert_eq!(decode(text.as_bytes(), &mut out), expected.is_some(), "{text}");
            assert_eq!(&out[1..], expected.unwrap_or_default(), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for length in 0..20u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37).wrapping_add(250)).collect();
            let (mut text, mut back) = (Vec::new(), Vec::new());
            encode(&bytes, &mut text);
            assert!(decode(&text, &mut back));
            assert_eq!(back, bytes);
        }
    }
}
