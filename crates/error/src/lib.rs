//! The error catalogue and its one HTTP/gRPC table.
