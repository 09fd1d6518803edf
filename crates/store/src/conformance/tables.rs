//! What each method answers, row by row. Every check has a place of its own, so that none depends on what another left.

mod chunk;
mod claim;
mod commit;
mod declare;
mod expiry;
mod feed;
mod fence;
mod number;
mod read;
mod scan;
mod size;
mod token;

use super::check::Check;

/// All tables.
pub(super) fn checks() -> Vec<Check> {
    let tables = [
        claim::checks(),
        declare::checks(),
        commit::checks(),
        number::checks(),
        token::checks(),
        fence::checks(),
        read::checks(),
        expiry::checks(),
        scan::checks(),
        feed::checks(),
        chunk::checks(),
        size::checks(),
    ];
    tables.concat()
}

/// A task that did not end as it should.
fn wrong(error: &tokio::task::JoinError) -> super::problem::Problem {
    super::problem::Problem::Wrong(format!("a task of the suite ended: {error}"))
}
