//! The drawing of an account: one line an operation, with a bar for its span of time.
//!
//! ```text
//! record cart-7: these operations have no order
//!   #12  client  3  |--|                     put a=5 → @9
//!   #14  client  1       |------------ ?     put a=6 → unknown
//! ✗ #15  client  2            |---|          get a → 4@7
//! #15 could not be placed. Where it was tried, the record was:
//!   {a=5@9}
//! ```

use crate::entry::Outcome;
use crate::model::{Model, NumberedOf};
use std::fmt::Write;

/// Columns of the time line.
const COLUMNS: usize = 40;
/// The most operations drawn, the last ones: what was settled long before is rarely what fails.
const DRAWN: usize = 48;

/// Draws `entries`, sorted by call.
pub fn draw<M: Model>(record: &str, entries: &[NumberedOf<M>], unplaced: usize, states: &[String]) -> String {
    let mut text = format!("record {record}: these operations have no order\n");
    let mut drawn: Vec<&NumberedOf<M>> = entries.iter().collect();
    drawn.sort_by_key(|numbered| (numbered.entry.return_ns().unwrap_or(u64::MAX), numbered.number));
    let hidden = drawn.len().saturating_sub(DRAWN);
    drawn.drain(..hidden);
    drawn.sort_by_key(|numbered| (numbered.entry.call_ns, numbered.number));
    if hidden > 0 {
        // Writing to a string cannot fail; the same below.
        let _ = writeln!(text, "  … {hidden} operations that returned earlier are not drawn");
    }
    let columns = Columns::of::<M>(&drawn);
    for numbered in &drawn {
        let mark = if numbered.number == unplaced { '✗' } else { ' ' };
        let entry = &numbered.entry;
        let (bar, answer) = match &entry.outcome {
            Outcome::Answered { return_ns, answer } => {
                (columns.bar(entry.call_ns, Some(*return_ns)), answer.to_string())
            }
            Outcome::Unknown => (columns.bar(entry.call_ns, None), "unknown".to_owned()),
        };
        let (number, client, operation) = (numbered.number, entry.client, &entry.operation);
        let _ = writeln!(text, "{mark} #{number:<6} client {client:>3}  {bar}  {operation} → {answer}");
    }
    if states.is_empty() {
        let _ = writeln!(text, "With #{unplaced} placed, one of the others no longer could be.");
    } else {
        let _ = writeln!(text, "#{unplaced} could not be placed. Where it was tried, the record was:");
        for state in states {
            let _ = writeln!(text, "  {state}");
        }
    }
    text
}

/// The columns of time: one for each instant at which something was called or returned, evened out where there are more. By
/// instant and not by length, because a drawing shows who overlapped whom, and one slow call would press all others into a column.
struct Columns {
    instants: Vec<u64>,
}

impl Columns {
    fn of<M: Model>(drawn: &[&NumberedOf<M>]) -> Columns {
        let mut instants: Vec<u64> =
            drawn.iter().flat_map(|n| [Some(n.entry.call_ns), n.entry.return_ns()]).flatten().collect();
        instants.sort_unstable();
        instants.dedup();
        Columns { instants }
    }

    fn column(&self, time_ns: u64) -> usize {
        let index = self.instants.partition_point(|instant| *instant < time_ns);
        index * (COLUMNS - 1) / self.instants.len().saturating_sub(1).max(1)
    }

    fn bar(&self, call_ns: u64, return_ns: Option<u64>) -> String {
        let from = self.column(call_ns);
        let to = return_ns.map_or(COLUMNS - 1, |return_ns| self.column(return_ns));
        let end = if return_ns.is_some() { '|' } else { '?' };
        (0..COLUMNS)
            .map(|column| match column {
                column if column == to && to > from => end,
                column if column == from => '|',
                column if from < column && column < to => '-',
                _ => ' ',
            })
            .collect()
    }
}
