//! What encoded descriptor sets say of methods, the options of `tenet.policy.v1` included, for SDKs: a service and its
//! clients have the compiled contract at hand, not its `.proto` files.
//!
//! ```text
//!   FileDescriptorSet as bytes ──methods()──▶ Method { service, name, streaming, repeatable, policy }
//! ```

use prost::{DecodeError, Message};
use prost_types::Duration;

/// One method of a contract.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Method {
    /// `package.Service`.
    pub service: String,
    /// The method's own name.
    pub name: String,
    /// Whether the caller sends a stream.
    pub client_streaming: bool,
    /// Whether the service answers with a stream.
    pub server_streaming: bool,
    /// Whether running it twice is running it once: `idempotency_level` is NO_SIDE_EFFECTS or IDEMPOTENT.
    pub repeatable: bool,
    /// What its policy says; the defaults where it has none.
    pub policy: MethodPolicy,
}

/// `tenet.policy.v1.MethodPolicy`, as far as processes other than the gateway read it.
#[derive(Clone, PartialEq, Message)]
pub struct MethodPolicy {
    /// The longest a call may take in all.
    #[prost(message, optional, tag = "1")]
    pub deadline: Option<Duration>,
    /// `tenet.policy.v1.Priority`; numbers newer than this program are kept.
    #[prost(int32, tag = "2")]
    pub priority: i32,
    /// Whether a second attempt is made beside one that is silent for long.
    #[prost(bool, tag = "7")]
    pub hedge: bool,
    /// The field of the request whose value chooses the instance (`user.id`); empty for none.
    #[prost(string, tag = "8")]
    pub hash_by: String,
}

/// The methods that an encoded `google.protobuf.FileDescriptorSet` describes, in its order.
///
/// # Errors
/// The bytes are no descriptor set.
pub fn methods(set: &[u8]) -> Result<Vec<Method>, DecodeError> {
    let mut methods = Vec::new();
    for file in FileSet::decode(set)?.files {
        for service in file.services {
            let name = match file.package.as_str() {
                "" => service.name,
                package => format!("{package}.{}", service.name),
            };
            methods.extend(service.methods.into_iter().map(|method| method.read(&name)));
        }
    }
    Ok(methods)
}

// `google/protobuf/descriptor.proto` as far as it is needed. prost's own descriptor types drop the extension that holds the
// policy, as they do everything they do not know.

#[derive(Clone, PartialEq, Message)]
struct FileSet {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<MethodDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "4")]
    options: Option<MethodOptions>,
    #[prost(bool, tag = "5")]
    client_streaming: bool,
    #[prost(bool, tag = "6")]
    server_streaming: bool,
}

#[derive(Clone, PartialEq, Message)]
struct MethodOptions {
    /// `google.protobuf.MethodOptions.IdempotencyLevel`.
    #[prost(int32, tag = "34")]
    idempotency_level: i32,
    /// `tenet.policy.v1.method`, an extension of `google.protobuf.MethodOptions`.
    #[prost(message, optional, tag = "81001")]
    policy: Option<MethodPolicy>,
}

impl MethodDescriptor {
    fn read(self, service: &str) -> Method {
        let options = self.options.unwrap_or_default();
        Method {
            service: service.to_owned(),
            name: self.name,
            client_streaming: self.client_streaming,
            server_streaming: self.server_streaming,
            repeatable: matches!(options.idempotency_level, 1 | 2),
            policy: options.policy.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_what_has_none_gets_the_defaults() {
        let hedged = MethodPolicy {
            deadline: Some(Duration { seconds: 1, nanos: 5 }),
            priority: 9,
            hedge: true,
            hash_by: "user.id".into(),
        };
        let rows = [
            ("A", None, false, MethodPolicy::default()),
            ("B", Some((0, None)), false, MethodPolicy::default()),
            ("C", Some((1, None)), true, MethodPolicy::default()),
            ("D", Some((2, Some(hedged.clone()))), true, hedged),
            ("E", Some((7, None)), false, MethodPolicy::default()),
        ];
        let methods = rows.clone().map(|(name, options, ..)| MethodDescriptor {
            name: name.into(),
            options: options.map(|(idempotency_level, policy)| MethodOptions { idempotency_level, policy }),
            client_streaming: name == "A",
            server_streaming: name == "B",
        });
        let service = |name: &str, methods| Service { name: name.into(), methods };
        let set = FileSet {
            files: vec![
                File { package: "a.v1".into(), services: vec![service("S", methods.to_vec())] },
                File { package: String::new(), services: vec![service("Bare", methods[..1].to_vec())] },
            ],
        };
        let found = super::methods(&set.encode_to_vec()).unwrap();
        for (found, (name, _, repeatable, policy)) in found.iter().zip(rows) {
            assert_eq!((&*found.service, &*found.name), ("a.v1.S", name));
            assert_eq!((found.client_streaming, found.server_streaming), (name == "A", name == "B"));
            assert_eq!((found.repeatable, &found.policy), (repeatable, &policy), "{name}");
        }
        assert_eq!((found.len(), &*found[5].service), (6, "Bare"));
        assert!(super::methods(b"\xff").is_err());
    }
}
