//! What the descriptor sets say of the methods: their names, whether they stream, and what is given up first.

use prost::Message;
use prost::bytes::Bytes;
use tenet_resilience::limit::Priority;

/// One method that is served and described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// `package.Service/Method`.
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) priority: Priority,
}

/// What a call of a method consists of, as far as admission has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One message in, one out: the time of a call says how busy the service is.
    Unary,
    /// One message in, a stream out.
    ServerStream,
    /// A stream in: the handler lasts as long as the caller likes.
    ClientStream,
    /// Not described, so it may be any of them.
    Unknown,
}

/// gRPC's own methods. How an instance is doing must be told also when it has too much to do, and the streams among them
/// have no end.
const STANDARD: [(&str, Shape); 4] = [
    ("grpc.health.v1.Health/Check", Shape::Unary),
    ("grpc.health.v1.Health/Watch", Shape::ServerStream),
    ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Shape::ClientStream),
    ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Shape::ClientStream),
];

/// gRPC's own methods, exempt from admission and from fault points.
pub(crate) fn standard() -> Vec<Method> {
    let method =
        |(name, shape): (&str, Shape)| Method { name: name.to_owned(), shape, priority: Priority::Exempt };
    STANDARD.map(method).to_vec()
}

/// The methods of the services named in `served` that an encoded `FileDescriptorSet` describes.
pub(crate) fn described(set: &'static [u8], served: &[&str]) -> Result<Vec<Method>, prost::DecodeError> {
    let mut methods = Vec::new();
    for file in FileSet::decode(Bytes::from_static(set))?.files {
        for service in file.services {
            let name = match file.package.as_str() {
                "" => service.name,
                package => format!("{package}.{}", service.name),
            };
            if served.contains(&name.as_str()) {
                methods.extend(service.methods.iter().map(|method| method.read(&name)));
            }
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
    /// `tenet.policy.v1.method`, an extension of `google.protobuf.MethodOptions`.
    #[prost(message, optional, tag = "81001")]
    policy: Option<MethodPolicy>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodPolicy {
    /// `tenet.policy.v1.Priority`.
    #[prost(int32, tag = "2")]
    priority: i32,
}

impl MethodDescriptor {
    fn read(&self, service: &str) -> Method {
        let shape = match (self.client_streaming, self.server_streaming) {
            (false, false) => Shape::Unary,
            (false, true) => Shape::ServerStream,
            (true, _) => Shape::ClientStream,
        };
        let policy = self.options.as_ref().and_then(|options| options.policy.as_ref());
        let priority = match policy.map(|policy| policy.priority) {
            Some(1) => Priority::Critical,
            Some(3) => Priority::Sheddable,
            // Unspecified reads as NORMAL, and so does a priority newer than this program.
            _ => Priority::Normal,
        };
        Method { name: format!("{service}/{}", self.name), shape, priority }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, streams: (bool, bool), priority: Option<i32>) -> MethodDescriptor {
        let options = priority.map(|priority| MethodOptions { policy: Some(MethodPolicy { priority }) });
        MethodDescriptor {
            name: name.into(),
            options,
            client_streaming: streams.0,
            server_streaming: streams.1,
        }
    }

    #[test]
    fn shape_and_priority_are_those_of_the_contract() {
        let rows = [
            ("A", (false, false), None, Shape::Unary, Priority::Normal),
            ("B", (false, false), Some(0), Shape::Unary, Priority::Normal),
            ("C", (false, true), Some(1), Shape::ServerStream, Priority::Critical),
            ("D", (true, false), Some(2), Shape::ClientStream, Priority::Normal),
            ("E", (true, true), Some(3), Shape::ClientStream, Priority::Sheddable),
            ("F", (false, false), Some(9), Shape::Unary, Priority::Normal),
        ];
        let services = vec![
            Service {
                name: "Served".into(),
                methods: rows.map(|(name, streams, priority, ..)| method(name, streams, priority)).to_vec(),
            },
            Service { name: "Other".into(), methods: vec![method("X", (false, false), None)] },
        ];
        let set = FileSet { files: vec![File { package: "a.v1".into(), services }] };
        let found = described(set.encode_to_vec().leak(), &["a.v1.Served"]).unwrap();
        let expected: Vec<Method> = rows
            .map(|(name, _, _, shape, priority)| Method {
                name: format!("a.v1.Served/{name}"),
                shape,
                priority,
            })
            .to_vec();
        assert_eq!(found, expected);
        assert!(described(b"\xff", &[]).is_err());
    }
}
