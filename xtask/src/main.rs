//! `cargo xtask`: test, bench, ci, tidy.

fn main() {}
