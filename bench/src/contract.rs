//! What is asked and answered in the bench, in each protocol; `bench/proto` is the contract.

use crate::{Outcome, template};
use prost::Message;
use std::path::Path;

/// An item as the gRPC backend sends it; field numbers as in `items.proto`.
#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    title: String,
    #[prost(int64, tag = "3")]
    price_cents: i64,
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
    #[prost(bool, tag = "5")]
    in_stock: bool,
    #[prost(message, optional, tag = "6")]
    update_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// GET through a plain HTTP proxy; a small JSON document comes back.
    Plain,
    /// GET of one item, answered by a gRPC service.
    RestGet,
    /// POST of a kilobyte of JSON, answered by a gRPC service.
    RestPost,
    /// GET of a path that nobody serves.
    Unrouted,
    /// GET of a service that has as much to do as it is given.
    Refused,
}

impl Case {
    /// Those that are answered by an upstream, in the order of the tables.
    pub const ALL: [Case; 3] = [Case::Plain, Case::RestGet, Case::RestPost];

    /// As tables name it.
    pub fn title(self) -> &'static str {
        match self {
            Case::Plain => "plain HTTP GET",
            Case::RestGet => "REST→gRPC, small GET",
            Case::RestPost => "REST→gRPC, 1 KiB POST",
            Case::Unrouted => "no such route",
            Case::Refused => "refused",
        }
    }

    /// The path that is asked for.
    pub fn path(self) -> &'static str {
        match self {
            Case::Plain => "/plain/items/1",
            Case::RestGet => "/v1/items/item-1",
            Case::RestPost => "/v1/items",
            Case::Unrouted => "/none/items/1",
            Case::Refused => "/busy/items/1",
        }
    }

    /// The whole HTTP/1.1 request.
    pub fn request(self) -> Vec<u8> {
        let common = "host: bench.example\r\nuser-agent: tenet-bench\r\naccept: application/json\r\n";
        let path = self.path();
        if self == Case::RestPost {
            let body = kilobyte();
            let length = body.len();
            format!("POST {path} HTTP/1.1\r\n{common}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
        } else {
            format!("GET {path} HTTP/1.1\r\n{common}\r\n").into_bytes()
        }
    }

    /// The status of every right answer.
    pub fn status(self) -> u16 {
        match self {
            Case::Plain | Case::RestGet | Case::RestPost => 200,
            Case::Unrouted => 404,
            Case::Refused => 503,
        }
    }

    /// Part of every right answer's body.
    pub fn expected(self) -> &'static str {
        match self {
            // Proxies differ in the blanks they put into JSON; this value has none around it.
            Case::Plain | Case::RestGet | Case::RestPost => "\"item-1\"",
            Case::Unrouted => "no endpoint has the path",
            Case::Refused => "the service has more to do than it can",
        }
    }
}

/// The body of the POST: 1,024 bytes of JSON.
fn kilobyte() -> String {
    let body = |filling: usize| {
        format!(
            "{{\"title\":\"A folding ruler\",\"description\":\"{}\",\"priceCents\":\"1299\",\"tags\":[\"tools\",\"wood\",\"measuring\"],\"stock\":{{\"1m\":40,\"2m\":25,\"3m\":3}}}}",
            "two metres of beech, ".chars().cycle().take(filling).collect::<String>()
        )
    };
    body(1024 - body(0).len())
}

/// The plain backend's body.
pub const PLAIN_BODY: &str = "{\"id\":\"item-1\",\"title\":\"A folding ruler\",\"priceCents\":\"1299\",\"tags\":[\"tools\",\"wood\"],\"inStock\":true}";

/// The item both gRPC methods answer with, behind its five-byte gRPC prefix.
pub fn framed_item() -> Vec<u8> {
    let item = Item {
        id: "item-1".into(),
        title: "A folding ruler".into(),
        price_cents: 1299,
        tags: vec!["tools".into(), "wood".into()],
        in_stock: true,
        update_time: Some(Timestamp { seconds: 1_700_000_000 }),
    };
    let message = item.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}

/// Compiles the contract and writes its descriptor set with all imports: what Envoy reads.
pub fn write_descriptors(target: &Path) -> Outcome {
    let includes = [template::folder().join("proto"), template::folder().join("../crates/contract/protos")];
    let mut compiler = protox::Compiler::new(includes).map_err(|error| error.to_string())?;
    compiler.include_imports(true);
    compiler.open_file("bench/items/v1/items.proto").map_err(|error| error.to_string())?;
    std::fs::write(target, compiler.encode_file_descriptor_set())
        .map_err(|error| format!("{}: {error}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::{Case, PLAIN_BODY, framed_item, kilobyte};

    #[test]
    fn the_kilobyte_is_one_and_json() {
        assert_eq!(kilobyte().len(), 1024);
        assert!(serde_json::from_str::<serde_json::Value>(&kilobyte()).unwrap()["priceCents"] == "1299");
    }

    #[test]
    fn answers_hold_what_is_expected() {
        assert!(PLAIN_BODY.contains(Case::Plain.expected()));
        assert!(String::from_utf8_lossy(&framed_item()).contains("item-1"));
    }

    #[test]
    fn the_contract_compiles() {
        let file = tempfile::NamedTempFile::new().unwrap();
        super::write_descriptors(file.path()).unwrap();
        assert!(std::fs::metadata(file.path()).unwrap().len() > 1000);
    }
}
