//! The body of a request on its way out.

use bytes::Bytes;

/// A request body. `Empty` and `Full` can be sent again when an attempt provably never ran; of `Stream` only what has not
/// been read yet can.
#[derive(Debug)]
pub enum Outgoing<B> {
    /// No body: the head ends the request.
    Empty,
    /// A body held whole.
    Full(Bytes),
    /// A body read piece by piece, never faster than the instance takes it.
    Stream(B),
}
