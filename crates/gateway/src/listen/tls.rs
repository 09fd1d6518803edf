//! TLS on the public door: rustls, certificates read again when their files change.

use arc_swap::ArcSwap;
use bytes::{Buf, BytesMut};
use rustls::ServerConfig;
use rustls_pemfile::{certs, private_key};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tenet_release::node::TlsFiles;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate and its key, as they are now.
pub struct Certificates {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    read_at: Mutex<Option<(SystemTime, SystemTime)>>,
}

/// Why a certificate cannot be used. One sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct CertificateError {
    path: PathBuf,
    message: String,
}

impl Certificates {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// Names the file that is missing, is no PEM, holds none, or does not fit the other.
    pub fn load(files: TlsFiles) -> Result<Certificates, CertificateError> {
        let config = read(&files)?;
        let read_at = changed_at(&files);
        Ok(Certificates { files, config: ArcSwap::from_pointee(config), read_at: Mutex::new(read_at) })
    }

    /// Reads the files again when they have changed; whether they had. New connections get the new certificate, open ones
    /// keep theirs.
    ///
    /// # Errors
    /// As [`Certificates::load`]; the certificate in use stays.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let now = changed_at(&self.files);
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *read_at == now {
            return Ok(false);
        }
        // Tried once for each change, so that a broken file is reported once.
        *read_at = now;
        self.config.store(Arc::new(read(&self.files)?));
        Ok(true)
    }
}

fn changed_at(files: &TlsFiles) -> Option<(SystemTime, SystemTime)> {
    let of = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    Some((of(&files.cert)?, of(&files.key)?))
}

fn read(files: &TlsFiles) -> Result<ServerConfig, CertificateError> {
    let at = |path: &Path, message: String| CertificateError { path: path.to_owned(), message };
    let open =
        |path: &Path| File::open(path).map(BufReader::new).map_err(|error| at(path, error.to_string()));
    let chain = certs(&mut open(&files.cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| at(&files.cert, format!("not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(at(&files.cert, "found no CERTIFICATE block".into()));
    }
    let key = private_key(&mut open(&files.key)?)
        .map_err(|error| at(&files.key, format!("not PEM: {error}")))?
        .ok_or_else(|| at(&files.key, "found no PRIVATE KEY block".into()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| at(&files.cert, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| at(&files.key, format!("does not fit the certificate: {error}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Shakes hands; `prefix` holds bytes that were read past a PROXY header.
///
/// # Errors
/// What went wrong, for the log.
pub async fn accept(
    certificates: &Certificates,
    stream: TcpStream,
    prefix: BytesMut,
    within: Duration,
) -> io::Result<TlsStream<Ahead>> {
    let acceptor = TlsAcceptor::from(certificates.config.load_full());
    let handshake = acceptor.accept(Ahead { prefix, stream });
    tokio::time::timeout(within, handshake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A TCP stream of which some bytes were read ahead.
pub struct Ahead {
    prefix: BytesMut,
    stream: TcpStream,
}

impl AsyncRead for Ahead {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.prefix.has_remaining() {
            let step = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix.split_to(step));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Ahead {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
