//! The messages of `notes.proto` as a program has them, and their descriptor set.

use prost::Message;
use prost_types::Timestamp;
use std::sync::LazyLock;

/// The contract, compiled with its imports.
pub static SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [format!("{root}/tests/it/store"), format!("{root}/../../proto")];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_imports(true).open_file("notes.proto").unwrap();
    compiler.encode_file_descriptor_set()
});

#[derive(Clone, PartialEq, Message)]
pub struct Note {
    #[prost(string, tag = "1")]
    pub user_id: String,
    #[prost(int64, tag = "2")]
    pub number: i64,
    #[prost(string, tag = "3")]
    pub text: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Counter {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint64, tag = "2")]
    pub count: u64,
    #[prost(string, tag = "3")]
    pub owner: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Member {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub team: String,
    #[prost(int64, tag = "3")]
    pub rank: i64,
    #[prost(string, tag = "4")]
    pub email: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Session {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(message, optional, tag = "2")]
    pub expires: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Account {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "2")]
    pub amount: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Reading {
    #[prost(string, tag = "1")]
    pub place: String,
    #[prost(bytes = "vec", tag = "2")]
    pub sensor: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub at: Option<Timestamp>,
    #[prost(int32, tag = "4")]
    pub kind: i32,
    #[prost(uint32, tag = "5")]
    pub ordinal: u32,
    #[prost(bool, tag = "6")]
    pub valid: bool,
    #[prost(sint64, tag = "7")]
    pub delta: i64,
    #[prost(string, tag = "8")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct StoredUser {
    #[prost(string, tag = "1")]
    pub user_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Plain {
    #[prost(string, tag = "1")]
    pub name: String,
}

macro_rules! names {
    ($($message:ident)*) => {$(
        impl prost::Name for $message {
            const NAME: &'static str = stringify!($message);
            const PACKAGE: &'static str = "notes.v1";
        }
    )*};
}

names! { Member Note Counter Session Account Reading StoredUser Plain }

pub fn note(user_id: &str, number: i64, text: &str) -> Note {
    Note { user_id: user_id.into(), number, text: text.into() }
}

pub fn counter(name: &str, count: u64) -> Counter {
    Counter { name: name.into(), count, owner: String::new() }
}

pub fn account(name: &str, amount: i64) -> Account {
    Account { name: name.into(), amount }
}
