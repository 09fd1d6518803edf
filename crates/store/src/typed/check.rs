//! Whether what is written to a typed collection is what the schema says.

use super::Typed;
use crate::commit::{Action, RecordChange};
use crate::item::{MAX_VALUE, Value};
use tenet_collection::{Address, Mismatch, Schema};

/// Why something cannot be written to a typed collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Its bytes are no message of the type, as far as its keys go.
    #[error("it is no {message}: {what}")]
    NotTheMessage {
        /// The full name of the type.
        message: String,
        /// What is wrong.
        what: String,
    },
    /// It belongs to another place.
    #[error("it belongs elsewhere: {0}")]
    Elsewhere(Mismatch),
    /// A number is added to.
    #[error("items of this collection are {message}: they are put, and not added to")]
    Addition {
        /// The full name of the type.
        message: String,
    },
    /// It is too long to be found by an index.
    #[error("it has {size} bytes: where there are indexes, at most {MAX_VALUE}")]
    TooLong {
        /// Bytes.
        size: u64,
    },
}

/// Looks at all writes; where there is a problem, the places of the change and of the write in it.
///
/// # Errors
/// The first problem there is.
pub fn check(typed: &Typed, changes: &[RecordChange]) -> Result<(), (usize, usize, Problem)> {
    for (change_place, change) in changes.iter().enumerate() {
        for (place, write) in change.writes.iter().enumerate() {
            let checked = match &write.action {
                Action::Delete | Action::Index(_) => Ok(()),
                Action::Add(_) => Err(Problem::Addition { message: typed.schema.message.clone() }),
                Action::Put(Value::Inline(message)) => {
                    let (record, item) = (change.record.to_vec(), write.key.to_vec());
                    check_message(&typed.schema, message, &Address { record, item })
                }
                Action::Put(Value::Chunked { size, .. }) if !typed.indexes.is_empty() => {
                    Err(Problem::TooLong { size: *size })
                }
                // It was looked at while it came in.
                Action::Put(Value::Chunked { .. }) => Ok(()),
            };
            checked.map_err(|problem| (change_place, place, problem))?;
        }
    }
    Ok(())
}

/// Looks at a message that is written under `written`; what is in no key need not be there.
///
/// # Errors
/// What is wrong with it.
pub fn check_message(schema: &Schema, message: &[u8], written: &Address) -> Result<(), Problem> {
    let wrong = |what: String| Problem::NotTheMessage { message: schema.message.clone(), what };
    let own = schema.address(message).map_err(|error| wrong(error.to_string()))?;
    schema.index_entries(message).map_err(|error| wrong(error.to_string()))?;
    match schema.mismatch(&own, written) {
        None => Ok(()),
        Some(mismatch) => Err(Problem::Elsewhere(mismatch)),
    }
}
