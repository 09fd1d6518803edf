//! A client before real services: instances that die, hang and change, over loopback, port 0.

// A panic in a test is its report; clippy's exception for tests does not reach the functions they share.
#![allow(clippy::unwrap_used)]

mod bounds;
mod failures;
mod hashing;
mod roster;
mod runtimes;
mod stage;
mod store;
mod tree;
