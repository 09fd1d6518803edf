//! Generated types of the platform's own contracts under `proto/`.
//!
//! ```text
//!   proto/tenet/telemetry/v1/telemetry.proto ──build.rs──▶ tenet_api::telemetry::v1::{Snapshot, …}
//! ```
//!
//! The modules follow the packages; what the types mean is written in the `.proto` files and only there. Their
//! comments come through as the documentation of the generated items.

pub mod descriptors;

/// Package `tenet.telemetry`.
pub mod telemetry {
    /// Package `tenet.telemetry.v1`: what a process measured, second by second.
    #[allow(missing_docs, clippy::all)] // generated: tonic writes modules and helpers without documentation
    pub mod v1 {
        tonic::include_proto!("tenet.telemetry.v1");
    }
}

/// Package `tenet.store`.
pub mod store {
    /// The contract with all it imports, as an encoded `google.protobuf.FileDescriptorSet`.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/store.bin"));

    /// Package `tenet.store.v1`: state behind one owner.
    #[allow(missing_docs, clippy::all)] // generated: tonic writes modules and helpers without documentation
    pub mod v1 {
        tonic::include_proto!("tenet.store.v1");
    }
}
