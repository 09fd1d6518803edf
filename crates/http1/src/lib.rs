//! Strict HTTP/1.1 (RFC 9112) for the public side and for upstreams, without IO: bytes in, events out.
//!
//! ```text
//!   bytes ──HeadParser::parse──▶ RequestHead { method, target, version, headers, body length, keep-alive, … }
//!   bytes ──ResponseParser::parse──▶ ResponseHead { status, headers, body, keep-alive }
//!   bytes ──BodyDecoder::decode──▶ Data · Trailers · End
//!   status, headers, framing ──encode::response_head / chunk / last_chunk──▶ bytes
//!   method, target, fields, framing ──encode::request_head──▶ bytes
//! ```
//!
//! The tokenizer of field lines is httparse. It is lenient by design (bare LF ends a line for it, it has no notion of
//! framing), so everything that makes two parties read one byte stream as different requests is refused here first: see
//! [`Refusal`]. A refusal is final: answer it with its catalogued code and close the connection, because nothing behind
//! the refused byte has a known meaning.
//!
//! How input is cut into reads never changes the outcome: parsing byte by byte equals parsing the whole, and a property
//! test holds it to that.
//!
//! Deliberately not done: `CONNECT` (answered 501), transfer codings other than `chunked`, authority-form
//! targets (only `CONNECT` has them), normalisation of dot segments (the router decides on paths).

#![forbid(unsafe_code)]

mod body;
mod chunk;
pub mod encode;
mod grammar;
mod head;
pub mod hop;
mod limits;
mod lines;
mod names;
mod preface;
mod refusal;
mod response;
mod trailers;

pub use body::{BodyDecoder, Decoded};
pub use head::{BodyLength, Form, HeadParser, RequestHead, Target, Version, parse_head};
pub use hop::{hop_by_hop, strip_hop_by_hop};
pub use limits::Limits;
pub use preface::{Preface, is_h2_preface};
pub use refusal::Refusal;
pub use response::{ResponseBody, ResponseHead, ResponseParser};
