//! Messages compiled from a text, beside the policy options as they are.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use tenet_collection::{Schema, SchemaProblem};

struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == "test.proto" {
            File::from_source(name, &self.0)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// The file `test.proto` with these declarations, in package `t.v1`.
pub fn pool(declarations: &str) -> DescriptorPool {
    let text = format!(
        "syntax = \"proto3\";\npackage t.v1;\nimport \"google/protobuf/timestamp.proto\";\n\
         import \"google/protobuf/duration.proto\";\nimport \"tenet/policy/v1/policy.proto\";\n{declarations}\n"
    );
    let mut files = ChainFileResolver::new();
    files.add(Source(text));
    files.add(IncludeFileResolver::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto").into()));
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).open_file("test.proto").unwrap_or_else(|error| panic!("{error:?}"));
    // As contracts and SDKs have it: a set of bytes.
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// The message `M` with this option and these fields.
pub fn message(option: &str, fields: &str) -> MessageDescriptor {
    let declarations = format!(
        "message M {{ option (tenet.policy.v1.collection) = {{ {option} }}; {fields} }}\n\
         enum Colour {{ NONE = 0; RED = 1; BLUE = -2; }}\nmessage Inner {{ string id = 1; }}"
    );
    pool(&declarations).get_message_by_name("t.v1.M").unwrap()
}

/// Its schema.
pub fn schema(option: &str, fields: &str) -> Schema {
    Schema::of(&message(option, fields)).unwrap().unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// What is wrong with it.
pub fn problems(option: &str, fields: &str) -> Vec<SchemaProblem> {
    Schema::of(&message(option, fields)).unwrap().err().unwrap_or_default()
}

/// An encoded message, from protobuf's text format.
pub fn encoded(message: &MessageDescriptor, text: &str) -> Vec<u8> {
    use prost::Message as _;
    DynamicMessage::parse_text_format(message.clone(), text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .encode_to_vec()
}
