//! Contracts: `.proto` files with policy options become endpoints, policy and OpenAPI.
//!
//! ```text
//!   folders of .proto ─┐
//!                      ├─ load ──▶ Contract { pool, services, methods, endpoints, collections } ──▶ openapi::document
//!   descriptor sets ───┘  │            │ endpoints' templates
//!                         │            └──▶ Router ── find(method, path) ──▶ endpoint + raw captures
//!                         └─▶ Diagnostics: every error with its file, line, column, the line and a hint
//! ```
//!
//! Nothing here does IO beyond reading the contract's files, and nothing here knows what time it is. The rules a
//! contract author must know are in `docs/contracts.md`.

mod bundle;
mod capture;
mod collection;
mod contract;
mod diagnostic;
mod edition;
mod endpoint;
mod extract;
mod hash_by;
mod load;
pub mod openapi;
mod policy;
pub mod router;
pub mod template;

pub use bundle::STORE_PROTO;
pub use capture::{CaptureError, decode_capture};
pub use collection::{Collection, Location};
pub use contract::{Contract, Idempotency, Method, MethodIndex, Service, ServiceIndex};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use endpoint::{Body, Endpoint, FieldPath, Verb};
pub use hash_by::HashBy;
pub use load::{LoadOptions, Source, load};
pub use policy::{Cache, ExpectedError, Priority, Visibility};
pub use router::{Conflict, Found, Router};
pub use template::{Template, TemplateError};
pub use tenet_collection::Schema;
