//! `google.protobuf.FieldMask`: paths in lowerCamelCase in JSON, in original names in the message.

/// Appends a path of the JSON form (`fooBar.baz`) as the message holds it (`foo_bar.baz`); false when it is no such path.
pub(crate) fn to_original(path: &[u8], out: &mut Vec<u8>) -> bool {
    for &byte in path {
        match byte {
            b'A'..=b'Z' => out.extend_from_slice(&[b'_', byte + 32]),
            b'_' => return false,
            _ => out.push(byte),
        }
    }
    true
}

/// Appends a path of the message as the JSON form has it; false when it would not come back the same.
pub(crate) fn to_json(path: &[u8], out: &mut Vec<u8>) -> bool {
    let mut upper = false;
    for &byte in path {
        match byte {
            b'a'..=b'z' if upper => out.push(byte - 32),
            _ if upper => return false,
            b'A'..=b'Z' => return false,
            b'_' => {}
            _ => out.push(byte),
        }
        upper = byte == b'_';
    }
    !upper
}

/// As a query parameter either form is taken: original names are what grpc-gateway's users write.
pub(crate) fn from_parameter(path: &[u8], out: &mut Vec<u8>) {
    if path.contains(&b'_') || !to_original(path, out) {
        out.extend_from_slice(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_or_are_refused() {
        let rows = [
            ("foo", Some("foo")),
            ("fooBar.bazQux", Some("foo_bar.baz_qux")),
            ("foo_bar", None),
            ("foo1Bar2", Some("foo1_bar2")),
        ];
        for (json, original) in rows {
            let mut out = Vec::new();
            assert_eq!(to_original(json.as_bytes(), &mut out), original.is_some(), "{json}");
            if let Some(original) = original {
                assert_eq!(out, original.as_bytes());
                let mut back = Vec::new();
                assert!(to_json(original.as_bytes(), &mut back));
                assert_eq!(back, json.as_bytes());
            }
        }
        for wrong in ["fooBar", "foo_3_bar", "foo__bar", "foo_", "foo_Bar"] {
            assert!(!to_json(wrong.as_bytes(), &mut Vec::new()), "{wrong}");
        }
    }
}
