//! Why a check failed, each kind told apart: who looks at an event shall know where to look next.

use std::fmt;
use std::io;
use std::time::Duration;

/// A failed check.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody listens there.
    Refused,
    /// The network says that the address cannot be reached, or this process has no socket left.
    Unreachable(io::Error),
    /// No answer to the TCP handshake: the host is away, or packets are lost on the way.
    ConnectTimeout(Duration),
    /// A connection that was open and silent: a process that hangs or was stopped, or a half-open connection.
    Silent(Duration),
    /// The connection was reset before the answer was complete.
    Reset,
    /// The connection was closed before the answer was complete.
    Closed,
    /// HTTP/2: the instance says that it takes no more on a connection that was just opened.
    GoAway(String),
    /// It answered, and not what a healthy instance answers.
    BadAnswer(String),
    /// It says itself that it does not serve.
    NotServing,
}

impl Fault {
    /// What a failed connect means.
    pub(super) fn of_connect(error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Fault::Refused,
            io::ErrorKind::ConnectionReset => Fault::Reset,
            _ => Fault::Unreachable(error),
        }
    }

    /// What an error on an open connection means.
    pub(super) fn of_io(error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Fault::Reset,
            _ => Fault::Closed,
        }
    }

    /// What an error on an HTTP/2 connection means.
    pub(super) fn of_h2(error: &::h2::Error) -> Fault {
        let reason = || error.reason().map_or_else(|| error.to_string(), |reason| reason.to_string());
        if let Some(error) = error.get_io() {
            return Fault::of_io(error);
        }
        if error.is_go_away() && error.is_remote() {
            return Fault::GoAway(reason());
        }
        if error.is_reset() && error.is_remote() {
            return Fault::BadAnswer(format!("the stream was reset: {}", reason()));
        }
        Fault::BadAnswer(format!("not understood as HTTP/2: {error}"))
    }

    /// Whether it may be the connection's fault alone, which an instance may end whenever it is idle.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Fault::Reset | Fault::Closed | Fault::GoAway(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Refused => f.write_str("connection refused"),
            Fault::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Fault::ConnectTimeout(limit) => write!(f, "no connection within {limit:?}"),
            Fault::Silent(limit) => write!(f, "connected but silent for {limit:?}"),
            Fault::Reset => f.write_str("connection reset before an answer"),
            Fault::Closed => f.write_str("connection closed before an answer"),
            Fault::GoAway(reason) => write!(f, "GOAWAY on a new connection: {reason}"),
            Fault::BadAnswer(what) => write!(f, "bad answer: {what}"),
            Fault::NotServing => f.write_str("it says NOT_SERVING"),
        }
    }
}
