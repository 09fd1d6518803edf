//! SIGTERM and SIGINT as two futures: the first asks for a drain, the second for an end. For those who serve on a listener of their own.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Two futures that are ready at the first and at the second signal. From now on neither signal ends the process by itself.
///
/// # Errors
/// The system does not let signals be listened for; or there is no runtime.
pub fn two() -> std::io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (count, seen) = watch::channel(0u32);
    tokio::spawn(async move {
        for number in 1..=2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Nobody listens any more when the service has ended before the second.
            let _ = count.send(number);
        }
    });
    Ok((at_least(seen.clone(), 1), at_least(seen, 2)))
}

async fn at_least(mut seen: watch::Receiver<u32>, number: u32) {
    if seen.wait_for(|count| *count >= number).await.is_err() {
        // The counting task is gone, so no signal will come.
        std::future::pending::<()>().await;
    }
}
