//! What an answer says about the attempt: whether it counts, whether another try may help, and when.

use super::terms::Meaning;
use http::{HeaderMap, HeaderName, StatusCode, header};
use std::time::{Duration, SystemTime};
use tenet_error::{Blame, Code, GrpcCode, Retry};
use tenet_resilience::call::{self, Ended, Pushback};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Whether and when a gRPC server wants to be asked again (gRFC A6).
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// An instance that refused a call says with this field that it provably did nothing of it, so that any method may be sent to
/// another one.
const NOT_RUN: HeaderName = HeaderName::from_static(call::NOT_RUN);

/// What an answer says of the instance that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It did what was asked: what it took says how busy it is.
    Ok,
    /// An error of whatever kind. Many are found without the work, so what it took says nothing.
    Error,
    /// It did nothing, because it has more to do than it can.
    Refused,
}

/// What became of an attempt that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How it ended by the catalogue.
    pub(crate) code: Code,
    /// Whether the answer is the call's, or another attempt may be made instead.
    pub(crate) ended: Ended,
}

impl Verdict {
    /// The status of an answer by its head, and its trailers where it has ended.
    pub(crate) fn of(
        meaning: Meaning,
        status: StatusCode,
        head: &HeaderMap,
        trailers: Option<&HeaderMap>,
    ) -> Verdict {
        match meaning {
            Meaning::Http => http(status, head),
            Meaning::Grpc if status != StatusCode::OK => grpc_over_http(status, head),
            Meaning::Grpc => {
                let fields = trailers.filter(|fields| fields.contains_key(GRPC_STATUS)).unwrap_or(head);
                match fields.get(GRPC_STATUS) {
                    Some(status) => grpc(GrpcCode::from_header(status.as_bytes()), fields),
                    // Of a whole answer that is a broken one; of a head alone it is what most look like.
                    None if trailers.is_some() => Verdict::failed(Code::UpstreamProtocol, Pushback::None),
                    None => Verdict::OK,
                }
            }
        }
    }

    const OK: Verdict = Verdict { code: Code::Ok, ended: Ended::Final };

    fn failed(code: Code, pushback: Pushback) -> Verdict {
        let ended = if may_pass(code) { Ended::Failed(pushback) } else { Ended::Final };
        Verdict { code, ended }
    }

    /// Whether the instance is to blame, in a way that another one may do better. One that refuses is well: were it ejected for that, the
    /// others would be given what it refused and be next.
    pub(crate) fn is_fault(self) -> bool {
        may_pass(self.code) && !self.is_refusal()
    }

    /// Whether the instance refused it for want of room.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self.ended, Ended::NotRun(_))
    }

    /// What is passed on of it.
    pub(crate) fn said(self) -> Said {
        match self.code {
            _ if self.is_refusal() => Said::Refused,
            Code::Ok => Said::Ok,
            _ => Said::Error,
        }
    }
}

/// Whether the catalogue says that the same request may end better elsewhere: not what the caller has to change first.
pub(crate) fn may_pass(code: Code) -> bool {
    let entry = code.entry();
    entry.retry != Retry::Never && entry.blame == Blame::Dependency
}

fn grpc(status: GrpcCode, fields: &HeaderMap) -> Verdict {
    if status == GrpcCode::Ok {
        return Verdict::OK;
    }
    let code = Code::from_service(status);
    let pushback = grpc_pushback(fields);
    if fields.contains_key(NOT_RUN) {
        return Verdict { code, ended: Ended::NotRun(pushback) };
    }
    // A server that says when to come back asks for it, whatever the code (gRFC A6).
    if matches!(pushback, Pushback::After(_)) {
        return Verdict { code, ended: Ended::Failed(pushback) };
    }
    Verdict::failed(code, pushback)
}

/// A status other than 200 to a gRPC call comes from something in between.
fn grpc_over_http(status: StatusCode, head: &HeaderMap) -> Verdict {
    match status.as_u16() {
        429 | 502..=504 => Verdict::failed(Code::ServiceUnavailable, retry_after(head)),
        _ => Verdict { code: Code::UpstreamProtocol, ended: Ended::Final },
    }
}

fn http(status: StatusCode, head: &HeaderMap) -> Verdict {
    match status.as_u16() {
        // What a server says when it, or something behind it, cannot serve now; 501 and 505 will not change.
        500 | 502..=504 => Verdict::failed(Code::UpstreamHttp5xx, retry_after(head)),
        500.. => Verdict { code: Code::UpstreamHttp5xx, ended: Ended::Final },
        400..=499 => Verdict { code: Code::UpstreamHttp4xx, ended: Ended::Final },
        _ => Verdict::OK,
    }
}

