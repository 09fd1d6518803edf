//! The error catalogue and its one HTTP/gRPC table.
//!
//! ```text
//!   Code ──entry()──▶ Entry { name, HTTP status, gRPC code, retry class, blame, title, explanation }
//!   Failure { code, public detail, internal cause, google.rpc details } ──▶ problem body · grpc-status · log line
//! ```
//!
//! Every request ends in exactly one [`Code`]. What a stranger may read is [`Failure::detail`]; what the log
//! says is [`Failure::cause`]; the two never mix. The table is the only place where an HTTP status meets a gRPC
//! code (AIP-193, `google/rpc/code.proto`).

mod catalogue;
mod failure;
mod grpc;
mod problem;

pub use catalogue::{Blame, Code, Entry, Retry};
pub use failure::{Detail, Failure};
pub use grpc::GrpcCode;
pub use problem::{problem_json, status_details, status_json, write_json_string};
