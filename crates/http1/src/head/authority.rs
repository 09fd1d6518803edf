//! Host and port as `Host` and absolute-form targets spell them (RFC 9110 §7.2, RFC 3986 §3.2).

use crate::Refusal;
use crate::grammar::{is_reg_name, show};
use bytes::Bytes;
use http::uri::Authority;
use std::net::Ipv6Addr;

/// Longest host name: the 253 characters of DNS, with room for a final dot and names that are not DNS.
const HOST_MAX: usize = 255;

/// Checks `text` and makes an authority of it. `place` begins the message.
pub(crate) fn parse(text: &Bytes, place: &str) -> Result<Authority, Refusal> {
    check(text).map_err(|rule| Refusal::malformed(format!("{place}: {rule}")))?;
    Authority::from_maybe_shared(text.clone())
        .map_err(|_| Refusal::malformed(format!("{place}: not a host with an optional port (RFC 9110 §7.2)")))
}

fn check(text: &[u8]) -> Result<(), String> {
    let (host, port) = split(text);
    match host {
        // RFC 9110 §4.2.1: an http URI with an empty host is invalid.
        [] => return Err("the host is empty (RFC 9110 §4.2.1)".into()),
        [b'[', inner @ .., b']'] => {
            let address = std::str::from_utf8(inner).ok().and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            if address.is_none() {
                return Err("what stands in brackets is not an IPv6 address (RFC 3986 §3.2.2)".into());
            }
        }
        _ if host.len() > HOST_MAX => return Err(format!("the host is longer than {HOST_MAX} bytes")),
        _ => {
            if let Some(at) = host.iter().position(|&byte| !is_reg_name(byte)) {
                let hint = if host.contains(&b'@') {
                    "; user information is never sent (RFC 9110 §4.2.4)"
                } else {
                    ""
                };
                let (found, column) = (show(host[at]), at + 1);
                return Err(format!(
                    "{found} at byte {column} cannot stand in a host (RFC 3986 §3.2.2){hint}"
                ));
            }
        }
    }
    // An empty port is allowed by RFC 3986 §3.2.3 and means the default.
    let valid = port.is_none_or(|port| {
        port.iter().all(u8::is_ascii_digit)
            && port.len() <= 5
            && port.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0'))
                <= u32::from(u16::MAX)
    });
    if valid { Ok(()) } else { Err("the port is not a number up to 65535 (RFC 3986 §3.2.3)".into()) }
}

/// Host and port, at the first colon behind the host.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = if text.first() == Some(&b'[') { memchr::memchr(b']', text).unwrap_or(0) } else { 0 };
    match memchr::memchr(b':', &text[from..]) {
        Some(colon) => (&text[..from + colon], Some(&text[from + colon + 1..])),
        None => (text, None),
    }
}

/// Whether two authorities are the same: hosts without regard to case, an absent port as the default one.
pub(crate) fn same_authority(left: &[u8], right: &[u8], default_port: &[u8]) -> bool {
    let parts = |text| {
        let (host, port) = split(text);
        (host, port.filter(|port| !port.is_empty()).map_or(default_port, |port| port))
    };
    let ((left_host, left_port), (right_host, right_port)) = (parts(left), parts(right));
    left_host.eq_ignore_ascii_case(right_host) && left_port == right_port
}
