//! The bounds of one connection. All sizes are bytes on the wire.

/// Bounds on what a peer may send. `Default` gives values that browsers, SDKs and gRPC-Web clients stay well under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request head: request line, fields and the closing empty line. Exceeding it is 431.
    pub head: usize,
    /// Longest request target. Exceeding it is 414. At most [`Limits::TARGET_MAX`] takes effect.
    pub target: usize,
    /// Most field lines in a head. Exceeding it is 431. At most [`Limits::HEADERS_MAX`] takes effect.
    pub headers: usize,
    /// Longest chunk-size line with its extensions and line end.
    pub chunk_line: usize,
    /// Most bytes of chunk extensions in one body: they carry nothing for us, so a body made of them is an attack.
    pub chunk_extensions: usize,
    /// Longest trailer section with its closing empty line. Exceeding it is 431.
    pub trailers: usize,
    /// Most field lines in a trailer section. Exceeding it is 431.
    pub trailer_fields: usize,
    /// Lets well-formed methods outside RFC 9110 and RFC 5789 through to the router, which contracts with `custom`
    /// patterns need. Off, they are answered 501 here. `CONNECT` is refused either way.
    pub extension_methods: bool,
}

impl Limits {
    /// `http::uri::PathAndQuery` counts in 16 bits with one value reserved.
    pub const TARGET_MAX: usize = u16::MAX as usize - 1;
    /// `http::HeaderMap` holds at most 32,768 entries of which a quarter must stay free.
    pub const HEADERS_MAX: usize = 16 * 1024;
    /// Longest method that is read at all; the longest registered one has 17 bytes (`UPDATEREDIRECTREF`).
    pub const METHOD_MAX: usize = 32;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: 64 * 1024,
            target: 16 * 1024,
            headers: 128,
            chunk_line: 1024,
            chunk_extensions: 16 * 1024,
            trailers: 16 * 1024,
            trailer_fields: 64,
            extension_methods: false,
        }
    }
}
