//! What can go wrong, with the place where it did.

use std::fmt;
use tenet_error::Code;

/// A descriptor set or a binding that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct CompileError {
    /// The full name of what is wrong: a message, a field, an enum.
    pub place: String,
    /// What was found and what was expected.
    pub message: String,
}

impl CompileError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> CompileError {
        CompileError { place: place.into(), message: message.into() }
    }
}

/// JSON that is not the ProtoJSON form of the expected message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset into the JSON text.
    pub offset: usize,
    /// Where in the document: `a.b[3].c`, empty at its root.
    pub path: String,
    /// What was found and what was expected; safe to show to the caller.
    pub message: String,
    /// True when the only fault is a field the contract does not have and the service is strict.
    pub unknown_field: bool,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for JsonError {}

/// Wire bytes that are not a message of the expected type, or that have no JSON form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message_type}: {message}")]
pub struct WireError {
    /// The full name of the message that was being read.
    pub message_type: String,
    /// What was found and what was expected. For the log: it speaks of the service's bytes.
    pub message: String,
}

/// A REST request that cannot become the request message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body.
    #[error("{0}")]
    Json(JsonError),
    /// A path capture or query parameter whose value cannot be read as its field.
    #[error("parameter \"{name}\": {message}")]
    Parameter {
        /// The field path of a capture, or the parameter's name as it was sent.
        name: String,
        /// What was found and what was expected; safe to show to the caller.
        message: String,
    },
    /// A query parameter the contract does not have, and the service is strict.
    #[error("query parameter \"{name}\" is not known here")]
    UnknownParameter {
        /// The parameter's name as it was sent.
        name: String,
    },
}

impl RequestError {
    /// The catalogue's code for this fault.
    pub fn code(&self) -> Code {
        match self {
            RequestError::Json(error) if error.unknown_field => Code::UnknownField,
            RequestError::Json(_) => Code::InvalidJson,
            RequestError::Parameter { .. } => Code::InvalidParameter,
            RequestError::UnknownParameter { .. } => Code::UnknownField,
        }
    }
}

impl From<JsonError> for RequestError {
    fn from(error: JsonError) -> RequestError {
        RequestError::Json(error)
    }
}

/// What somebody sent, short enough to repeat in a message.
#[cold]
pub(crate) fn excerpt(text: &[u8]) -> String {
    const LETTERS: usize = 100;
    // A letter has at most four bytes, so no more than this can be shown.
    let text = String::from_utf8_lossy(&text[..text.len().min(LETTERS * 4)]);
    text.chars().take(LETTERS).collect()
}
