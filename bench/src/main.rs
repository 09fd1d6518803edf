//! `tenet-bench`: measures proxies side by side on one core; `cargo xtask bench` builds and runs it.

fn main() {}
