//! Plain HTTP routes: prefixes, services, methods.

use super::Check;
use crate::config::Protocol;
use crate::problems::did_you_mean;
use std::collections::BTreeMap;

/// What the gateway itself serves while `gateway.reference` is on.
const REFERENCE: [&str; 3] = ["/openapi.json", "/docs", "/errors"];

pub(super) fn check(check: &mut Check<'_>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, route) in check.config.http.iter().enumerate() {
        let index = at.to_string();
        let path = ["http", index.as_str(), "prefix"];
        if let Err(expected) = well_formed(&route.prefix) {
            check.wrong(&path, &format!("found {:?}, expected {expected}", route.prefix));
        }
        if let Some(other) = seen.insert(&route.prefix, at) {
            check.wrong(&path, &format!("{:?} is already the prefix of http[{other}]", route.prefix));
        }
        if check.config.gateway.reference && REFERENCE.contains(&route.prefix.as_str()) {
            let hint = Some("choose another prefix, or set gateway.reference = false".to_owned());
            check.wrong_with_hint(&path, &format!("the gateway serves {:?} itself", route.prefix), hint);
        }
        let path = ["http", index.as_str(), "service"];
        match check.config.services.get(&route.service) {
            None => {
                let hint = did_you_mean(&route.service, check.config.services.keys().map(String::as_str));
                check.wrong_with_hint(&path, &format!("there is no service `{}`", route.service), hint);
            }
            Some(service) if service.protocol() == Protocol::Grpc => {
                let message =
                    format!("`{}` speaks gRPC, expected a service of http1 or http2", route.service);
                check.wrong(&path, &message);
            }
            Some(_) => {}
        }
        for (number, method) in route.methods.iter().enumerate() {
            // RFC 9110 §9.1: a token, and case-sensitive; lower case is never what was meant.
            if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b"-_".contains(&b)) {
                let message = format!("found {method:?}, expected an HTTP method such as \"GET\"");
                let hint = did_you_mean(method, ["GET", "PUT", "POST", "HEAD", "PATCH", "DELETE", "OPTIONS"]);
                check.wrong_with_hint(&["http", &index, "methods", &number.to_string()], &message, hint);
            }
        }
        if route.deadline.is_some_and(|deadline| deadline.0 == 0) {
            check.wrong(&["http", &index, "deadline"], "found 0, expected more: no answer comes in no time");
        }
    }
}

/// A prefix is `/`, or whole segments without a trailing slash, as they stand in a request target.
fn well_formed(prefix: &str) -> Result<(), &'static str> {
    if prefix == "/" {
        return Ok(());
    }
    let Some(segments) = prefix.strip_prefix('/') else { return Err("it to begin with `/`") };
    for segment in segments.split('/') {
        match segment {
            "" => return Err("whole segments: no `//` and no `/` at the end"),
            "." | ".." => return Err("no `.` or `..` segment: callers' paths never keep them"),
            _ => {}
        }
        // RFC 3986 §3.3 pchar.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte);
        if !segment.bytes().all(allowed) {
            return Err("only characters of a URL path, others percent-encoded");
        }
        if segment.contains(['*', '{']) {
            return Err("a literal prefix: everything below it matches already, without `*`");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_whole_literal_segments() {
        for prefix in ["/", "/a", "/a/b.c", "/a%20b", "/~x/@me"] {
            assert_eq!(well_formed(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["", "a", "/a/", "//", "/a//b", "/a?b", "/a b", "/../a", "/a/*", "/é", "/a#b", "/{x}"]
        {
            assert!(well_formed(prefix).is_err(), "{prefix}");
        }
    }
}
