//! How checks open connections of their own, which count in no pool.

use super::fault::Fault;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// How checks name themselves, so that a service can tell them from traffic.
pub(super) const USER_AGENT: &str = "tenet-health";

/// Opens a connection by `deadline`, which is `limit` after the check began.
pub(super) async fn connect(
    address: SocketAddr,
    deadline: Instant,
    limit: Duration,
) -> Result<TcpStream, Fault> {
    match timeout_at(deadline, crate::wire::open(address)).await {
        Ok(opened) => opened.map_err(Fault::of_connect),
        Err(_) => Err(Fault::ConnectTimeout(limit)),
    }
}
