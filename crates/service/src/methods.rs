//! What the descriptor sets say of the methods: their names, whether they stream, and what is given up first.

use tenet_api::descriptors;
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

/// How a process of the platform itself is followed, for the same reason.
const TELEMETRY: [(&str, Shape); 2] = [
    ("tenet.telemetry.v1.Telemetry/Get", Shape::Unary),
    ("tenet.telemetry.v1.Telemetry/Watch", Shape::ServerStream),
];

/// gRPC's own methods, and those of telemetry where it is served; exempt from admission and from fault points.
pub(crate) fn standard(served: &[&str]) -> Vec<Method> {
    let is_served =
        |(name, _): &(&str, Shape)| name.split('/').next().is_some_and(|name| served.contains(&name));
    let all = STANDARD.into_iter().chain(TELEMETRY.into_iter().filter(is_served));
    all.map(|(name, shape)| Method { name: name.to_owned(), shape, priority: Priority::Exempt }).collect()
}

/// The methods of the services named in `served` that an encoded `FileDescriptorSet` describes.
pub(crate) fn described(set: &[u8], served: &[&str]) -> Result<Vec<Method>, prost::DecodeError> {
    let methods = descriptors::methods(set)?;
    Ok(methods.iter().filter(|method| served.contains(&method.service.as_str())).map(read).collect())
}

fn read(method: &descriptors::Method) -> Method {
    let shape = match (method.client_streaming, method.server_streaming) {
        (false, false) => Shape::Unary,
        (false, true) => Shape::ServerStream,
        (true, _) => Shape::ClientStream,
    };
    let priority = match method.policy.priority {
        1 => Priority::Critical,
        3 => Priority::Sheddable,
        // Unspecified reads as NORMAL, and so does a priority newer than this program.
        _ => Priority::Normal,
    };
    Method { name: format!("{}/{}", method.service, method.name), shape, priority }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_priority_are_those_of_the_contract() {
        for (streams, priority, shape, expected) in [
            ((false, false), 0, Shape::Unary, Priority::Normal),
            ((false, true), 1, Shape::ServerStream, Priority::Critical),
            ((true, false), 2, Shape::ClientStream, Priority::Normal),
            ((true, true), 3, Shape::ClientStream, Priority::Sheddable),
            ((false, false), 9, Shape::Unary, Priority::Normal),
        ] {
            let policy = descriptors::MethodPolicy { priority, ..Default::default() };
            let method = descriptors::Method {
                service: "a.v1.Served".into(),
                name: "A".into(),
                client_streaming: streams.0,
                server_streaming: streams.1,
                policy,
                ..Default::default()
            };
            let name = "a.v1.Served/A".to_owned();
            assert_eq!(read(&method), Method { name, shape, priority: expected });
        }
    }

    #[test]
    fn who_follows_a_process_of_the_platform_is_let_through_where_it_is_served() {
        let names =
            |served: &[&str]| standard(served).into_iter().map(|method| method.name).collect::<Vec<_>>();
        let with = names(&["a.v1.Served", "tenet.telemetry.v1.Telemetry"]);
        assert!(with.contains(&"tenet.telemetry.v1.Telemetry/Watch".to_owned()), "{with:?}");
        assert_eq!(with.len(), STANDARD.len() + TELEMETRY.len());
        assert_eq!(names(&["a.v1.Served"]).len(), STANDARD.len());
        assert!(standard(&[]).iter().all(|method| method.priority == Priority::Exempt));
    }
}
