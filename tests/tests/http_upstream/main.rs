//! Plain HTTP services behind the gateway, HTTP/1.1 and HTTP/2: bodies stream both ways, answers pass as they are, and what
//! breaks is never taken for whole.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod downloads;
mod endings;
mod passing;
mod stage;
mod uploads;
