//! Compiles the platform's contracts with protox, so that building Tenet needs no `protoc`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed=../../proto/tenet");
    let files = protox::compile(["tenet/telemetry/v1/telemetry.proto"], [root])?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
