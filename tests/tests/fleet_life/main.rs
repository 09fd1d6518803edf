//! `tenet up` as an operator knows it: it starts and ends whole, its children are kept, a dead gateway harms only what was
//! in flight on it, restarts and reloads harm nothing.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod change;
mod children;
mod fleet;
mod lifetime;
mod loss;
