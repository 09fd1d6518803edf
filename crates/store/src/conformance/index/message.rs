//! The message of the checks, and its schema.

use crate::commit::{Action, RecordChange, Write};
use crate::conformance::problem::{Checked, Problem};
use crate::item::{Item, UnixMs, Value};
use bytes::Bytes;
use prost::Message;
use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use tenet_collection::{KeyBuilder, Schema};

/// What it is in a contract.
const CONTRACT: &str = r#"
syntax = "proto3";
package conformance.v1;
import "google/protobuf/timestamp.proto";
import "tenet/policy/v1/policy.proto";
message Thing {
  option (tenet.policy.v1.collection) = {
    key: "id"
    item_key: "part"
    indexes: { name: "by-colour" fields: "colour" }
    indexes: { name: "by-tag" fields: "tag" unique: true }
    expire_field: "until"
    atomic_across_records: true
  };
  string id = 1;
  string part = 2;
  string colour = 3;
  int64 tag = 4;
  google.protobuf.Timestamp until = 5;
}
"#;

/// A message of the checks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Thing {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub part: String,
    #[prost(string, tag = "3")]
    pub colour: String,
    #[prost(int64, tag = "4")]
    pub tag: i64,
    #[prost(message, optional, tag = "5")]
    pub until: Option<prost_types::Timestamp>,
}

impl Thing {
    pub fn new(id: &str, part: &str, colour: &str, tag: i64) -> Thing {
        Thing { id: id.into(), part: part.into(), colour: colour.into(), tag, until: None }
    }

    /// Gone from then on.
    pub fn until(self, at: UnixMs) -> Thing {
        let nanos = (at.0.rem_euclid(1000) * 1_000_000) as i32;
        Thing { until: Some(prost_types::Timestamp { seconds: at.0.div_euclid(1000), nanos }), ..self }
    }

    pub fn of(item: &Item) -> Option<Thing> {
        match &item.value {
            Value::Inline(bytes) => Thing::decode(bytes.clone()).ok(),
            Value::Chunked { .. } => None,
        }
    }

    pub fn name(&self) -> String {
        format!("{}/{}", self.id, self.part)
    }

    pub fn value(&self) -> Value {
        Value::Inline(self.encode_to_vec().into())
    }

    /// Puts it in its place.
    pub fn put(&self) -> RecordChange {
        let write = Write { key: key(&self.part), action: Action::Put(self.value()), ttl: None };
        super::change(&self.id, vec![write])
    }
}

/// A key of one text.
pub(super) fn key(text: &str) -> Bytes {
    KeyBuilder::new().text(text).finish().into()
}

struct Source(&'static str, &'static str);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == self.0 {
            File::from_source(name, self.1)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// The schema that the message is.
pub(super) fn schema() -> Checked<Schema> {
    let wrong = |error: String| Problem::Wrong(format!("the suite's own message: {error}"));
    let policy = include_str!("../../../../../proto/tenet/policy/v1/policy.proto");
    let mut files = ChainFileResolver::new();
    files.add(Source("thing.proto", CONTRACT));
    files.add(Source("tenet/policy/v1/policy.proto", policy));
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).open_file("thing.proto").map_err(|error| wrong(error.to_string()))?;
    // As contracts have it: a set of bytes.
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice());
    let pool = pool.map_err(|error| wrong(error.to_string()))?;
    let message = pool.get_message_by_name("conformance.v1.Thing").and_then(|message| Schema::of(&message));
    message
        .ok_or_else(|| wrong("it has no option".into()))?
        .map_err(|problems| wrong(format!("{problems:?}")))
}
