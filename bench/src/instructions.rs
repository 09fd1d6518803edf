//! Instructions per request: (I(2K) − I(K)) ÷ K.

use crate::Outcome;
use crate::callgrind::{self, Arguments};
use crate::peers::Kind;
use crate::report::Report;

/// Counts and prints the table.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut rows = vec![["case", "instructions per request"].map(String::from).to_vec()];
    callgrind::each_case(arguments, |case, one, two| {
        let each = callgrind::instructions(one, two, arguments.requests);
        rows.push(vec![case.title().into(), format!("{each:.0}")]);
    })?;
    let mut report = Report::new("instructions", &format!("Tenet {}", Kind::Tenet.version()));
    report.line(&format!(
        "User-space instructions of the gateway under callgrind for each of {} requests on one kept-alive connection.",
        arguments.requests
    ));
    report.table(&rows);
    report.finish(arguments.write)
}
