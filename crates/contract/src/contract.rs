//! The loaded contract: what every other part of the platform reads instead of descriptors.

use crate::{
    Cache, Collection, Diagnostics, Endpoint, ExpectedError, HashBy, LoadOptions, Priority, Visibility, load,
};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use std::time::Duration;

/// Position of a service in [`Contract::services`].
pub type ServiceIndex = usize;
/// Position of a method in [`Contract::methods`].
pub type MethodIndex = usize;

/// Everything a set of `.proto` files promises.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Descriptors of every file, the user's and what they import, and of `google.rpc` error details, which any
    /// answer may carry.
    pub pool: DescriptorPool,
    /// Every service, ordered by full name.
    pub services: Vec<Service>,
    /// Every method, ordered by service, then as declared.
    pub methods: Vec<Method>,
    /// Every HTTP binding, ordered by method, then as declared. Those of INTERNAL services are not
    /// [`public`](Endpoint::public) and must never be routed from outside.
    pub endpoints: Vec<Endpoint>,
    /// Every message that is the schema of a collection, ordered by full name.
    pub collections: Vec<Collection>,
}

/// One protobuf service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `feed.timeline.v1.Timeline`.
    pub full_name: String,
    /// Endpoints of one group are measured together. Default: the protobuf package; without one, the service.
    pub group: String,
    /// Who is asked when it misbehaves; empty when the contract does not say.
    pub owner: String,
    /// Who can reach it.
    pub visibility: Visibility,
    /// The comment above the service, without comment markers.
    pub comment: String,
    /// Marked `option deprecated = true`.
    pub deprecated: bool,
    /// Its methods in [`Contract::methods`].
    pub methods: std::ops::Range<MethodIndex>,
    /// Import name of the file that declares it (`feed/timeline/v1/timeline.proto`).
    pub file: String,
    /// 1-based line of the declaration; 0 when the descriptors carry no source positions.
    pub line: u32,
}

/// One RPC.
#[derive(Clone, Debug)]
pub struct Method {
    /// `feed.timeline.v1.Timeline/GetTimeline`.
    pub full_name: String,
    /// `/feed.timeline.v1.Timeline/GetTimeline`: the `:path` of a gRPC call.
    pub grpc_path: String,
    /// The service it belongs to.
    pub service: ServiceIndex,
    /// Request message.
    pub input: MessageDescriptor,
    /// Response message.
    pub output: MessageDescriptor,
    /// The caller sends a stream.
    pub client_streaming: bool,
    /// The service answers with a stream.
    pub server_streaming: bool,
    /// The longest a call may take, where the contract says so. Always more than zero.
    pub deadline: Option<Duration>,
    /// What may be retried (`option idempotency_level`).
    pub idempotency: Idempotency,
    /// What is given up first under overload.
    pub priority: Priority,
    /// What a consumer must have been granted to call it.
    pub scopes: Vec<String>,
    /// How answers may be cached, where the contract says so.
    pub cache: Option<Cache>,
    /// How much of a consumer's allowance one call uses; at least 1.
    pub cost: u32,
    /// The errors a caller must expect, beside those any call can end in.
    pub errors: Vec<ExpectedError>,
    /// Whether a second attempt starts after the live p95; never on a method whose idempotency is unknown.
    pub hedge: bool,
    /// The request field whose value chooses the instance, where the contract names one; never on a method with a client stream.
    pub hash_by: Option<HashBy>,
    /// Marked `option deprecated = true`, itself or by its service or file.
    pub deprecated: bool,
    /// The comment above the method, without comment markers.
    pub comment: String,
    /// Import name of the file that declares it.
    pub file: String,
    /// 1-based line of the declaration; 0 when the descriptors carry no source positions.
    pub line: u32,
}

impl Method {
    /// The name without the service: `GetTimeline`.
    pub fn name(&self) -> &str {
        self.full_name.rsplit('/').next().unwrap_or_default()
    }
}

/// `google.protobuf.MethodOptions.idempotency_level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// Nothing is promised: a call that may have run must not be repeated.
    #[default]
    Unknown,
    /// Reads only: may be repeated and answered from a cache.
    NoSideEffects,
    /// Running it twice has the effect of running it once: may be repeated.
    Idempotent,
}

impl Contract {
    /// Loads a contract from a serialized `google.protobuf.FileDescriptorSet`, in any order of files.
    ///
    /// Imports the set lacks are taken from what comes with Tenet.
    ///
    /// # Errors
    /// Every problem found, as [`load`](crate::load()) reports them; places are as good as the set's source info.
    pub fn from_descriptor_set(bytes: &[u8], options: &LoadOptions) -> Result<Contract, Diagnostics> {
        load::from_descriptor_set(bytes, options)
    }

    /// The contract as a serialized `google.protobuf.FileDescriptorSet` with comments and positions.
    ///
    /// Deterministic: the same sources give the same bytes on any machine, files ordered by dependency and name.
    /// [`Contract::from_descriptor_set`] reads it back to an equal contract.
    pub fn descriptor_set(&self) -> Vec<u8> {
        self.pool.encode_to_vec()
    }

    /// The service a method belongs to.
    pub fn service_of(&self, method: &Method) -> &Service {
        &self.services[method.service]
    }

    /// A service by its full name.
    pub fn service(&self, full_name: &str) -> Option<&Service> {
        let at = self.services.binary_search_by(|s| s.full_name.as_str().cmp(full_name)).ok()?;
        self.services.get(at)
    }

    /// A method by `pkg.Service/Name`, also accepted with a leading `/` or a dot before the name.
    pub fn method(&self, name: &str) -> Option<(MethodIndex, &Method)> {
        let name = name.strip_prefix('/').unwrap_or(name);
        let (service, method) = name.rsplit_once('/').or_else(|| name.rsplit_once('.'))?;
        let service = self.service(service)?;
        service.methods.clone().map(|i| (i, &self.methods[i])).find(|(_, m)| m.name() == method)
    }

    /// The collection whose schema is the message of this full name.
    pub fn collection(&self, message: &str) -> Option<&Collection> {
        let at = self.collections.binary_search_by(|c| c.schema.message.as_str().cmp(message)).ok()?;
        self.collections.get(at)
    }

    /// The endpoints of one method.
    pub fn endpoints_of(&self, method: MethodIndex) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(move |e| e.method == method)
    }
}
