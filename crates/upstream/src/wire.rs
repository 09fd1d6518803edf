//! The TCP side of a connection: how it is opened, and how many bytes went each way over HTTP/2.
//!
//! The count of bytes read is the sign of life by which silent connections are told.

use socket2::{SockRef, TcpKeepalive};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The kernel asks after an idle peer from here on: finds hosts that vanished, which no close announces.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Sent bytes must be acknowledged within this, or the connection is lost: a cut network is not waited for as long as
/// TCP would retransmit (RFC 5482).
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes read and written since the connection was opened.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) read: Cell<u64>,
    pub(crate) written: Cell<u64>,
}

/// A TCP stream that counts.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    traffic: Rc<Traffic>,
}

/// Opens a connection with Nagle's delay off, since every write of both protocols is a whole flush.
pub(crate) async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(stream)
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Wire, Rc<Traffic>) {
        let traffic = Rc::new(Traffic::default());
        (Wire { stream, traffic: traffic.clone() }, traffic)
    }

    fn wrote(&self, written: usize) -> usize {
        self.traffic.written.set(self.traffic.written.get() + written as u64);
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.traffic.read.set(self.traffic.read.get() + (buf.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        Poll::Ready(Ok(self.wrote(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        Poll::Ready(Ok(self.wrote(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
