//! Why a service could not start or went down: always the place, what was found and what was expected.

use std::fmt;
use std::net::SocketAddr;

/// Why a service could not start, or why a channel cannot be made.
#[derive(thiserror::Error)]
pub enum Error {
    /// An environment variable holds something that cannot be read.
    #[error("{name}={found:?}: expected {expected}")]
    Fact {
        /// The variable.
        name: String,
        /// Its value.
        found: String,
        /// What it should look like, with an example.
        expected: &'static str,
    },
    /// An environment variable that is needed is not set.
    #[error("{name} is not set: {why}")]
    MissingFact {
        /// The variable.
        name: String,
        /// What it is for and who normally sets it.
        why: &'static str,
    },
    /// The listening address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The bytes given as descriptor set are not one, or lack something it refers to.
    #[error("descriptor set number {index} of service {service:?}: {reason}")]
    DescriptorSet {
        /// The service.
        service: String,
        /// Which of the sets, from 0 in the order they were added.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// Signals cannot be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

impl fmt::Debug for Error {
    /// As `Display`, with its sources: this is what a `main` that returns it prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
