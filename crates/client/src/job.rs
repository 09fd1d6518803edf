//! One call as it crosses to the client's thread.

use crate::AnswerBody;
use crate::allowance::Tree;
use crate::methods::Method;
use crate::place::Place;
use crate::request::{self, Upload};
use http::{HeaderMap, HeaderName, Request, Response, Uri};
use std::sync::Arc;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::{affinity, timeout};
use tenet_upstream::{CallTerms, Meaning, Outgoing};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::body::Body;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The caller's own promise that a repeated request has the effect of one (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest any call waits for the head of its answer, a stream without deadline included; the gateway's default is the same.
const LONGEST: Duration = Duration::from_secs(300);

/// Bytes before a message: whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message).
const PREFIX: usize = 5;

/// What all calls of a client have in common.
#[derive(Debug)]
pub(crate) struct Defaults {
    /// The time of a unary call for which neither contract nor caller says anything.
    pub(crate) deadline: Duration,
    /// What a tree of calls that begins here may spend on repetitions.
    pub(crate) allowance: u32,
}

/// One call on its way to an instance.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: Request<Outgoing<Upload>>,
    pub(crate) method: Method,
    pub(crate) terms: CallTerms,
    pub(crate) tree: Tree,
    /// Who waits for the answer's head.
    pub(crate) reply: oneshot::Sender<Response<AnswerBody>>,
    /// Held until the answer has been read or given up.
    pub(crate) place: Place,
}

impl Job {
    /// A call as `request` and the contract ask for it.
    ///
    /// # Errors
    /// A `grpc-timeout` that cannot be read.
    pub(crate) fn new(
        mut request: Request<Body>,
        uri: Uri,
        method: Method,
        defaults: &Defaults,
        place: Place,
        reply: oneshot::Sender<Response<AnswerBody>>,
    ) -> Result<Box<Job>, Failure> {
        *request.uri_mut() = uri;
        let headers = request.headers();
        let tree = Tree::read(headers, defaults.allowance);
        let within = within(headers, &method, defaults)?;
        let mut terms = CallTerms {
            deadline: Instant::now() + within.unwrap_or(LONGEST),
            tell_deadline: within.is_some(),
            meaning: Meaning::Grpc,
            idempotent: method.repeatable || headers.contains_key(IDEMPOTENCY_KEY),
            hedge: method.hedge,
            affinity: None,
            allowance: tree.allowance.clone(),
        };
        let request = request.map(|body| request::outgoing(body, method.one_in));
        terms.affinity = affinity(&method, request.body());
        Ok(Box::new(Job { request, method, terms, tree, reply, place }))
    }
}

/// What chooses the instance: the hash of the field that the contract names, where the message is there, whole and not compressed.
fn affinity(method: &Method, body: &Outgoing<Upload>) -> Option<u64> {
    let (Some(locator), Outgoing::Full(framed)) = (&method.hash_by, body) else { return None };
    let (prefix, message) = framed.split_at_checked(PREFIX)?;
    (prefix[0] == 0).then(|| locator.find(message).map(affinity::hash)).flatten()
}

/// The time a call has: the smallest of what the caller, the contract and, for unary calls, the client says.
fn within(headers: &HeaderMap, method: &Method, defaults: &Defaults) -> Result<Option<Duration>, Failure> {
    let asked = match headers.get(GRPC_TIMEOUT) {
        None => None,
        Some(value) => Some(timeout::parse(value.as_bytes()).ok_or_else(|| {
            let found = String::from_utf8_lossy(value.as_bytes());
            Failure::new(Code::InvalidArgument, format!("grpc-timeout: found {found:?}, expected as in 100m"))
        })?),
    };
    let said = [asked, method.deadline].into_iter().flatten().min();
    let said = said.or(method.unary.then_some(defaults.deadline));
    Ok(said.map(|within| within.min(LONGEST)))
}

/// The request's path at the service's authority, which need not be that of any instance.
pub(crate) fn uri(of: &Uri, authority: &http::uri::Authority) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(authority.clone());
    parts.path_and_query = of.path_and_query().cloned();
    Uri::from_parts(parts).ok()
}

/// Who takes jobs: one sender for each thread.
pub(crate) type Doors = Arc<[tokio::sync::mpsc::Sender<Box<Job>>]>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_time_wins() {
        let (ms, defaults) =
            (Duration::from_millis, Defaults { deadline: Duration::from_secs(15), allowance: 3 });
        for (asked, contract, unary, expected) in [
            (None, None, true, Ok(Some(ms(15_000)))),
            (None, None, false, Ok(None)),
            (Some("70m"), None, false, Ok(Some(ms(70)))),
            (Some("70m"), Some(ms(50)), true, Ok(Some(ms(50)))),
            (Some("20S"), None, true, Ok(Some(ms(20_000)))),
            (Some("20S"), Some(ms(30_000)), false, Ok(Some(ms(20_000)))),
            (Some("9H"), None, true, Ok(Some(LONGEST))),
            (Some("soon"), None, true, Err(Code::InvalidArgument)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(GRPC_TIMEOUT, asked.parse().unwrap());
            }
            let method = Method { unary, deadline: contract, ..Method::default() };
            let found = within(&headers, &method, &defaults).map_err(|failure| failure.code());
            assert_eq!(found, expected, "{asked:?} {contract:?} {unary}");
        }
    }
}
