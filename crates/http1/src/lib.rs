//! Strict HTTP/1.1 for the public side: bytes in, events out.
