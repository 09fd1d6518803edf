//! JSON to protobuf wire bytes and back, by tables compiled once per message type.
//!
//! ```text
//!   descriptor set ──Codec::compile──▶ tables of every message and enum
//!
//!   path captures ┐
//!   query ────────┼─Binding::request──▶ request message (wire)  ──▶ service
//!   JSON body ────┘   Codec::json_to_wire
//!
//!   HTTP body ◀──Binding::response── response message (wire)    ◀── service
//!                     Codec::wire_to_json
//! ```
//!
//! Nothing in between is a tree: JSON is read once, left to right, and written as wire bytes; wire bytes are indexed
//! one level at a time and printed. The crate is pure: bytes in, bytes out, every recursion and every allocation
//! bounded by [`ParseOptions`] and [`PrintOptions`]. What is accepted and printed is described in `docs/json.md`.

mod binding;
mod canonical;
mod compile;
mod descriptor;
mod error;
mod features;
mod fields;
mod gather;
mod json;
mod locate;
mod options;
mod parse;
mod print;
mod table;
mod text;
mod unknowns;
mod wire;

pub use binding::{Binding, BodyRule, RequestBody, ResponseKind, Variable};
pub use error::{CompileError, JsonError, RequestError, WireError};
pub use fields::{Fields, MalformedMessage, WireValue};
pub use locate::{FieldLocator, MAX_LOCATED_DEPTH};
pub use options::{DEFAULT_DEPTH, DEFAULT_MAX_OUTPUT, ParseOptions, PrintOptions};
pub use print::any_details_json;
pub use table::{Codec, MessageId};
pub use text::instant;
pub use unknowns::Unknowns;
