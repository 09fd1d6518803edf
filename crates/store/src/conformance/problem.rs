//! Why a check did not pass.

use crate::engine::EngineError;
use std::fmt::{Debug, Display};

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The engine did something else than it must.
    Wrong(String),
    /// The bench cannot do what the check needs.
    NotTried(String),
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Problem {
        Problem::Wrong(format!("unexpected: {error}"))
    }
}

/// What a check comes to.
pub(super) type Checked<T = ()> = Result<T, Problem>;

/// Fails with `what` where it does not hold.
pub(super) fn holds(what: impl Display, condition: bool) -> Checked {
    if condition { Ok(()) } else { Err(Problem::Wrong(what.to_string())) }
}

/// Fails where the two are not the same, naming both.
pub(super) fn same<T: PartialEq<U> + Debug + ?Sized, U: Debug + ?Sized>(
    what: impl Display,
    found: &T,
    expected: &U,
) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(Problem::Wrong(format!("{what}: found {}, expected {}", short(found), short(expected))))
}

/// Values of megabytes would hide what is wrong.
const LONGEST_TEXT: usize = 600;

/// As text that somebody can read.
pub(super) fn short(value: &(impl Debug + ?Sized)) -> String {
    let text = format!("{value:?}");
    if text.chars().count() <= LONGEST_TEXT {
        return text;
    }
    text.chars().take(LONGEST_TEXT).chain("…".chars()).collect()
}
