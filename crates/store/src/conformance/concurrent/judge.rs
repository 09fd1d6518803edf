//! The seam where histories are judged.

use super::observed::Call;
use super::order;
use crate::conformance::problem::Checked;

/// Whether `history` can be put in an order that explains every answer.
///
/// Every write of these runs was answered with its version, which says the order of writes; so one pass decides, and needs no search. Runs in which
/// outcomes stay unknown (crashes) need the checker of `tenet-history`: [`Call`] has what its `RecordOperation` and `RecordAnswer`
/// take, and this is the place where a history is handed to it.
pub(super) fn judge(history: &[Call]) -> Checked {
    order::check(history)
}
