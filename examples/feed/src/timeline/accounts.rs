//! How timeline reaches accounts: straight, where a roster says who is there, else through the gateways' private listener.

use crate::DESCRIPTOR_SET;
use tenet_client::Client;
use tenet_service::PropagateLayer;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

/// Where calls to accounts go; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    /// Generated clients are called through this.
    pub(super) calls: BoxCloneSyncService<Request<Body>, Response<Body>, Status>,
    /// What is to be shown on the page of metrics, where there is anything.
    pub(super) client: Option<Client>,
}

impl Accounts {
    /// As the environment says: by the roster that `TENET_ROSTER` names, else by `TENET_PRIVATE_URL`.
    ///
    /// # Errors
    /// Neither is set, or what is cannot be used.
    pub fn from_env() -> Result<Accounts, Box<dyn std::error::Error>> {
        if std::env::var_os("TENET_ROSTER").is_none_or(|path| path.is_empty()) {
            return Ok(Accounts::over(tenet_service::channel("accounts")?));
        }
        let client = Client::builder("accounts").descriptor_set(DESCRIPTOR_SET).build()?;
        Ok(Accounts { client: Some(client.clone()), ..Accounts::over(PropagateLayer.layer(client)) })
    }

    /// Over any channel.
    pub fn over<S, B>(channel: S) -> Accounts
    where
        S: tower::Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<StdError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let calls = channel
            .map_response(|answer: Response<B>| answer.map(Body::new))
            .map_err(|error: S::Error| Status::from_error(error.into()));
        Accounts { calls: BoxCloneSyncService::new(calls), client: None }
    }
}
