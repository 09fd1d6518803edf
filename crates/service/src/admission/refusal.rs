//! How a call is refused that could not be admitted.

use crate::Fault;
use http::HeaderName;
use std::time::Duration;
use tonic::Status;

pub use tenet_resilience::call::NOT_RUN;

/// The same as a header's name.
pub(crate) const NOT_RUN_TRAILER: HeaderName = HeaderName::from_static(NOT_RUN);

/// The shortest and the longest pause a refused caller is asked to make before it comes back *to this instance*. Overload lasts
/// for hundreds of milliseconds at least, and who comes back all at once makes the next one.
const PAUSE_MS: std::ops::Range<u64> = 200..1000;

/// The status of a refused call. `random` chooses the pause.
pub(crate) fn refusal(random: u64) -> Status {
    let pause = PAUSE_MS.start + random % (PAUSE_MS.end - PAUSE_MS.start);
    Fault::unavailable("The service has too much to do. The call did not run.")
        .reason("OVERLOADED", "tenet")
        .retry_after(Duration::from_millis(pause))
        .into()
}
