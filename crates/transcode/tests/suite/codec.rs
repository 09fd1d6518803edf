//! The contracts the tests speak of, compiled once.

use prost_reflect::DescriptorPool;
use std::sync::LazyLock;
use tenet_transcode::{Codec, MessageId, ParseOptions, PrintOptions, Unknowns};

pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proto");
    let mut compiler = protox::Compiler::new([folder]).expect("the folder of protos");
    compiler.include_imports(true);
    compiler.open_files(["wide.proto", "old.proto", "located.proto"]).expect("the test protos compile");
    compiler.descriptor_pool()
});

pub static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::compile(&POOL).expect("the pool compiles"));

pub fn message(name: &str) -> MessageId {
    CODEC.message(name).unwrap_or_else(|| panic!("no message {name}"))
}

/// Strict: what is unknown is an error.
pub const STRICT: ParseOptions = ParseOptions { strict: true, depth: 100, max_output: 1 << 20 };

pub const LENIENT: ParseOptions = ParseOptions { strict: false, ..STRICT };

/// JSON → wire, or the error's text.
pub fn read(name: &str, json: &[u8], options: &ParseOptions) -> Result<Vec<u8>, String> {
    let mut out = b"before".to_vec();
    let result = CODEC.json_to_wire(message(name), json, options, &mut out, &mut Unknowns::new());
    assert!(out.starts_with(b"before"));
    if result.is_err() {
        assert_eq!(out, b"before", "nothing is left behind after an error");
    }
    result.map(|()| out.split_off(6)).map_err(|error| error.to_string())
}

/// Wire → JSON, or the error's text.
pub fn print(name: &str, wire: &[u8], options: &PrintOptions) -> Result<String, String> {
    let mut out = b"before".to_vec();
    let result = CODEC.wire_to_json(message(name), wire, options, &mut out);
    if result.is_err() {
        assert_eq!(out, b"before", "nothing is left behind after an error");
    }
    let text = String::from_utf8(out.split_off(6)).expect("what is printed is UTF-8");
    result.map(|()| text).map_err(|error| error.to_string())
}
