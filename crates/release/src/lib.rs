//! A release: contracts and tenet.toml compiled into one immutable, content-hashed bundle.

pub mod config;
