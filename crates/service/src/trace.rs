//! W3C trace context: the identity of a call tree, read from and written to `traceparent` and `tracestate`
//! (W3C Trace Context, level 2).

use http::HeaderMap;
use std::fmt;
use std::sync::Arc;

/// Bytes of `tracestate` that are passed on; the recommendation asks for at least 512. Longer ones are dropped whole,
/// as it allows, rather than cut.
const MAX_TRACESTATE_BYTES: usize = 8192;

/// Where a call stands in its trace: the trace it belongs to and the span that is its parent or itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Identity of the whole tree, never zero.
    pub trace_id: u128,
    /// Identity of one call in it, never zero.
    pub span_id: u64,
    /// `trace-flags`; bit 0 says the trace is sampled.
    pub flags: u8,
    /// `tracestate` as it came, if any.
    pub state: Option<Arc<str>>,
}

impl Trace {
    /// A new, unsampled trace with this call as its root.
    pub fn root() -> Trace {
        Trace { trace_id: nonzero(), span_id: nonzero(), flags: 0, state: None }
    }

    /// The same trace seen from a new call below this one.
    #[must_use]
    pub fn child(&self) -> Trace {
        Trace { span_id: nonzero(), ..self.clone() }
    }

    /// Reads `traceparent` and `tracestate`. A malformed or repeated `traceparent` is `None`: the trace starts anew.
    pub fn from_headers(headers: &HeaderMap) -> Option<Trace> {
        let mut parents = headers.get_all("traceparent").iter();
        let (first, second) = (parents.next()?, parents.next());
        if second.is_some() {
            return None;
        }
        let mut trace = Trace::parse(first.as_bytes())?;
        let mut state = String::new();
        for value in headers.get_all("tracestate") {
            // §3.3.1: several fields combine, in order, as one list.
            let Ok(text) = value.to_str() else { return Some(trace) };
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(text);
        }
        if !state.is_empty() && state.len() <= MAX_TRACESTATE_BYTES {
            trace.state = Some(state.into());
        }
        Some(trace)
    }

    /// Reads the value of `traceparent` (§3.2): lower-case hex only; versions after 00 may have more after the flags.
    pub fn parse(value: &[u8]) -> Option<Trace> {
        if value.len() < 55 || value[2] != b'-' || value[35] != b'-' || value[52] != b'-' {
            return None;
        }
        let version = hex(&value[..2])?;
        let whole = match version {
            0x00 => value.len() == 55,
            0xff => false,
            _ => value.len() == 55 || value[55] == b'-',
        };
        let trace_id = hex(&value[3..35])?;
        let span_id = hex(&value[36..52])? as u64;
        let flags = hex(&value[53..55])? as u8;
        (whole && trace_id != 0 && span_id != 0).then_some(Trace { trace_id, span_id, flags, state: None })
    }
}

impl fmt::Display for Trace {
    /// The value of `traceparent`, version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(nibble))
    })
}

/// A random identity other than zero, which the standard reserves for "invalid".
fn nonzero<T: Default + PartialEq>() -> T
where
    rand::distr::StandardUniform: rand::distr::Distribution<T>,
{
    loop {
        let value = rand::random::<T>();
        if value != T::default() {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn rows_of_the_recommendation() {
        let version_1 = format!("01{}", &GOOD[2..]);
        for (value, valid) in [
            (GOOD.to_owned(), true),
            (version_1.clone(), true),
            (format!("{version_1}-more"), true),
            (format!("{version_1}more"), false),
            (format!("{GOOD}-more"), false),
            (format!("ff{}", &GOOD[2..]), false),
            (GOOD.to_uppercase(), false),
            (GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)), false),
            (GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)), false),
            (GOOD[..54].to_owned(), false),
            (GOOD.replace('-', "_"), false),
            (String::new(), false),
        ] {
            assert_eq!(Trace::parse(value.as_bytes()).is_some(), valid, "{value}");
        }
    }

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_span() {
        let trace = Trace::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(trace.to_string(), GOOD);
        let child = trace.child();
        assert_eq!((child.trace_id, child.flags), (trace.trace_id, trace.flags));
        assert_ne!(child.span_id, trace.span_id);
    }

    #[test]
    fn two_parents_are_none_and_two_states_one_list() {
        let mut headers = HeaderMap::new();
        headers.append("traceparent", GOOD.parse().unwrap());
        headers.append("tracestate", "a=1".parse().unwrap());
        headers.append("tracestate", "b=2".parse().unwrap());
        assert_eq!(Trace::from_headers(&headers).unwrap().state.as_deref(), Some("a=1,b=2"));
        headers.append("traceparent", GOOD.parse().unwrap());
        assert_eq!(Trace::from_headers(&headers), None);
    }
}
