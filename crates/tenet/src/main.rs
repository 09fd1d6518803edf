//! The binary: command line, roles, `tenet up`.

fn main() {}
