//! The way to the store: the generated client over whatever carries the calls, and who calls.

use super::OpenError;
use crate::Client;
use http::{Request, Response};
use std::time::Duration;
use tenet_api::store::FILE_DESCRIPTOR_SET;
use tenet_api::store::v1::store_client::StoreClient;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::metadata::{Ascii, MetadataValue};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// The metadata that says who calls.
const SECRET: &str = "tenet-store-secret";

/// The store's name in the roster.
pub(super) const SERVICE: &str = "store";

/// Bytes of one answer. The store sends up to 4 MiB of keys and values, and what says their versions and times beside them.
pub(super) const ANSWER_MAX: usize = 8 << 20;

/// Time to open a connection to a gateway; it is on this machine or in this zone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection with calls on it that is silent for this long is asked for a sign of life.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Time the answer to that may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What carries calls: a [`Client`], or a channel to a gateway.
pub type Calls = BoxCloneSyncService<Request<Body>, Response<Body>, CallError>;

/// Why what carries calls could not: the transport's own error, for the layers around it to read.
#[derive(Debug, thiserror::Error)]
#[error("the call was not carried")]
pub struct CallError(#[source] StdError);

/// The way to the store. Clones are the same way.
#[derive(Clone)]
pub(super) struct Link {
    client: StoreClient<Calls>,
    secret: MetadataValue<Ascii>,
}

impl Link {
    pub(super) fn new(calls: Calls, secret: MetadataValue<Ascii>) -> Link {
        let client = StoreClient::new(calls).max_decoding_message_size(ANSWER_MAX);
        Link { client, secret }
    }

    /// The generated client: each call takes one of its own.
    pub(super) fn client(&self) -> StoreClient<Calls> {
        self.client.clone()
    }

    /// A request that says who calls.
    pub(super) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert(SECRET, self.secret.clone());
        request
    }
}

/// Any channel as what carries calls.
pub(super) fn boxed<S, B>(channel: S) -> Calls
where
    S: tower_service::Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<StdError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let calls = channel
        .map_response(|answer: Response<B>| answer.map(Body::new))
        .map_err(|error: S::Error| CallError(error.into()));
    BoxCloneSyncService::new(calls)
}

/// Instances of the store called directly, by the roster, or else a channel to the gateways. The client, where there is one.
pub(super) fn from_lookup(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(Calls, Option<Client>), OpenError> {
    if lookup("TENET_ROSTER").is_some() {
        let builder = Client::builder(SERVICE).descriptor_set(FILE_DESCRIPTOR_SET);
        // Five bytes of framing beside the message.
        let client = builder.answer_max(ANSWER_MAX + 5).build()?;
        return Ok((boxed(client.clone()), Some(client)));
    }
    let found =
        ["TENET_STORE_URL", "TENET_PRIVATE_URL"].into_iter().find_map(|name| Some((name, lookup(name)?)));
    let Some((name, url)) = found else {
        return Err(OpenError::MissingFact {
            name: "TENET_ROSTER",
            why: "it names the instances of the store, and `tenet up` sets it; TENET_PRIVATE_URL is not set either",
        });
    };
    match url.parse::<http::Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => {
            Ok((boxed(channel(uri)), None))
        }
        _ => Err(OpenError::Fact { name, found: url, expected: "an address as http://127.0.0.1:9001" }),
    }
}

/// A channel to a gateway, with the bounds of `tenet_service::channel`.
fn channel(uri: http::Uri) -> tonic::transport::Channel {
    tonic::transport::Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .connect_lazy()
}

/// The secret as it stands in metadata: never shown, also not by `Debug`.
pub(super) fn secret(text: &str) -> Option<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = text.parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_environment_says_where_the_store_is() {
        for (pairs, expected) in [
            (&[][..], Some("TENET_ROSTER is not set")),
            (&[("TENET_PRIVATE_URL", "http://127.0.0.1:1")], None),
            (
                &[("TENET_PRIVATE_URL", "127.0.0.1:1")],
                Some("TENET_PRIVATE_URL=\"127.0.0.1:1\": expected an address"),
            ),
            (
                &[("TENET_STORE_URL", "https://h"), ("TENET_PRIVATE_URL", "http://h")],
                Some("TENET_STORE_URL="),
            ),
        ] {
            let made = from_lookup(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            match (made.map_err(|error| error.to_string()), expected) {
                (Ok((_, client)), None) => assert!(client.is_none(), "a gateway finds the store"),
                (Err(text), Some(start)) => assert!(text.starts_with(start), "{text}"),
                (made, expected) => panic!("{:?} is not {expected:?}", made.err()),
            }
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = secret("0123").unwrap();
        assert!(!format!("{secret:?}").contains("0123"));
        assert!(super::secret("a\nb").is_none());
    }
}
