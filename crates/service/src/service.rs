//! The builder a service's `main` is made of.

use crate::admission::Admission;
use crate::call::Calls;
use crate::fault_points::FaultPoints;
use crate::listen::Server;
use crate::load_report::LoadReport;
use crate::metrics::Metrics;
use crate::pages::Pages;
use crate::reflection::Descriptors;
use crate::shared::Shared;
use crate::{Error, Facts, Fault, Limits, signals};
use axum::Router;
use http::{HeaderValue, Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

/// How long health watches are kept after they were told NOT_SERVING. They would otherwise hold their connections, and
/// with them the drain, for ever; a watcher needs one poll to read the last word.
const WATCHERS_GRACE: Duration = Duration::from_millis(100);

/// A service that is being put together: what it serves, and within which bounds.
pub struct Service {
    name: String,
    sets: Vec<&'static [u8]>,
    served: Vec<&'static str>,
    routes: Router,
    limits: Limits,
    more: MoreMetrics,
}

/// What else writes onto the page of metrics.
pub(crate) type MoreMetrics = Option<Box<dyn Fn(&mut String) + Send + Sync>>;

impl Service {
    /// A service with the name it has in `tenet.toml`.
    pub fn new(name: impl Into<String>) -> Service {
        Service {
            name: name.into(),
            sets: Vec::new(),
            served: Vec::new(),
            routes: Router::new(),
            limits: Limits::default(),
            more: None,
        }
    }

    /// Adds the compiled contract (an encoded `google.protobuf.FileDescriptorSet`): what reflection shows, and the names
    /// of methods in metrics. Call it once for each contract that is served.
    #[must_use]
    pub fn descriptor_set(mut self, set: &'static [u8]) -> Service {
        self.sets.push(set);
        self
    }

    /// Adds a generated server (`AccountsServer::new(handler)`).
    ///
    /// # Panics
    /// When the same protobuf service is added twice.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // a builder's `add`, as everyone reads it; nothing is summed
    pub fn add<S>(mut self, server: S) -> Service
    where
        S: tower_service::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.served.push(S::NAME);
        self.routes = route(self.routes, server);
        self
    }

    /// Replaces the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Service {
        self.limits = limits;
        self
    }

    /// Lets `write` append families to the page of metrics, as OpenMetrics 1.0 without the `# EOF`: for instance
    /// `tenet_client::Client::write_metrics`. The last one given counts.
    #[must_use]
    pub fn metrics(mut self, write: impl Fn(&mut String) + Send + Sync + 'static) -> Service {
        self.more = Some(Box::new(write));
        self
    }

    /// Serves where the environment says until SIGTERM or SIGINT, then drains; a second signal ends the drain at once.
    /// Logs go to standard error (see [`crate::log`]).
    ///
    /// # Errors
    /// Node facts that cannot be read, an address that cannot be listened on, a broken descriptor set.
    pub async fn serve(self) -> Result<(), Error> {
        crate::log::start();
        let facts = Facts::from_env(&self.name)?;
        let address = facts.listen;
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (first, second) = signals::two().map_err(Error::Signals)?;
        tracing::info!(%address, service = facts.service, instance = facts.instance, zone = facts.zone, "serving");
        tokio::select! {
            served = self.serve_on(listener, facts, first) => served,
            () = second => Ok(()),
        }
    }

    /// Serves on a listener that exists, until `stop` is ready, then drains for at most `facts.drain`.
    ///
    /// # Errors
    /// A broken descriptor set.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        facts: Facts,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Service { name, sets, served, routes, limits, more } = self;
        let descriptors = Descriptors { service: &name, sets: &sets, served: &served };
        let metrics = Arc::new(Metrics::new(descriptors.methods()?));
        let (reflection, reflection_alpha) = descriptors.reflection()?;
        let (reporter, health) = health_reporter();
        for name in &served {
            reporter.set_service_status(name, ServingStatus::Serving).await;
        }
        let routes =
            route(route(route(routes, health), reflection), reflection_alpha).fallback(unimplemented);
        let instance =
            HeaderValue::from_str(&facts.instance).unwrap_or_else(|_| HeaderValue::from_static("unnamed"));
        let drain = facts.drain;
        let fault_points = facts.fault_points.then(|| FaultPoints::new(facts.fault_slots));
        let shared = Arc::new(Shared {
            metrics: metrics.clone(),
            fault_points,
            admission: limits.admission.then(|| Admission::new(&limits)),
            load_report: limits.load_report.then(|| LoadReport::new(Instant::now())),
            more_metrics: more,
        });
        let server = Server {
            calls: Calls { routes, shared: shared.clone(), limits, instance },
            pages: Pages { facts, shared },
        };
        let stop = async {
            stop.await;
            metrics.draining.store(1, Ordering::Relaxed);
            tracing::info!(calls = metrics.in_flight(), "draining");
            stop_serving(reporter, served).await;
        };
        server.serve(listener, stop, drain).await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn route<S>(routes: Router, server: S) -> Router
where
    S: tower_service::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let server = tower::ServiceBuilder::new()
        .map_request(|request: Request<axum::body::Body>| request.map(Body::new))
        .service(server);
    routes.route_service(&format!("/{}/{{*method}}", S::NAME), server)
}

/// Tells everyone who asks or watches, and ends the watches shortly after.
async fn stop_serving(mut reporter: HealthReporter, served: Vec<&'static str>) {
    let names: Vec<&str> = served.into_iter().chain([""]).collect();
    for name in &names {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    tokio::spawn(async move {
        tokio::time::sleep(WATCHERS_GRACE).await;
        for name in &names {
            reporter.clear_service_status(name).await;
        }
    });
}

async fn unimplemented(request: Request<axum::body::Body>) -> Response<Body> {
    let path = request.uri().path();
    tonic::Status::from(Fault::unimplemented(format!("This service has no method {path}."))).into_http()
}
