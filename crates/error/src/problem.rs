//! The three public forms of a failure: RFC 9457 problem JSON, `google.rpc.Status` JSON and `google.rpc.Status` wire
//! bytes for `grpc-status-details-bin`.
//!
//! The details arrive here already rendered as a JSON array, because only the caller holds the tables that can turn an
//! `Any` into JSON.

use crate::Failure;

/// Appends `text` as a JSON string with its quotes (RFC 8259 §7).
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f | 0x7f => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// RFC 9457 problem body. `type` is `/errors/CODE` on the same authority; `details_json` is a JSON array or empty.
///
/// `status` is passed because a plain upstream's own status may differ from the catalogue's.
pub fn problem_json(failure: &Failure, status: u16, request_id: &str, details_json: &[u8]) -> Vec<u8> {
    let entry = failure.entry();
    let mut out = Vec::with_capacity(256 + failure.detail().len() + details_json.len());
    out.extend_from_slice(b"{\"type\":\"/errors/");
    out.extend_from_slice(entry.name.as_bytes());
    out.extend_from_slice(b"\",\"title\":");
    write_json_string(entry.title, &mut out);
    out.extend_from_slice(b",\"status\":");
    out.extend_from_slice(status.to_string().as_bytes());
    if !failure.detail().is_empty() {
        out.extend_from_slice(b",\"detail\":");
        write_json_string(failure.detail(), &mut out);
    }
    out.extend_from_slice(b",\"code\":\"");
    out.extend_from_slice(entry.name.as_bytes());
    out.extend_from_slice(b"\",\"grpc_code\":\"");
    out.extend_from_slice(entry.grpc.name().as_bytes());
    out.extend_from_slice(b"\",\"retry\":\"");
    out.extend_from_slice(entry.retry.word().as_bytes());
    out.extend_from_slice(b"\",\"request_id\":");
    write_json_string(request_id, &mut out);
    if !details_json.is_empty() {
        out.extend_from_slice(b",\"details\":");
        out.extend_from_slice(details_json);
    }
    out.push(b'}');
    out
}

/// `google.rpc.Status` as ProtoJSON: what callers get whose `Accept` asks for plain `application/json`.
pub fn status_json(failure: &Failure, details_json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + failure.message().len() + details_json.len());
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(failure.entry().grpc.header().as_bytes());
    out.extend_from_slice(b",\"message\":");
    write_json_string(failure.message(), &mut out);
    out.extend_from_slice(b",\"details\":");
    out.extend_from_slice(if details_json.is_empty() { b"[]" } else { details_json });
    out.push(b'}');
    out
}

/// `google.rpc.Status` on the wire (`code = 1`, `message = 2`, `details = 3`), not yet base64.
pub fn status_details(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::new();
    let number = failure.entry().grpc.number();
    if number != 0 {
        out.extend_from_slice(&[0x08, number]);
    }
    put_bytes(0x12, failure.message().as_bytes(), &mut out);
    for detail in failure.details() {
        let mut any = Vec::with_capacity(detail.type_url.len() + detail.value.len() + 12);
        put_bytes(0x0a, detail.type_url.as_bytes(), &mut any);
        put_bytes(0x12, &detail.value, &mut any);
        put_bytes(0x1a, &any, &mut out);
    }
    out
}

fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length as u8) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Detail};
    use bytes::Bytes;

    #[test]
    fn a_problem_body_escapes_what_the_caller_sent() {
        let failure = Failure::new(Code::InvalidParameter, "page_size: \"a\nb\u{1}\" is not a number");
        let body = problem_json(&failure, 400, "id-1", b"[]");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "{\"type\":\"/errors/INVALID_PARAMETER\",\"title\":\"Invalid path or query parameter\",\"status\":400,\
             \"detail\":\"page_size: \\\"a\\nb\\u0001\\\" is not a number\",\"code\":\"INVALID_PARAMETER\",\
             \"grpc_code\":\"INVALID_ARGUMENT\",\"retry\":\"never\",\"request_id\":\"id-1\",\"details\":[]}"
        );
    }

    #[test]
    fn status_bytes_follow_the_wire_format() {
        let failure = Failure::new(Code::NotFound, "x".repeat(200))
            .with_details(vec![Detail { type_url: "t/T".into(), value: Bytes::from_static(b"\x08\x01") }]);
        let bytes = status_details(&failure);
        assert_eq!(&bytes[..5], &[0x08, 5, 0x12, 0xc8, 0x01]);
        assert_eq!(&bytes[205..], b"\x1a\x09\x0a\x03t/T\x12\x02\x08\x01");
    }
}
