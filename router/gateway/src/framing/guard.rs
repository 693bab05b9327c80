//! The framer as a layer under hyper: reads from the socket, hands on what passed.
//!
//! A refused request must still be answered in its turn, after the answers to the good ones before it. In place of a
//! refused head the guard hands hyper a request of its own making; a refused body simply goes no further. Which
//! message was refused, and why, stands in [`Refusals`], which the service asks about each request. Nothing after
//! the refused bytes is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use platform_model::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

use super::framer::Framer;

/// Read from the socket at once.
const READ_BYTES: usize = 8 * 1024;
/// Stands for a refused head. Nothing in it is special: what counts is its number.
const STAND_IN: &[u8] = b"GET /refused HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// Which message of a connection was refused, if one was. Messages are numbered from 1, by the guard as their heads
/// pass and by the service as they come up: hyper keeps their order.
#[derive(Debug, Clone)]
pub struct Refusals {
    refused: watch::Sender<Option<(u64, Code)>>,
    served: Arc<AtomicU64>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            refused: watch::Sender::new(None),
            served: Arc::default(),
        }
    }
}

impl Refusals {
    /// The next message comes up: a future that ends with a code if it is, or will be, refused; else never.
    pub fn of_next(&self) -> impl Future<Output = Code> + Send + use<> {
        let number = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        let mut refused = self.refused.subscribe();
        async move {
            let mine = refused
                .wait_for(|refused| refused.is_some_and(|(at, _)| at == number))
                .await;
            match mine.map(|refused| *refused) {
                Ok(Some((_, code))) => code,
                // The guard is gone, and with it whatever could be refused.
                _ => std::future::pending().await,
            }
        }
    }

    fn is_set(&self) -> bool {
        self.refused.borrow().is_some()
    }
}

/// A connection whose incoming bytes are checked.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    framer: Framer,
    passed: Vec<u8>,
    delivered: usize,
    scratch: Box<[u8]>,
    refusals: Refusals,
}

impl<S> Guard<S> {
    pub fn new(inner: S, head_bytes_max: usize, refusals: Refusals) -> Self {
        let framer = Framer::new(head_bytes_max);
        let scratch = vec![0; READ_BYTES].into_boxed_slice();
        Self {
            inner,
            framer,
            passed: Vec::new(),
            delivered: 0,
            scratch,
            refusals,
        }
    }

    pub fn into_inner(self) -> S {
        self.inner
    }

    fn deliver(&mut self, buf: &mut ReadBufCursor<'_>) -> bool {
        let waiting = &self.passed[self.delivered..];
        let take = waiting.len().min(buf.remaining());
        buf.put_slice(&waiting[..take]);
        self.delivered += take;
        if self.delivered == self.passed.len() {
            self.passed.clear();
            self.delivered = 0;
        }
        take > 0
    }

    fn check(&mut self, length: usize) {
        let Err(code) = self.framer.push(&self.scratch[..length], &mut self.passed) else {
            return;
        };
        let mut number = self.framer.heads();
        if self.framer.in_head() {
            number += 1;
            self.passed.extend_from_slice(STAND_IN);
        }
        self.refusals.refused.send_replace(Some((number, code)));
    }
}

impl<S: AsyncRead + Unpin> Read for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.deliver(&mut buf) {
                return Poll::Ready(Ok(()));
            }
            if this.refusals.is_set() {
                // Nothing more is read: hyper writes the refusal, closes, and drops us.
                return Poll::Pending;
            }
            let mut read = ReadBuf::new(&mut this.scratch);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            match read.filled().len() {
                0 => return Poll::Ready(Ok(())),
                length => this.check(length),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}
