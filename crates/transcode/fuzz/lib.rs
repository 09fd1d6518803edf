//! The contracts the fuzz targets speak of, compiled once.

use std::sync::LazyLock;
use tenet_transcode::{Codec, MessageId, ParseOptions, PrintOptions};

/// The protos of the test suite: one field of everything, and what only proto2 has.
pub static CODEC: LazyLock<Codec> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/proto");
    let mut compiler = protox::Compiler::new([folder]).expect("the folder of protos");
    compiler.include_imports(true);
    compiler.open_files(["wide.proto", "old.proto"]).expect("the protos compile");
    Codec::compile(&compiler.descriptor_pool()).expect("the pool compiles")
});

pub const READ: ParseOptions = ParseOptions { strict: false, depth: 100, max_output: 1 << 20 };

pub const PRINT: PrintOptions = PrintOptions {
    preserve_names: false,
    print_defaults: false,
    enums_as_numbers: false,
    depth: 100,
    max_output: 1 << 24,
};

/// Small enough to be met by what a fuzzer writes.
pub const TIGHT: PrintOptions = PrintOptions { print_defaults: true, max_output: 4096, ..PRINT };

/// The first byte of the input chooses between the two messages.
pub fn choose(data: &[u8]) -> Option<(MessageId, &[u8])> {
    let (first, rest) = data.split_first()?;
    let name = if first % 2 == 0 { "wide.Wide" } else { "old.Old" };
    Some((CODEC.message(name)?, rest))
}
