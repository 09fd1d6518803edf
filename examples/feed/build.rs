//! Compiles the contracts: a descriptor set with comments and options for reflection, and the Rust types and traits.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What gets Rust code; the rest of the descriptor set is options. Well-known types are needed to see through fields of
/// them, and map to `prost-types`.
const GENERATED: [&str; 5] = [
    "feed/",
    "google/api/httpbody.proto",
    "google/protobuf/",
    "google/type/money.proto",
    "google/type/latlng.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Tenet brings google/api, google/type and its own options; a project outside this tree gets them from `tenet` itself.
    let includes = ["proto", "../../crates/contract/protos", "../../proto"];
    let files = [
        "feed/accounts/v1/accounts.proto",
        "feed/accounts/v1/state.proto",
        "feed/payments/v1/payments.proto",
        "feed/payments/v1/state.proto",
        "feed/timeline/v1/media.proto",
        "feed/timeline/v1/state.proto",
        "feed/timeline/v1/timeline.proto",
    ];
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("contracts.bin"), compiler.encode_file_descriptor_set())?;

    let mut set = compiler.file_descriptor_set();
    set.file.retain(|file| GENERATED.iter().any(|prefix| file.name().starts_with(prefix)));
    // The store's SDK finds the schema of a stored message by its full name.
    let mut config = prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .include_file("contracts.rs")
        // Their comments hold indented text that rustdoc would run as examples.
        .disable_comments([".google"])
        .compile_fds_with_config(set, config)?;

    for include in includes {
        println!("cargo::rerun-if-changed={}", Path::new(include).display());
    }
    Ok(())
}
