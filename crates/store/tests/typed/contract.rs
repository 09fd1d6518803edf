//! The messages of the tests and their schemas: one message with other indexes from version to version.

use prost::Message;
use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use std::sync::Arc;
use tenet_collection::{KeyBuilder, Schema};

pub const BY_COLOUR: &str = "indexes: { name: \"by-colour\" fields: \"colour\" }";
pub const BY_SIZE: &str = "indexes: { name: \"by-size\" fields: \"size\" }";
pub const ONE_SIZE: &str = "indexes: { name: \"by-size\" fields: \"size\" unique: true }";

#[derive(Clone, PartialEq, Message)]
pub struct Shirt {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub colour: String,
    #[prost(int64, tag = "3")]
    pub size: i64,
    #[prost(message, optional, tag = "4")]
    pub until: Option<prost_types::Timestamp>,
    #[prost(string, tag = "5")]
    pub text: String,
}

pub fn shirt(id: &str, colour: &str, size: i64) -> Shirt {
    Shirt { id: id.into(), colour: colour.into(), size, ..Shirt::default() }
}

/// A key of one text.
pub fn key(text: &str) -> Vec<u8> {
    KeyBuilder::new().text(text).finish()
}

struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == "shirts.proto" {
            File::from_source(name, &self.0)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// The collection `shirts` with these indexes.
pub fn schema(indexes: &[&str]) -> Arc<Schema> {
    let text = format!(
        "syntax = \"proto3\";\npackage shop.v1;\nimport \"google/protobuf/timestamp.proto\";\n\
         import \"tenet/policy/v1/policy.proto\";\nmessage Shirt {{\n\
         option (tenet.policy.v1.collection) = {{ name: \"shirts\" key: \"id\" expire_field: \"until\" \
         atomic_across_records: true {} }};\n\
         string id = 1; string colour = 2; int64 size = 3; google.protobuf.Timestamp until = 4; string text = 5; }}",
        indexes.join(" ")
    );
    let mut files = ChainFileResolver::new();
    files.add(Source(text));
    files.add(IncludeFileResolver::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto").into()));
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).open_file("shirts.proto").unwrap_or_else(|error| panic!("{error:?}"));
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
    let message = pool.get_message_by_name("shop.v1.Shirt").unwrap();
    Arc::new(Schema::of(&message).unwrap().unwrap_or_else(|problems| panic!("{problems:?}")))
}
