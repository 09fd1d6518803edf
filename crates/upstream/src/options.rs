//! The bounds and times of a pool, each with its default and the reason for it.

use crate::Part;
use std::time::Duration;

/// How the [`Pool`](crate::Pool)s of a process treat their connections. Counts of connections and of calls that wait are for all of them
/// together: each pool has its [`Part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Longest wait for a connection: TCP handshake and, over HTTP/2, the first PING's answer. Default: 1 s, which is
    /// one lost SYN on a local network and still leaves most deadlines time for another instance.
    pub connect_timeout: Duration,
    /// An unused connection is closed after this. Default: 60 s; below the 75 s of nginx and the minutes of most servers,
    /// so that it is seldom the other side that closes first.
    pub idle_timeout: Duration,
    /// Most HTTP/1.1 connections to one instance; further calls wait. Default: 256.
    pub max_connections_per_instance: usize,
    /// Most HTTP/1.1 connections to one instance kept open without a call. Default: 64.
    pub max_idle_per_instance: usize,
    /// HTTP/2 connections opened to one instance under load that one could carry. Default: 1.
    pub h2_connections_per_instance: usize,
    /// HTTP/2 connections to one instance that saturated streams may grow to. Default: 4.
    pub h2_max_connections_per_instance: usize,
    /// Streams put on one HTTP/2 connection, where the instance allows as many. Default: 1000.
    pub h2_streams_per_connection: usize,
    /// HTTP/2 receive window of a stream in bytes: what an instance may send ahead of a stalled reader. Default: 256 KiB.
    pub stream_window: u32,
    /// HTTP/2 receive window of a connection in bytes. Default: 4 MiB, so that several stalled readers do not
    /// hold up the streams beside them.
    pub connection_window: u32,
    /// Largest response head in bytes, measured as RFC 9113 §6.5.2 does over HTTP/2. Default: 64 KiB.
    pub max_header_list: u32,
    /// Largest number of fields in an HTTP/1.1 response head. Default: 128.
    pub max_headers: usize,
    /// HTTP/2 only: a connection with open streams that has been silent for this long is asked with a PING. `None` turns
    /// it off. Default: 10 s.
    pub keepalive_interval: Option<Duration>,
    /// A PING must be answered within this, or the connection is given up. Default: 5 s.
    pub keepalive_timeout: Duration,
    /// Calls that may wait for a connection or a stream of one instance; further ones are refused at once. Default: 1024.
    pub max_pending: usize,
    /// Pause after the first failed connect to an instance; doubled by each further one. Default: 100 ms.
    pub backoff_base: Duration,
    /// Longest pause between two connects to a failing instance. Default: 5 s.
    pub backoff_max: Duration,
}

impl PoolOptions {
    /// What one of the pools may do.
    pub(crate) fn of_part(&self, part: Part) -> PoolOptions {
        PoolOptions {
            max_connections_per_instance: part.at_least_one_of(self.max_connections_per_instance),
            max_idle_per_instance: part.at_least_one_of(self.max_idle_per_instance),
            h2_connections_per_instance: part.at_least_one_of(self.h2_connections_per_instance),
            h2_max_connections_per_instance: part.at_least_one_of(self.h2_max_connections_per_instance),
            max_pending: part.at_least_one_of(self.max_pending),
            ..self.clone()
        }
    }
}

impl Default for PoolOptions {
    fn default() -> PoolOptions {
        PoolOptions {
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(60),
            max_connections_per_instance: 256,
            max_idle_per_instance: 64,
            h2_connections_per_instance: 1,
            h2_max_connections_per_instance: 4,
            h2_streams_per_connection: 1000,
            stream_window: 256 << 10,
            connection_window: 4 << 20,
            max_header_list: 64 << 10,
            max_headers: 128,
            keepalive_interval: Some(Duration::from_secs(10)),
            keepalive_timeout: Duration::from_secs(5),
            max_pending: 1024,
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
        }
    }
}
