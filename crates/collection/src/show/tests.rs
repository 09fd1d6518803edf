//! What is shown is read back, and what is no key says where it is not.

use super::*;
use crate::KeyBuilder;
use proptest::prelude::*;

const ALL: &[Kind] = &[Kind::Text, Kind::Signed, Kind::Unsigned, Kind::Boolean, Kind::Timestamp, Kind::Bytes];

#[test]
fn keys_are_shown_as_a_person_would_write_them() {
    let key = KeyBuilder::new().text("u\"7\n").signed(-42).unsigned(42).boolean(true);
    let key = key.timestamp(0, 500_000_000).bytes(&[0, 0xff]).finish();
    let text = "(\"u\\\"7\\u{a}\", -42, 42, true, 1970-01-01T00:00:00.500Z, 0x00ff)";
    assert_eq!(show(ALL, &key).as_deref(), Ok(text));
    assert_eq!(parse(ALL, text), Ok(key.clone()));
    assert_eq!(show(&[], b"").as_deref(), Ok("()"));
    let far = KeyBuilder::new().timestamp(i64::MIN, 7).finish();
    assert_eq!(show(&[Kind::Timestamp], &far).as_deref(), Ok("(@-9223372036854775808.000000007)"));
    assert!(show(&[Kind::Text], &key).is_err());
}

#[test]
fn what_a_person_writes_is_read() {
    use Kind::{Boolean, Bytes, Signed, Text, Timestamp};
    let new = KeyBuilder::new;
    let rows: &[(&[Kind], &str, KeyBuilder)] = &[
        (&[Text], "u7", new().text("u7")),
        (&[Text], "  u7  ", new().text("u7")),
        (&[Text], "(u7)", new().text("u7")),
        (&[Text], "(u7,)", new().text("u7")),
        (&[Text], "\"\"", new().text("")),
        (&[Text], "José Ortega", new().text("José Ortega")),
        (&[Text], "\"a, (b)\\\\\"", new().text("a, (b)\\")),
        (&[Text, Signed], "u7,42", new().text("u7").signed(42)),
        (&[Text, Signed], "( \"u7\" , -1 , )", new().text("u7").signed(-1)),
        (&[Boolean, Bytes], "false, 0xAb", new().boolean(false).bytes(&[0xab])),
        (&[Timestamp], "2024-01-01T00:00:00+05:30", new().timestamp(1_704_047_400, 0)),
        (&[], "", new()),
        (&[], " ( ) ", new()),
    ];
    for (kinds, text, expected) in rows {
        assert_eq!(parse(kinds, text), Ok(expected.clone().finish()), "{text}");
    }
}

#[test]
fn what_is_no_key_says_where_and_what_was_expected() {
    use Kind::{Boolean, Bytes, Signed, Text, Timestamp, Unsigned};
    let rows: &[(&[Kind], &str, &str)] = &[
        (&[Text], "", "found \"\" at byte 0, expected text, in quotation marks where it is empty"),
        (&[Text], "()", "found \")\" at byte 1, expected text"),
        (&[Text], "\"u7", "found \"\\\"u7\" at byte 0, expected a quotation mark that ends it"),
        (&[Text], "\"u\\n\"", "at byte 2, expected \\\", \\\\ or \\u{…}"),
        (&[Text], "\"u\\u{d800}\"", "expected \\\", \\\\ or \\u{…}"),
        (&[Text], "\"u\\u{+41}\"", "expected \\\", \\\\ or \\u{…}"),
        (&[Text], "(u7", "found \"\" at byte 3, expected )"),
        (&[Text], "u7)", "found \")\" at byte 2, expected the end of the key"),
        (&[Text], "u7, u8", "found \"u8\" at byte 4, expected the end of the key"),
        (&[Text, Signed], "u7", "expected a comma, then an integer"),
        (&[Text, Signed], "u7, x", "found \"x\" at byte 4, expected an integer"),
        (&[Signed], "9223372036854775808", "expected an integer"),
        (&[Unsigned], "-1", "found \"-1\" at byte 0, expected an integer from 0 on"),
        (&[Boolean], "yes", "expected true or false"),
        (&[Bytes], "00", "expected bytes: 0x and pairs of hexadecimal digits"),
        (&[Bytes], "0x0", "expected bytes"),
        (&[Bytes], "0x+1", "expected bytes"),
        (&[Bytes], "0xé", "expected bytes"),
        (&[Timestamp], "yesterday", "expected a time such as"),
        (&[Timestamp], "@1.5", "expected a time such as"),
        (&[], "u7", "found \"u7\" at byte 0, expected the end of the key"),
    ];
    for (kinds, text, expected) in rows {
        let error = parse(kinds, text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(text in any::<String>(), signed in any::<i64>(), unsigned in any::<u64>(), flag in any::<bool>(), seconds in prop_oneof![any::<i64>(), -62_135_596_800i64..=253_402_300_799], nanos in 0..1_000_000_000u32, bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
        let key = KeyBuilder::new().text(&text).signed(signed).unsigned(unsigned).boolean(flag);
        let key = key.timestamp(seconds, nanos).bytes(&bytes).finish();
        let shown = show(ALL, &key).unwrap();
        prop_assert!(!shown.contains(char::is_control), "{shown:?}");
        prop_assert_eq!(parse(ALL, &shown), Ok(key), "{}", shown);
    }

    #[test]
    fn no_text_is_too_strange(kinds in proptest::collection::vec(prop_oneof![Just(Kind::Text), Just(Kind::Bytes), Just(Kind::Timestamp)], 0..3), text in "[(),\"\\\\u{}0xa@. é]{0,16}") {
        if let Ok(key) = parse(&kinds, &text) {
            prop_assert!(show(&kinds, &key).is_ok());
        }
    }
}
