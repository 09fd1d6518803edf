//! What an engine must be told to do now and then, for as long as it is served: removing what is past its time.

use crate::engine::{Engine, EngineError};
use crate::service::TOKEN_LIFE;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two rounds: what expired is not served in any case, so this is only how long its room stays taken.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two rounds where there was more to do than one may: those who write get their turn.
const BREATH: Duration = Duration::from_millis(20);
/// Most that one round removes of each kind. The embedded engine writes nothing else meanwhile, some 10 ms.
const LIMIT: usize = 500;
/// After a round that failed.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// How much longer than it is taken a token is known: it may have been made by a clock that is 300 s ahead, and is then taken for that much longer; and a
/// write whose token was good when it was looked at may wait for its turn.
const TOKEN_MARGIN: Duration = Duration::from_secs(600);

/// Does it until it is dropped. Several processes over one engine may do it at once.
pub async fn keep_up(engine: Arc<dyn Engine>) {
    let engine = &engine;
    let round = move || async move {
        let done = engine.upkeep(TOKEN_LIFE + TOKEN_MARGIN, LIMIT).await?;
        Ok(if done.more { BREATH } else { unlike(PAUSE) })
    };
    rounds("what is past its time stays for now", round).await;
}

/// A pause of about so long: processes that began together must not go on together.
pub(crate) fn unlike(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.5))
}

/// Goes round after round until it is dropped; each says how long to pause after it, and `what` is said of one that failed.
pub(crate) async fn rounds<F>(what: &str, mut round: impl FnMut() -> F)
where
    F: Future<Output = Result<Duration, EngineError>>,
{
    let mut failed = false;
    loop {
        let pause = round().await;
        if let (Err(error), false) = (&pause, failed) {
            // Said once: an engine that is away says so to every call.
            tracing::warn!("{what}: {error}");
        }
        failed = pause.is_err();
        sleep(pause.unwrap_or(FAILED_PAUSE)).await;
    }
}
