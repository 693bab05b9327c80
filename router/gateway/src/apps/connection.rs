//! HTTP on one connection of an app, with every limit set explicitly.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use platform_runtime::TaskGroup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::framing::head::HEADERS_MAX;
use crate::framing::{Guard, Refusals};
use crate::service::Door;
use crate::spawner::Spawner;

/// Room of hyper's buffer beyond one head.
const READ_AHEAD_BYTES: usize = 16 * 1024;
/// Streams that a client may open and reset before they are taken up, and that we reset for its errors, until its
/// connection is closed (rapid reset, CVE-2023-44487).
const RESETS_MAX: usize = 20;
/// HTTP/2 pings: a phone that does not answer in this time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Flow-control windows: what one app can make the router hold for it.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// How long an ended connection is read on, so that the client reads our last answer before it sees a reset.
const LINGER: Duration = Duration::from_secs(2);

/// Bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    pub header_bytes_max: usize,
    /// From the end of the last answer to the end of the next head (HTTP/1.1).
    pub header_timeout: Duration,
    /// Without any request (HTTP/2).
    pub idle_timeout: Duration,
    pub streams_max: u32,
    /// Read and thrown away at most, after the last answer.
    pub linger_bytes_max: u64,
}

/// HTTP/1.1 behind the framing guard.
pub async fn http1(
    stream: TlsStream<TcpStream>,
    limits: ConnectionLimits,
    door: Arc<Door>,
    tasks: &TaskGroup,
) {
    let refusals = Refusals::default();
    let guard = Guard::new(stream, limits.header_bytes_max, refusals.clone());
    let service = service_fn(move |request| {
        let (door, refused) = (Arc::clone(&door), refusals.of_next());
        Box::pin(async move { Ok::<_, Infallible>(door.answer(request, refused).await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(limits.header_bytes_max + READ_AHEAD_BYTES)
        .serve_connection(guard, service);
    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = tasks.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    linger(connection.into_parts().io.into_inner(), limits.linger_bytes_max).await;
}

/// Closes our side, then reads on until the client closes its own: closing with unread bytes would reset the
/// connection, and the client could lose the answer that tells it what was wrong.
async fn linger(mut stream: TlsStream<TcpStream>, bytes_max: u64) {
    let close = async {
        stream.shutdown().await?;
        let mut left = (&mut stream).take(bytes_max);
        tokio::io::copy(&mut left, &mut tokio::io::sink()).await
    };
    // How it ends changes nothing any more.
    let _ = tokio::time::timeout(LINGER, close).await;
}

/// HTTP/2.
pub async fn http2(
    stream: TlsStream<TcpStream>,
    limits: ConnectionLimits,
    door: Arc<Door>,
    tasks: &TaskGroup,
) {
    let activity = Arc::new(Activity::default());
    let seen = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let (door, busy) = (Arc::clone(&door), seen.begin());
        async move {
            let answer = door.answer(request, std::future::pending()).await;
            drop(busy);
            Ok::<_, Infallible>(answer)
        }
    });
    // hyper answers past its own bound without a body; ours is checked with the other headers, below it.
    let header_list = u32::try_from(limits.header_bytes_max * 2).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(Spawner(tasks.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(header_list)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tasks.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = activity.idle(limits.idle_timeout) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// How many requests a connection has had and has.
#[derive(Default)]
struct Activity {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Activity {
    fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Returns once nothing was asked for the whole of `time`.
    async fn idle(&self, time: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(time).await;
            let (begun, ended) = (
                self.begun.load(Ordering::Relaxed),
                self.ended.load(Ordering::Relaxed),
            );
            if begun == before && begun == ended {
                return;
            }
        }
    }
}
