//! HTTP on one connection of an app, with every limit set explicitly.
//!
//! An app that does not read, does not ask or does not go is let go of: nothing here waits for an app without a limit.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use platform_runtime::TaskGroup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Activity;
use crate::framing::head::HEADERS_MAX;
use crate::framing::{Guard, Refusals};
use crate::meters;
use crate::service::Door;
use crate::spawner::Spawner;

/// Room of hyper's buffer beyond one head.
const READ_AHEAD_BYTES: usize = 16 * 1024;
/// Streams that a client may open and reset before they are taken up, and that we reset for its errors, until its
/// connection is closed (rapid reset, CVE-2023-44487).
const RESETS_MAX: usize = 20;
/// HTTP/2 pings: a phone that does not answer in this time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Flow-control windows: what one app can make the router hold of its requests.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What one stream can make it hold of an answer.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// For a connection that we end: without anything under way for this long it is dropped, whatever its app says.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long an ended connection is read on, so that the client reads our last answer before it sees a reset.
const LINGER: Duration = Duration::from_secs(2);

/// Why a connection was cut, for metrics.
const UNREAD: &str = "unread";

/// Bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    pub header_bytes_max: usize,
    /// From the end of the last answer to the end of the next head (HTTP/1.1); to the first request (HTTP/2).
    pub header_timeout: Duration,
    /// Without any request (HTTP/2).
    pub idle_timeout: Duration,
    /// For an answer to be read.
    pub unread_timeout: Duration,
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
    let (refusals, activity) = (Refusals::default(), Activity::in_order());
    let guard = Guard::new(stream, limits.header_bytes_max, refusals.clone());
    let app = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let (door, app, refused) = (Arc::clone(&door), Arc::clone(&app), refusals.of_next());
        Box::pin(async move { Ok::<_, Infallible>(door.answer(request, refused, &app).await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(limits.header_bytes_max + READ_AHEAD_BYTES)
        .serve_connection(guard, service);
    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = activity.unread(limits.unread_timeout) => return meters::connection_cut(UNREAD),
        () = tasks.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
                () = activity.unread(limits.unread_timeout) => return meters::connection_cut(UNREAD),
            }
        }
    };
    note(ended);
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
    let activity = Activity::side_by_side();
    let app = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let (door, app, busy) = (Arc::clone(&door), Arc::clone(&app), app.begin());
        async move {
            let answer = door.answer(request, std::future::pending(), &app).await;
            drop(busy);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = builder(limits, tasks).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let end = tokio::select! {
        ended = connection.as_mut() => return note(ended),
        end = reason_to_end(&activity, limits, tasks) => end,
    };
    match end {
        End::Silent => return meters::connection_cut("silent"),
        End::Unread => return meters::connection_cut(UNREAD),
        End::Shutdown | End::Idle => connection.as_mut().graceful_shutdown(),
    }
    // An app that reads nothing more does not notice: what is under way is watched, and then it is over.
    tokio::select! {
        ended = connection => note(ended),
        () = activity.quiet(CLOSE_WITHIN) => meters::connection_cut("lingering"),
        () = activity.unread(limits.unread_timeout) => meters::connection_cut(UNREAD),
    }
}

fn builder(limits: ConnectionLimits, tasks: &TaskGroup) -> http2::Builder<Spawner> {
    // hyper answers past its own bound without a body; ours is checked with the other headers, below it.
    let header_list = u32::try_from(limits.header_bytes_max * 2).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(Spawner(tasks.clone()));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(header_list)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    builder
}

/// Why we end an HTTP/2 connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process ends.
    Shutdown,
    /// The app connected and asked nothing.
    Silent,
    /// The app has asked nothing for long.
    Idle,
    /// The app leaves a whole small answer unread.
    Unread,
}

async fn reason_to_end(activity: &Activity, limits: ConnectionLimits, tasks: &TaskGroup) -> End {
    let silent_or_idle = async {
        tokio::time::sleep(limits.header_timeout).await;
        if !activity.has_spoken() {
            return End::Silent;
        }
        activity.quiet(limits.idle_timeout).await;
        End::Idle
    };
    tokio::select! {
        () = tasks.cancelled() => End::Shutdown,
        () = activity.unread(limits.unread_timeout) => End::Unread,
        end = silent_or_idle => end,
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
