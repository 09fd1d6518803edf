//! gRPC passed through the public door: all four kinds, statuses untouched, deadlines, flow control from end to end.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod deadlines;
mod flow;
mod kinds;
mod resets;
mod stage;
mod statuses;