/// A number that is negative or cannot be read forbids another try (gRFC A6).
fn grpc_pushback(fields: &HeaderMap) -> Pushback {
    let Some(value) = fields.get(PUSHBACK) else { return Pushback::None };
    match value.to_str().ok().and_then(|text| text.parse::<u32>().ok()) {
        Some(pause_ms) => Pushback::After(Duration::from_millis(pause_ms.into())),
        None => Pushback::Never,
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3). What is neither says nothing.
fn retry_after(head: &HeaderMap) -> Pushback {
    let Some(text) = head.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return Pushback::None;
    };
    if let Ok(seconds) = text.parse::<u32>() {
        return Pushback::After(Duration::from_secs(seconds.into()));
    }
    match httpdate::parse_http_date(text) {
        Ok(date) => Pushback::After(date.duration_since(SystemTime::now()).unwrap_or_default()),
        Err(_) => Pushback::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = &'static [(&'static str, &'static str)];

    fn fields(pairs: Fields) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_grpc_answer_says_how_it_ended() {
        let after = |ms| Pushback::After(Duration::from_millis(ms));
        let rows: [(Fields, Code, Ended); 10] = [
            (&[("grpc-status", "0")], Code::Ok, Ended::Final),
            (&[], Code::Ok, Ended::Final),
            (&[("grpc-status", "14")], Code::ServiceUnavailable, Ended::Failed(Pushback::None)),
            (&[("grpc-status", "13")], Code::ServiceInternal, Ended::Failed(Pushback::None)),
            (&[("grpc-status", "5")], Code::NotFound, Ended::Final),
            (&[("grpc-status", "8")], Code::ResourceExhausted, Ended::Final),
            (
                &[("grpc-status", "8"), ("grpc-retry-pushback-ms", "70")],
                Code::ResourceExhausted,
                Ended::Failed(after(70)),
            ),
            (
                &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")],
                Code::ServiceUnavailable,
                Ended::Failed(Pushback::Never),
            ),
            (
                &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "soon")],
                Code::ServiceUnavailable,
                Ended::Failed(Pushback::Never),
            ),
            (
                &[("grpc-status", "14"), ("tenet-not-run", "1"), ("grpc-retry-pushback-ms", "5")],
                Code::ServiceUnavailable,
                Ended::NotRun(after(5)),
            ),
        ];
        for (pairs, code, ended) in rows {
            let verdict = Verdict::of(Meaning::Grpc, StatusCode::OK, &fields(pairs), None);
            assert_eq!(verdict, Verdict { code, ended }, "{pairs:?}");
        }
        let whole = Verdict::of(Meaning::Grpc, StatusCode::OK, &fields(&[]), Some(&fields(&[])));
        assert_eq!(whole.code, Code::UpstreamProtocol, "a whole answer has a status");
        let trailers = fields(&[("grpc-status", "4")]);
        let late = Verdict::of(Meaning::Grpc, StatusCode::OK, &fields(&[]), Some(&trailers));
        assert_eq!(late.code, Code::ServiceDeadline);
    }

    #[test]
    fn an_http_answer_says_how_it_ended() {
        let seconds = |n| Ended::Failed(Pushback::After(Duration::from_secs(n)));
        let rows: [(u16, Fields, Code, Ended); 8] = [
            (200, &[], Code::Ok, Ended::Final),
            (304, &[], Code::Ok, Ended::Final),
            (404, &[], Code::UpstreamHttp4xx, Ended::Final),
            (429, &[("retry-after", "1")], Code::UpstreamHttp4xx, Ended::Final),
            (500, &[], Code::UpstreamHttp5xx, Ended::Failed(Pushback::None)),
            (501, &[], Code::UpstreamHttp5xx, Ended::Final),
            (503, &[("retry-after", "2")], Code::UpstreamHttp5xx, seconds(2)),
            (503, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], Code::UpstreamHttp5xx, seconds(0)),
        ];
        for (status, pairs, code, ended) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            let verdict = Verdict::of(Meaning::Http, status, &fields(pairs), None);
            assert_eq!(verdict, Verdict { code, ended }, "{status} {pairs:?}");
        }
    }
}
