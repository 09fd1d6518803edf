//! Typed collections through the store's contract: what is refused, what indexes have, and how they come and go.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod comes_and_goes;
mod contract;
mod filling;
mod imported;
mod restored;
mod scans;
mod stage;
mod writes;
