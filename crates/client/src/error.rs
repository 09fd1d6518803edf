//! Why a client could not be made. A call never fails with one of these: it ends in a gRPC status.

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody said where the instances are.
    #[error(
        "nothing says where the instances of {0} are: TENET_ROSTER is not set, and neither addresses nor DNS were given"
    )]
    NoSource(String),
    /// The service's name cannot stand in a request as the authority it is for.
    #[error("{found:?} is no name of a service: expected letters, digits and `-`, as accounts")]
    Name {
        /// What was given.
        found: String,
    },
    /// The DNS source cannot be asked.
    #[error("the DNS source of {service}: {reason}")]
    Dns {
        /// The service.
        service: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The descriptor set is none.
    #[error("descriptor set {index} of {service} cannot be read: {source}")]
    DescriptorSet {
        /// The service.
        service: String,
        /// Which one, from 0.
        index: usize,
        /// What the decoder said.
        source: prost::DecodeError,
    },
    /// The descriptor set names a field to hash by that it does not describe.
    #[error(
        "{method} of {service} is hashed by {field:?}, which is no single scalar in the messages of its descriptor set: expected a set with all its imports"
    )]
    HashBy {
        /// The service.
        service: String,
        /// The method's path.
        method: String,
        /// The field its policy names.
        field: String,
    },
    /// A thread could not be started.
    #[error("no thread for the client: {0}")]
    Thread(#[from] std::io::Error),
}
