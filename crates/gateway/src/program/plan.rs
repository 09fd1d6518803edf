//! How one endpoint is served.

use http::Uri;
use std::time::Duration;
use tenet_contract::HashBy;
use tenet_resilience::limit::Priority;
use tenet_transcode::{Binding, ParseOptions, PrintOptions};
use tenet_upstream::{MethodHandle, ServiceHandle};

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

/// What holds for every call of an endpoint, whoever makes it.
pub struct Policy {
    /// Who serves it.
    pub service: ServiceHandle,
    /// What is given up first when the service has too much to do.
    pub priority: Priority,
    /// Whether the contract says that running it twice is running it once.
    pub idempotent: bool,
    /// Set where a second attempt begins once the first takes longer than nearly all do.
    pub hedge: Option<MethodHandle>,
    /// The field of the request that chooses the instance, where one does.
    pub hash_by: Option<HashBy>,
}

/// An HTTP binding of a gRPC method.
pub struct Rest {
    /// What it is measured as.
    pub endpoint: u32,
    /// How it is called.
    pub policy: Policy,
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
    /// How it is called.
    pub policy: Policy,
    /// Scheme, authority and path of the gRPC call.
    pub uri: Uri,
    /// Whether the public door serves it: it has a public binding.
    pub public: bool,
    /// The longest a call may take. A streaming method without a deadline in its contract has none but its caller's.
    pub deadline: Option<Duration>,
    /// Whether its caller sends more than one message, so that it cannot be sent a second time.
    pub client_streaming: bool,
    /// Whether it answers with more than one message.
    pub server_streaming: bool,
}

/// A plain HTTP upstream.
pub struct Http {
    /// What it is measured as.
    pub endpoint: u32,
    /// How it is called.
    pub policy: Policy,
    /// Bytes of the prefix to remove from the path; 0 keeps it.
    pub strip: usize,
    /// Methods let through; empty for all.
    pub methods: Vec<http::Method>,
    /// Time until the response head must be there.
    pub deadline: Duration,
}
