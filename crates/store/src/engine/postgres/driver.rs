//! The task behind a connection: it reads and writes the socket, and counts what the server warns of.

use super::failure::text;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::AbortHandle;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Connection, Socket};

/// Reads and writes the socket, and counts warnings.
async fn drive(mut connection: Connection<Socket, NoTlsStream>, warnings: Arc<AtomicU64>) {
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if notice.severity() == "WARNING" => {
                tracing::warn!(code = notice.code().code(), "the database warns: {}", notice.message());
                warnings.fetch_add(1, Ordering::AcqRel);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!("a connection to the database ended: {}", text(&error));
                return;
            }
        }
    }
}

/// Ends a driver when it is dropped: the socket closes at once, also in the middle of a statement. The server notices, ends the transaction and
/// frees its locks. Left alone, the driver would wait for answers that nobody wants.
pub(super) struct Driver(AbortHandle);

impl Driver {
    /// Drives `connection`; counts a warning before it hands on the answer that comes after it.
    pub fn start(connection: Connection<Socket, NoTlsStream>, warnings: Arc<AtomicU64>) -> Driver {
        Driver(tokio::spawn(drive(connection, warnings)).abort_handle())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
