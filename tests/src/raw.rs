//! Bytes to a socket as they are, bytes back as they come: for requests no client library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Most bytes kept of one answer: a server gone mad must not eat the test machine.
const MOST: usize = 64 << 20;

/// What came back, and how the connection stood at the end.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Every byte the server sent.
    pub bytes: Vec<u8>,
    /// Whether the server closed (or reset) rather than the wait running out.
    pub closed: bool,
}

impl Heard {
    /// The bytes as text, for messages and `contains`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The responses in it, to requests of which none was HEAD.
    pub fn responses(&self) -> Vec<crate::http1::Response> {
        crate::http1::parse_all(&self.bytes)
    }
}

/// Connects, bounded by five seconds, with `TCP_NODELAY`.
///
/// # Panics
/// When nobody listens.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))
        .unwrap_or_else(|error| panic!("{address} does not accept: {error}"));
    let _ = stream.set_nodelay(true);
    stream
}

/// Sends `bytes` on a new connection and reads until the server closes or `wait` is over.
pub fn send(address: SocketAddr, bytes: &[u8], wait: Duration) -> Heard {
    send_slowly(address, &[bytes], Duration::ZERO, wait)
}

/// Sends `pieces` with `pause` between two of them, then reads as [`send`] does.
pub fn send_slowly(address: SocketAddr, pieces: &[&[u8]], pause: Duration, wait: Duration) -> Heard {
    let mut stream = connect(address);
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(pause);
        }
        // The server may refuse and close before all is sent; what it said is still to be read.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    listen(&mut stream, wait)
}

/// Sends `bytes`, says that no more will come, and reads as [`send`] does.
pub fn send_and_finish(address: SocketAddr, bytes: &[u8], wait: Duration) -> Heard {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    listen(&mut stream, wait)
}

/// Reads until the server closes or `wait` is over.
pub fn listen(stream: &mut TcpStream, wait: Duration) -> Heard {
    let until = Instant::now() + wait;
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 16 << 10];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > MOST {
            return Heard { bytes, closed: false };
        }
        let _ = stream.set_read_timeout(Some(left));
        match stream.read(&mut chunk) {
            Ok(0) => return Heard { bytes, closed: true },
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Heard { bytes, closed: false },
            Err(_) => return Heard { bytes, closed: true },
        }
    }
}

/// Whether a read or write ended because its time was over; the system has two words for it.
pub fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
