//! The example feed as its callers know it: every binding over HTTP/1.1, HTTP/2 and curl, its errors, its reference,
//! and what of it cannot be reached.
#![allow(clippy::unwrap_used)] // a panic in a test is its report
#![allow(clippy::needless_pass_by_value)] // json! values read best written in place

mod bindings;
mod doors;
mod failures;
mod leniency;
mod reference;
mod talk;
