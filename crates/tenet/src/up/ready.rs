//! How to see that a child serves.

use super::admin;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Between two looks: a start is not noticeably longer for it, and it costs nothing.
const PAUSE: Duration = Duration::from_millis(20);
/// One look; a local answer takes a millisecond.
const LOOK: Duration = Duration::from_secs(1);

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Ready {
    /// It accepts a connection: all that is known of a service in any language.
    Connects(SocketAddr),
    /// A gateway's admin listener says so. The old and the new process of a restart share the socket, so the answer must come
    /// from the right one.
    Gateway(SocketAddr),
    /// The same of a store process.
    Store(SocketAddr),
    /// It answers HTTP, whatever the status: its socket is ours, so connecting proves nothing.
    Answers(SocketAddr),
    /// Nothing: running is serving.
    Runs,
}

impl Ready {
    /// Looks until it serves; never ends if it does not.
    pub async fn wait(self, pid: u32) {
        while !matches!(timeout(LOOK, self.look(pid)).await, Ok(true)) {
            sleep(PAUSE).await;
        }
    }

    async fn look(&self, pid: u32) -> bool {
        match self {
            Ready::Connects(address) => TcpStream::connect(address).await.is_ok(),
            Ready::Answers(address) => admin::get(*address, "/").await.is_ok(),
            Ready::Runs => true,
            Ready::Gateway(address) | Ready::Store(address) => {
                let Ok(answer) = admin::get(*address, "/-/status").await else { return false };
                let from = answer.json().get("pid").and_then(serde_json::Value::as_u64);
                let right = from.is_none_or(|from| from == u64::from(pid));
                right && admin::get(*address, "/-/ready").await.is_ok_and(|answer| answer.status == 200)
            }
        }
    }
}

impl fmt::Display for Ready {
    /// What is waited for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::Connects(address) => {
                write!(f, "nothing accepts connections on {address}, which it was given as TENET_LISTEN")
            }
            Ready::Gateway(address) | Ready::Store(address) => {
                write!(f, "GET http://{address}/-/ready does not answer 200")
            }
            Ready::Answers(address) => write!(f, "http://{address}/ does not answer"),
            Ready::Runs => f.write_str("it does not run"),
        }
    }
}
