//! Calls to other services: a channel to the gateway's private listener, which finds instances, keeps deadlines and
//! measures, and a layer that hands the current call's context on.

mod settled;

pub(crate) use settled::OVERSPENT;
pub use settled::Settled;

use crate::{Context, Error, Fault};
use http::{Request, Response};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tenet_error::GrpcCode;
use tenet_resilience::allowance::Grant;
use tokio::time::timeout_at;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::StdError as BoxError;
use tonic::transport::Endpoint;
use tower_layer::Layer;
use tower_service::Service;

/// Time to open a connection; the private listener is on this machine or in this zone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection with calls on it that is silent for this long is asked for a sign of life.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Time the answer to that may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A tonic channel whose calls inherit the context of the call that is being served.
pub type Channel = Propagate<tonic::transport::Channel>;

/// A channel to another service, by its name in `tenet.toml`. It connects when it is first used and again whenever the
/// connection is lost.
///
/// The address is `TENET_<SERVICE>_URL` (upper case, `-` as `_`) where set, for instance to reach a service directly in
/// a test; else `TENET_PRIVATE_URL`, the gateways' private listener, which finds the service by the method that is called.
///
/// # Errors
/// Neither variable is set, or its value is not an `http` URL.
pub fn channel(service: &str) -> Result<Channel, Error> {
    channel_from(service, |name| std::env::var(name).ok())
}

fn channel_from(service: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Channel, Error> {
    let own = format!("TENET_{}_URL", service.to_uppercase().replace('-', "_"));
    let names = [own, "TENET_PRIVATE_URL".to_owned()];
    let found = names.into_iter().find_map(|name| {
        let url = lookup(&name).filter(|url| !url.is_empty())?;
        Some((name, url))
    });
    let Some((name, url)) = found else {
        return Err(Error::MissingFact {
            name: "TENET_PRIVATE_URL".into(),
            why: "it is where the gateways' private listener is reached, and `tenet up` sets it",
        });
    };
    let wrong =
        |url: String| Error::Fact { name, found: url, expected: "an address as http://127.0.0.1:9001" };
    match url.parse::<http::Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => Ok(channel_to(uri)),
        _ => Err(wrong(url)),
    }
}

/// A channel to an address, with the same bounds and the same layer as [`channel`].
pub fn channel_to(address: http::Uri) -> Channel {
    let endpoint = Endpoint::from(address)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    PropagateLayer.layer(endpoint.connect_lazy())
}

/// Adds the current call's context to outgoing calls: request id, trace, baggage with a share of the
/// allowance, consumer and the time left.
#[derive(Clone, Copy, Debug, Default)]
pub struct PropagateLayer;

impl<S> Layer<S> for PropagateLayer {
    type Service = Propagate<S>;

    fn layer(&self, inner: S) -> Propagate<S> {
        Propagate { inner }
    }
}

/// A client whose calls inherit the context of the call that is being served, see [`PropagateLayer`].
///
/// Of what the call being served may spend on retries, each call takes a share, and what it did not spend comes back with its
/// answer.
///
/// A call is given up when the deadline passes, whatever its server does. Outside of any call there is nothing to
/// inherit: such a call gets a request id and a trace of its own and only the deadline its caller sets.
#[derive(Clone, Debug)]
pub struct Propagate<S> {
    inner: S,
}

impl<S, B> Service<Request<Body>> for Propagate<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body + Unpin + 'static,
{
    type Response = Response<Settled<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Settled<B>>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let context = Context::current().unwrap_or_else(Context::background);
        let grant = context.write_headers(request.headers_mut());
        if context.remaining() == Some(Duration::ZERO) {
            return Box::pin(async { Err(late()) });
        }
        let call = self.inner.call(request);
        // A call that gets no answer takes its grant with it, since what it spent nobody knows.
        match context.deadline {
            None => Box::pin(async { answered(call.await, grant) }),
            Some(at) => Box::pin(async move {
                match timeout_at(at, call).await {
                    Ok(answer) => answered(answer, grant),
                    Err(_) => Err(late()),
                }
            }),
        }
    }
}

fn answered<B>(
    answer: Result<Response<B>, impl Into<BoxError>>,
    grant: Option<Grant>,
) -> Result<Response<Settled<B>>, BoxError> {
    answer.map(|answer| Settled::watch(answer, grant)).map_err(late_or_lost)
}

/// What a transport error means to whoever called. tonic's own reading differs in two places: its timer for
/// `grpc-timeout` reports CANCELLED, which says that the caller lost interest when in truth time ran out; and a
/// connection that was lost reports CANCELLED or UNKNOWN, which callers do not retry.
fn late_or_lost(error: impl Into<BoxError>) -> BoxError {
    let error = error.into();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(this) = cause {
        if this.is::<tonic::TimeoutExpired>() {
            return late();
        }
        if this.is::<Status>()
            || this.downcast_ref::<h2::Error>().is_some_and(|reset| reset.reason().is_some())
        {
            // A status, or a reset with a reason, says more than that the connection is gone.
            return error;
        }
        cause = this.source();
    }
    let cause = format!("{error:?}");
    Status::from(Fault::unavailable("The connection to the service was lost.").cause(cause)).into()
}

fn late() -> BoxError {
    Status::from(Fault::new(GrpcCode::DeadlineExceeded, "The deadline passed before a call below was done."))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_nearest_address_wins_and_a_wrong_one_is_named() {
        for (pairs, expected) in [
            (&[][..], Some("TENET_PRIVATE_URL is not set")),
            (&[("TENET_PRIVATE_URL", "http://127.0.0.1:1")], None),
            (&[("TENET_PRIVATE_URL", "127.0.0.1:1")], Some("TENET_PRIVATE_URL=\"127.0.0.1:1\": expected")),
            (&[("TENET_PRIVATE_URL", "https://127.0.0.1:1")], Some("TENET_PRIVATE_URL")),
            (
                &[("TENET_OTHER_ONE_URL", "?"), ("TENET_PRIVATE_URL", "http://h")],
                Some("TENET_OTHER_ONE_URL=\"?\""),
            ),
            (&[("TENET_OTHER_ONE_URL", ""), ("TENET_PRIVATE_URL", "http://h")], None),
        ] {
            let made = channel_from("other-one", |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            match (made.map_err(|error| error.to_string()), expected) {
                (Ok(_), None) => {}
                (Err(text), Some(start)) => assert!(text.starts_with(start), "{text}"),
                (made, expected) => panic!("{pairs:?}: {:?} is not {expected:?}", made.err()),
            }
        }
    }
}
