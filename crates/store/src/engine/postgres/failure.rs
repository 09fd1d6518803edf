//! What a failure of a statement or connection means: what may be repeated here, what its session is still good for, and what the
//! caller is told. By SQLSTATE, PostgreSQL 15 documentation, appendix A.

use crate::engine::EngineError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why an operation on a session did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told.
    pub error: EngineError,
    /// Nothing happened, and it may succeed when it is done again at once.
    pub again: bool,
    /// The session can be used on, after what is open on it was rolled back.
    pub sound: bool,
    /// The server has no room for so many locks in one transaction.
    pub locks: bool,
}

impl Failure {
    /// A failure that is not the session's.
    pub fn refused(error: EngineError) -> Failure {
        Failure { error, again: false, sound: true, locks: false }
    }

    /// The session answers no more; nothing happened.
    pub fn silent(what: &str) -> Failure {
        Failure { error: EngineError::Unavailable(what.into()), again: false, sound: false, locks: false }
    }

    /// Nobody knows whether it happened.
    pub fn unknown(what: impl Into<String>) -> Failure {
        Failure { error: EngineError::Unknown(what.into()), again: false, sound: false, locks: false }
    }

    /// The server's answer has another shape than its statement says.
    pub fn shape(error: &Error) -> Failure {
        Failure {
            error: EngineError::Broken(format!("an answer cannot be read: {}", text(error))),
            again: false,
            sound: false,
            locks: false,
        }
    }
}

impl From<Error> for Failure {
    /// Of a statement without which nothing has happened.
    fn from(error: Error) -> Failure {
        let text = text(&error);
        let Some(code) = error.code() else {
            let source = std::error::Error::source(&error);
            let lost = error.is_closed() || source.is_some_and(|source| source.is::<std::io::Error>());
            // A fresh connection may do: this one may have been dead for long.
            let error = if lost { EngineError::Unavailable(text) } else { EngineError::Broken(text) };
            return Failure { error, again: lost, sound: false, locks: false };
        };
        let fatal = error.as_db_error().is_some_and(|error| matches!(error.severity(), "FATAL" | "PANIC"));
        let sound = !fatal;
        // Two transactions met; one of them may go first. A token that two brought at the same time counts too.
        let met = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        if met.contains(code) {
            return Failure { error: EngineError::Unavailable(text), again: true, sound, locks: false };
        }
        let locks = *code == SqlState::OUT_OF_MEMORY && text.contains("shared memory");
        let damaged = [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED];
        let error = if damaged.contains(code) {
            let table = error.as_db_error().and_then(|error| error.table()).unwrap_or("a table");
            EngineError::Corrupt { place: table.into(), what: text }
        } else if *code == SqlState::DISK_FULL {
            EngineError::Full(text)
        } else if passes(code) {
            EngineError::Unavailable(text)
        } else {
            EngineError::Broken(text)
        };
        // A session that ended by itself, as at a restart of the server, is no reason against another one.
        let again = fatal && matches!(error, EngineError::Unavailable(_));
        Failure { error, again, sound, locks }
    }
}

/// Whether waiting may help.
fn passes(code: &SqlState) -> bool {
    // A server that is a replica by now, a statement or lock that took too long, and a disk that answered once with an error.
    let single = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IO_ERROR,
    ];
    // 08 connection, 53 resources, 57P the operator's intervention: shut down, starting up, crashed.
    let classes = ["08", "53", "57P"];
    single.contains(code) || classes.iter().any(|class| code.code().starts_with(class))
}

/// What the server said, in one line: `Error` alone prints "db error".
pub(super) fn text(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::passes;
    use tokio_postgres::error::SqlState;

    #[test]
    fn codes_that_pass_are_told_from_those_that_do_not() {
        for (code, expected) in [
            ("53300", true),
            ("53200", true),
            ("57P01", true),
            ("57P03", true),
            ("08006", true),
            ("57014", true),
            ("55P03", true),
            ("25006", true),
            ("42P01", false),
            ("28P01", false),
            ("3D000", false),
            ("22P02", false),
        ] {
            assert_eq!(passes(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
