//! A client's connection that ends when its server is revoked: at the next byte in either direction.
//!
//! Nothing wakes it when it is idle: what is sent next fails, and nothing that comes later is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;

use super::{ServeError, connect_mtls};
use crate::clock::Clock;
use crate::tls::{Credentials, Expect, Identity, Refused, RevokedList, revoked_by};

/// A stream to a peer that was proved, and that is asked about again when the list of the revoked changes.
pub struct Guarded<S> {
    stream: S,
    peer: Credentials,
    revoked: watch::Receiver<Arc<RevokedList>>,
    refused: Option<Refused>,
    /// What the server said first, and how much of it was handed on.
    first: Vec<u8>,
    handed_on: usize,
}

/// Room for the first frame of an HTTP/2 server.
const FIRST_BYTES_MAX: usize = 256;
/// How long a server has to speak first.
const FIRST_WITHIN: Duration = Duration::from_millis(500);

/// As [`connect_mtls`], with an end when the peer is revoked, and with the server's word that it took our certificate:
/// under TLS 1.3 that is its first byte, which a server of HTTP/2 sends unasked. So nothing was sent if this fails.
///
/// # Errors
/// As [`connect_mtls`]; [`ServeError::Refused`] with [`Refused::ByPeer`] when it did not.
pub async fn connect_guarded(
    address: &str,
    identity: &Identity,
    expect: Expect,
) -> Result<Guarded<TlsStream<TcpStream>>, ServeError> {
    // Before the handshake, so that no change falls between it and the first look.
    let revoked = identity.revocations().subscribe();
    let mut stream = connect_mtls(address, identity.client_config(expect)).await?;
    let first = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => first_bytes(address, &mut stream).await?,
        _ => Vec::new(),
    };
    Ok(Guarded {
        peer: Credentials::of(stream.get_ref().1.peer_certificates()),
        stream,
        revoked,
        refused: None,
        first,
        handed_on: 0,
    })
}

async fn first_bytes(address: &str, stream: &mut TlsStream<TcpStream>) -> Result<Vec<u8>, ServeError> {
    let mut first = vec![0; FIRST_BYTES_MAX];
    match tokio::time::timeout(FIRST_WITHIN, stream.read(&mut first)).await {
        Ok(Ok(length)) => {
            first.truncate(length);
            Ok(first)
        }
        Ok(Err(error)) => Err(super::handshake::broken(address.to_owned(), error)),
        // One that waits for us is not wrong. What it thinks of our certificate is then found out later.
        Err(_) => Ok(Vec::new()),
    }
}

impl<S> Guarded<S> {
    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    fn check(&mut self) -> io::Result<()> {
        if self.refused.is_none() && self.revoked.has_changed().unwrap_or(false) {
            let list = Arc::clone(&self.revoked.borrow_and_update());
            self.refused = revoked_by(&list, &self.peer, Clock::system().unix_ms()).err();
        }
        match &self.refused {
            None => Ok(()),
            Some(refused) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, refused.clone())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.handed_on < self.first.len() {
            let length = buf.remaining().min(self.first.len() - self.handed_on);
            let end = self.handed_on + length;
            buf.put_slice(&self.first[self.handed_on..end]);
            self.handed_on = end;
            return Poll::Ready(self.check());
        }
        let filled = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        // After reading: what came once the peer was revoked is not handed on.
        if let Err(refused) = self.check() {
            buf.set_filled(filled);
            return Poll::Ready(Err(refused));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
