//! Bounds that must fit each other, CIDR blocks, and the load of `--traffic`.

use super::Check;
use crate::config::{Cidr, Millis, Size};

/// HTTP/2 windows are 31 bits (RFC 9113 §6.9.1) and start at 65,535 bytes (§6.9.2).
const WINDOW: (u64, u64) = (65_535, (1 << 31) - 1);
/// The transcoder reads no deeper, and protobuf's own runtimes refuse more: a higher bound would promise what nobody keeps.
const MAX_JSON_DEPTH: u32 = 100;

pub(super) fn check(check: &mut Check<'_>) {
    deadlines(check);
    limits(check);
    trust(check);
    traffic(check);
}

fn deadlines(check: &mut Check<'_>) {
    let gateway = &check.config.gateway;
    for (key, value) in [("deadline", gateway.deadline), ("max_deadline", Some(gateway.max_deadline))] {
        if value == Some(Millis(0)) {
            check.wrong(&["gateway", key], "found 0, expected more: no call ends in no time");
        }
    }
    if let Some(deadline) = gateway.deadline
        && deadline > gateway.max_deadline
    {
        let message =
            format!("found {deadline}, expected at most gateway.max_deadline = {}", gateway.max_deadline);
        check.wrong(&["gateway", "deadline"], &message);
    }
    for (name, service) in &check.config.services {
        if service.deadline == Some(Millis(0)) {
            check.wrong(&["services", name, "deadline"], "found 0, expected more: no call ends in no time");
        }
        if service.max_response == Some(Size(0)) {
            check.wrong(&["services", name, "max_response"], "found 0, expected more");
        }
    }
}

fn limits(check: &mut Check<'_>) {
    let limits = &check.config.gateway.limits;
    let at_least = [
        ("head", limits.head.0, 1 << 10, "a kilobyte: browsers send that much"),
        ("target", limits.target.0, 256, "256 bytes"),
        ("headers", u64::from(limits.headers), 8, "8: what any client sends"),
        ("body", limits.body.0, 1, "1 byte"),
        ("streamed_body", limits.streamed_body.0, 1, "1 byte"),
        ("max_response_message", limits.max_response_message.0, 1, "1 byte"),
        ("header_time", limits.header_time.0, 1, "1ms"),
        ("body_time", limits.body_time.0, 1, "1ms"),
        ("idle_time", limits.idle_time.0, 1, "1ms"),
        ("write_time", limits.write_time.0, 1, "1ms"),
        ("streams_per_connection", u64::from(limits.streams_per_connection), 1, "1"),
        ("stream_window", limits.stream_window.0, WINDOW.0, "65535 bytes (RFC 9113 §6.9.2)"),
        ("connection_window", limits.connection_window.0, WINDOW.0, "65535 bytes (RFC 9113 §6.9.2)"),
        ("connections", u64::from(limits.connections), 1, "1"),
        ("in_flight", u64::from(limits.in_flight), 1, "1"),
        ("json_depth", u64::from(limits.json_depth), 1, "1"),
    ];
    for (key, value, least, text) in at_least {
        if value < least {
            check.wrong(&["gateway", "limits", key], &format!("found {value}, expected at least {text}"));
        }
    }
    let at_most = [
        ("target", limits.target.0, limits.head.0, "gateway.limits.head, which it is part of"),
        ("body", limits.body.0, u64::from(u32::MAX), "4GiB - 1: longer gRPC messages cannot be framed"),
        (
            "max_response_message",
            limits.max_response_message.0,
            u64::from(u32::MAX),
            "4GiB - 1: longer gRPC messages cannot be framed",
        ),
        ("stream_window", limits.stream_window.0, WINDOW.1, "2147483647 bytes (RFC 9113 §6.9.1)"),
        ("connection_window", limits.connection_window.0, WINDOW.1, "2147483647 bytes (RFC 9113 §6.9.1)"),
        ("json_depth", u64::from(limits.json_depth), u64::from(MAX_JSON_DEPTH), "100"),
    ];
    for (key, value, most, text) in at_most {
        if value > most {
            check.wrong(&["gateway", "limits", key], &format!("found {value}, expected at most {text}"));
        }
    }
}

fn trust(check: &mut Check<'_>) {
    for (index, block) in check.config.gateway.trusted_proxies.iter().enumerate() {
        if let Err(expected) = block.parse::<Cidr>() {
            let message = format!("found {block:?}, expected {expected}");
            check.wrong(&["gateway", "trusted_proxies", &index.to_string()], &message);
        }
    }
    for (index, authority) in check.config.gateway.authorities.iter().enumerate() {
        let is_host = !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b))
            && (authority.starts_with('[') || !authority.contains(':'));
        if !is_host {
            let message =
                format!("found {authority:?}, expected a host without port, such as \"api.example.com\"");
            check.wrong(&["gateway", "authorities", &index.to_string()], &message);
        }
    }
}

fn traffic(check: &mut Check<'_>) {
    let traffic = &check.config.traffic;
    if traffic.users == 0 {
        check.wrong(&["traffic", "users"], "found 0, expected at least 1");
    }
    if traffic.users > 0 && traffic.whale >= traffic.users {
        let message =
            format!("found {}, expected less than traffic.users = {}", traffic.whale, traffic.users);
        check.wrong(&["traffic", "whale"], &message);
    }
    if traffic.whale_per_mille > 1000 {
        let message = format!("found {}, expected at most 1000", traffic.whale_per_mille);
        check.wrong(&["traffic", "whale_per_mille"], &message);
    }
    for (at, request) in traffic.requests.iter().enumerate() {
        let index = at.to_string();
        if !request.path.starts_with('/') {
            let message = format!("found {:?}, expected it to begin with `/`", request.path);
            check.wrong(&["traffic", "requests", &index, "path"], &message);
        }
        if http::Method::from_bytes(request.method.as_bytes()).is_err() {
            let message = format!("found {:?}, expected an HTTP method", request.method);
            check.wrong(&["traffic", "requests", &index, "method"], &message);
        }
        for (name, value) in &request.headers {
            let valid = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(value).is_ok();
            if !valid {
                let message = "expected a field name and value of HTTP (RFC 9110 §5)";
                check.wrong(&["traffic", "requests", &index, "headers", name], message);
            }
        }
    }
    if !traffic.requests.is_empty() && traffic.requests.iter().all(|request| request.weight == 0) {
        check.wrong(&["traffic", "requests"], "found only weights of 0, expected one above");
    }
}
