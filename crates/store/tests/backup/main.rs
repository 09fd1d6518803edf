//! Backups: what is damaged is found and named, what is interrupted goes on, what is restored is what was there at one moment.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod damage;
mod killed;
mod moment;
mod operator;
mod postgres;
mod round;
#[path = "../support/postgres.rs"]
#[allow(dead_code)] // what other tests do to servers
mod server;
mod site;
