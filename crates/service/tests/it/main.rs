//! The SDK as a service and its callers see it: real clients and raw requests over loopback, port 0.

// A panic in a test is its report; clippy's exception for tests does not reach the functions they share.
#![allow(clippy::unwrap_used)]

mod admission;
mod calls;
mod drain;
mod fault_points;
mod load_report;
mod pages;
mod probe;
mod propagation;
mod standard;
