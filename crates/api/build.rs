//! Compiles the platform's contracts with protox, so that building Tenet needs no `protoc`.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed=../../proto/tenet");
    tonic_prost_build::configure()
        .compile_fds(protox::compile(["tenet/telemetry/v1/telemetry.proto"], [root])?)?;

    // With comments and options, for reflection and for the gateway.
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true).open_file("tenet/store/v1/store.proto")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("store.bin"), compiler.encode_file_descriptor_set())?;
    let mut files = compiler.file_descriptor_set();
    // Well-known types are needed to see through fields of them, and map to `prost-types`; the rest is options.
    files
        .file
        .retain(|file| ["tenet/store/", "google/protobuf/"].iter().any(|part| file.name().starts_with(part)));
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
