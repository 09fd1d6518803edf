//! What is measured beside the calls: sizes, and the fading of what was hot.

use super::Metrics;
use crate::engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Sizes are measured, and what was hot is halved, at most so often.
pub const PAUSE: Duration = Duration::from_secs(10);
/// Where nobody looks at the page, sizes are measured so often: the console shows them with their age, and looking at it asks the engine nothing.
const UNASKED: Duration = Duration::from_secs(60);
/// An engine may have to look at every item to say how many there are: at most one part in so many of the time goes into that.
pub(crate) const SHARE: u32 = 50;

/// Measures sizes, soon for those who look at the page, and lets what was hot fade. Does not end by itself.
pub async fn measure(engine: Arc<dyn Engine>, metrics: Arc<Metrics>) {
    tokio::join!(sizes(engine, &metrics), fade(&metrics));
}

async fn sizes(engine: Arc<dyn Engine>, metrics: &Metrics) {
    loop {
        // An error says that nobody looked meanwhile.
        let _ = timeout(UNASKED, metrics.looked.notified()).await;
        let begun = Instant::now();
        for (id, row) in metrics.rows().iter() {
            match engine.size(*id).await {
                Ok(size) => row.measured(size),
                Err(error) => tracing::debug!(collection = %row.name, "its size is not known: {error}"),
            }
        }
        sleep(PAUSE.max(begun.elapsed() * SHARE)).await;
    }
}

async fn fade(metrics: &Metrics) {
    loop {
        sleep(PAUSE).await;
        metrics.rows().values().for_each(|row| row.decay());
    }
}
