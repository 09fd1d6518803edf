//! The pool against real servers on port 0.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod faults;
mod h1_calls;
mod h1_streams;
mod h2_calls;
mod overload;
mod sharing;
mod support;
