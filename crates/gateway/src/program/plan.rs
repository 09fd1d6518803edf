//! How one endpoint is served.

use http::Uri;
use std::time::Duration;
use tenet_transcode::{Binding, ParseOptions, PrintOptions};
use tenet_upstream::ServiceHandle;

/// How one endpoint is served.
pub enum Plan {
    /// An HTTP binding of a gRPC method.
    Rest(Box<Rest>),
    /// A gRPC method called as gRPC.
    Grpc(Grpc),
    /// A plain HTTP upstream.
    Http(Http),
}

impl Plan {
    /// What it is measured as.
    pub fn endpoint(&self) -> u32 {
        match self {
            Plan::Rest(plan) => plan.endpoint,
            Plan::Grpc(plan) => plan.endpoint,
            Plan::Http(plan) => plan.endpoint,
        }
    }
}

/// An HTTP binding of a gRPC method.
pub struct Rest {
    /// What it is measured as.
    pub endpoint: u32,
    /// Who serves it.
    pub service: ServiceHandle,
    /// Scheme, authority and path of the gRPC call.
    pub uri: Uri,
    /// Request and response, compiled.
    pub binding: Binding,
    /// Whether the binding takes a body at all.
    pub takes_body: bool,
    /// How JSON is read.
    pub parse: ParseOptions,
    /// How JSON is printed.
    pub print: PrintOptions,
    /// The longest a call may take.
    pub deadline: Duration,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Largest response message in bytes.
    pub max_response: usize,
    /// Whether the method streams, which has no REST form yet.
    pub streaming: bool,
}

/// A gRPC method called as gRPC.
pub struct Grpc {
    /// What it is measured as.
    pub endpoint: u32,
    /// Who serves it.
    pub service: ServiceHandle,
    /// Scheme, authority and path of the gRPC call.
    pub uri: Uri,
    /// Whether the public door serves it: it has a public binding.
    pub public: bool,
    /// The longest a call may take. A streaming method without a deadline in its contract has none but its caller's.
    pub deadline: Option<Duration>,
}

/// A plain HTTP upstream.
pub struct Http {
    /// What it is measured as.
    pub endpoint: u32,
    /// Who serves it.
    pub service: ServiceHandle,
    /// Bytes of the prefix to remove from the path; 0 keeps it.
    pub strip: usize,
    /// Methods let through; empty for all.
    pub methods: Vec<http::Method>,
    /// Time until the response head must be there.
    pub deadline: Duration,
}
