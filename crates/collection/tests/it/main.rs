//! Schemas over real descriptors: what is read, what is refused, and where messages go.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

mod addresses;
mod compiled;
mod gathered;
mod schemas;
