//! Why a store or a collection could not be opened: the place, what was found and what was expected.

use std::fmt;
use std::sync::Arc;

/// Why a store or a collection could not be opened. What happens later is a [`StoreError`](super::StoreError).
#[derive(Clone, thiserror::Error)]
pub enum OpenError {
    /// An environment variable that is needed is not set.
    #[error("{name} is not set: {why}")]
    MissingFact {
        /// The variable.
        name: &'static str,
        /// What it is for and who normally sets it.
        why: &'static str,
    },
    /// An environment variable holds something that cannot be read.
    #[error("{name}={found:?}: expected {expected}")]
    Fact {
        /// The variable.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it should look like, with an example.
        expected: &'static str,
    },
    /// The service's secret cannot be read. What was found of it is not said.
    #[error("the service's secret in {place}: {reason}")]
    Secret {
        /// Where it should be: a descriptor or a file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The secret cannot stand in metadata.
    #[error("the secret is none: expected visible ASCII characters")]
    NoSecret,
    /// The way to the store cannot be made.
    #[error(transparent)]
    Client(Arc<crate::Error>),
    /// The bytes given as descriptor set are not one, or lack something it refers to.
    #[error("the descriptor set of {message}: {reason}")]
    DescriptorSet {
        /// The message that was looked for.
        message: String,
        /// What is wrong.
        reason: String,
    },
    /// The descriptor set does not have the message.
    #[error("the descriptor set has no message {message}{}", meant(.nearest.as_deref()))]
    NoMessage {
        /// Its full name.
        message: String,
        /// The one with a collection that is most like it.
        nearest: Option<String>,
    },
    /// The message is no collection.
    #[error("{message} has no option (tenet.policy.v1.collection), which names the fields of its key")]
    NoCollection {
        /// Its full name.
        message: String,
    },
    /// The option of the message is wrong.
    #[error("the option (tenet.policy.v1.collection) of {message}: {problems}")]
    Schema {
        /// Its full name.
        message: String,
        /// All that is wrong with it.
        problems: String,
    },
}

impl fmt::Debug for OpenError {
    /// As `Display`: this is what a `main` that returns it prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<crate::Error> for OpenError {
    fn from(error: crate::Error) -> OpenError {
        OpenError::Client(Arc::new(error))
    }
}

fn meant(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}
