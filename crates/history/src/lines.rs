//! Histories as text: one JSON object a line, so that a failing run can be kept, cut with ordinary tools and replayed.
//!
//! `{"client":3,"call_ns":10,"return_ns":25,"operation":…,"answer":…}`; where the outcome is unknown, `return_ns`
//! and `answer` are both left out.

use crate::entry::{Entry, Outcome};
use crate::history::History;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Characters of a malformed line that its error repeats: enough to find it, little enough for a terminal.
const SHOWN_CHARACTERS: usize = 120;

/// A line that is not an operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {problem}; found `{found}`, expected {{\"client\":…,\"call_ns\":…,\"operation\":…}} and either both or none of \"return_ns\" and \"answer\""
)]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
    /// How it begins.
    pub found: String,
}

#[derive(Serialize)]
struct Written<'a, O, A> {
    client: u32,
    call_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_ns: Option<u64>,
    operation: &'a O,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a A>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "O: DeserializeOwned, A: DeserializeOwned")]
struct Read<O, A> {
    client: u32,
    call_ns: u64,
    return_ns: Option<u64>,
    operation: O,
    answer: Option<A>,
}

impl<O: Serialize, A: Serialize> History<O, A> {
    /// The history as JSON lines, each ended by a line feed.
    ///
    /// # Errors
    ///
    /// Where an operation or answer of a model of one's own has no JSON form (a map with keys that are no strings).
    pub fn to_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for entry in self.entries() {
            let written = Written {
                client: entry.client,
                call_ns: entry.call_ns,
                return_ns: entry.return_ns(),
                operation: &entry.operation,
                answer: entry.answer(),
            };
            text.push_str(&serde_json::to_string(&written)?);
            text.push('\n');
        }
        Ok(text)
    }
}

impl<O: DeserializeOwned, A: DeserializeOwned> History<O, A> {
    /// Reads JSON lines; empty lines are passed over.
    ///
    /// # Errors
    ///
    /// The first line that is no operation, or whose answer came before its call.
    pub fn from_lines(text: &str) -> Result<History<O, A>, LineError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.map(|(index, line)| read(index + 1, line)).collect()
    }
}

fn read<O: DeserializeOwned, A: DeserializeOwned>(line: usize, text: &str) -> Result<Entry<O, A>, LineError> {
    let refuse =
        |problem: String| LineError { line, problem, found: text.chars().take(SHOWN_CHARACTERS).collect() };
    let read: Read<O, A> = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
    let outcome = match (read.return_ns, read.answer) {
        (None, None) => Outcome::Unknown,
        (Some(return_ns), Some(_)) if return_ns < read.call_ns => {
            return Err(refuse(format!("returned at {return_ns}, before its call at {}", read.call_ns)));
        }
        (Some(return_ns), Some(answer)) => Outcome::Answered { return_ns, answer },
        (Some(_), None) => return Err(refuse("a return_ns without an answer".to_owned())),
        (None, Some(_)) => return Err(refuse("an answer without a return_ns".to_owned())),
    };
    Ok(Entry { client: read.client, call_ns: read.call_ns, operation: read.operation, outcome })
}
