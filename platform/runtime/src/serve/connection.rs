//! HTTP on one connection: which version, its limits, and the reasons for which it ends before its client ends it.
//!
//! Who the client is has been settled before; what it may ask is settled by the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::{HttpBody, HttpService, Limits, PeerAddress};
use crate::clock::Clock;
use crate::tasks::TaskGroup;
use crate::tls::{self, Credentials, PeerIdentity, Revocations};

/// Stream resets that a client may cause before its connection is closed (rapid reset, CVE-2023-44487). As many as it
/// may have streams: a router passes on the resets of all its apps, each of which has its own small bound at the door.
const RESETS_MAX: usize = 1_024;
/// HTTP/2 pings: a peer that does not answer in this time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// What running requests have left once the client's certificate has ended.
const CERTIFICATE_GRACE: Duration = Duration::from_secs(60);
/// What a connection has left on which nothing was ever asked.
const UNTOUCHED_GRACE: Duration = Duration::from_secs(1);

/// Whom a handshake met.
pub(super) struct Met {
    pub(super) peer: Option<PeerIdentity>,
    /// Who is no longer believed; none where clients show no certificate.
    pub(super) revocations: Option<Revocations>,
}

/// Speaks HTTP on one connection until it ends, or until there is a reason to end it.
pub(super) async fn serve<S: HttpService<B>, B: HttpBody>(
    stream: TlsStream<TcpStream>,
    met: Met,
    limits: Limits,
    service: S,
    tasks: &TaskGroup,
) {
    let address = stream.get_ref().0.peer_addr().ok().map(PeerAddress);
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let clock = Clock::system();
    let Met { peer, revocations } = met;
    let credentials = Credentials::of(stream.get_ref().1.peer_certificates());
    let certificate_left = tls::peer_certificate_left(stream.get_ref().1, &clock);
    let activity = Arc::new(Activity::default());
    let begun = Arc::clone(&activity);
    let with_peer = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        peer.clone().map(|peer| extensions.insert(peer));
        address.map(|address| extensions.insert(address));
        let running = begun.begin();
        let answer = service.clone().oneshot(request);
        async move {
            let answered = answer.await;
            drop(running);
            answered
        }
    });
    let watched = Watched {
        activity,
        limits,
        credentials,
        revocations,
        certificate_left,
        clock,
    };
    let builder = builder(limits, is_h2, tasks);
    let _open = Open::new();
    if is_h2 {
        // The other way waits for the client's first bytes, and a client of ours waits for the server's.
        let connection = builder.serve_connection(TokioIo::new(stream), with_peer);
        watched.drive(connection, tasks).await;
    } else {
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), with_peer);
        watched.drive(connection, tasks).await;
    }
}

/// What can end a connection before its client does.
struct Watched {
    activity: Arc<Activity>,
    limits: Limits,
    credentials: Credentials,
    revocations: Option<Revocations>,
    certificate_left: Option<Duration>,
    clock: Clock,
}

impl Watched {
    async fn drive<C: GracefulConnection<Error = super::BoxError>>(self, connection: C, tasks: &TaskGroup) {
        let certificate_ends = self.certificate_left.map(|left| self.clock.monotonic() + left);
        let mut connection = std::pin::pin!(connection);
        let end = tokio::select! {
            ended = connection.as_mut() => return note(ended),
            end = reason_to_end(&self.activity, self.limits, self.certificate_left, tasks) => end,
            () = revoked(self.revocations.as_ref(), &self.credentials, &self.clock) => End::Revoked,
        };
        tracing::debug!(?end, "ending a connection");
        if matches!(end, End::Silent | End::Revoked) {
            return;
        }
        connection.as_mut().graceful_shutdown();
        let left = match certificate_ends {
            // Perhaps not even its preface has come, without which HTTP/2 does not end in order.
            _ if self.activity.is_untouched() => Some(UNTOUCHED_GRACE),
            Some(ends) => Some(ends.saturating_sub(self.clock.monotonic()) + CERTIFICATE_GRACE),
            None => None,
        };
        match left {
            Some(left) => {
                let _ = tokio::time::timeout(left, connection).await;
            }
            None => note(connection.await),
        }
    }
}

fn note(ended: Result<(), super::BoxError>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Why we end a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process ends.
    Shutdown,
    /// The client's certificate has ended.
    Certificate,
    /// The client, or who vouches for it, is revoked: nothing of what runs is answered.
    Revoked,
    /// The client connected and asked nothing.
    Silent,
    /// The client has asked nothing for long.
    Idle,
}

async fn revoked(revocations: Option<&Revocations>, credentials: &Credentials, clock: &Clock) {
    match revocations {
        Some(revocations) => revocations.revoked(credentials, clock).await,
        None => std::future::pending().await,
    }
}

async fn reason_to_end(
    activity: &Activity,
    limits: Limits,
    certificate_left: Option<Duration>,
    tasks: &TaskGroup,
) -> End {
    let certificate_end = async {
        match certificate_left {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = tasks.cancelled() => End::Shutdown,
        () = certificate_end => End::Certificate,
        end = activity.idle(limits) => end,
    }
}

/// Requests of one connection: begun ever, and answered ever.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    answered: AtomicU64,
}

/// A request that has no answer yet.
struct Running(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    fn is_untouched(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }

    /// Returns when the connection has been without requests for too long. Answers whose bodies are still being
    /// sent do not count, but ending in order lets them finish.
    async fn idle(&self, limits: Limits) -> End {
        tokio::time::sleep(limits.header_read).await;
        if self.is_untouched() {
            return End::Silent;
        }
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(limits.idle).await;
            let begun = self.begun.load(Ordering::Relaxed);
            if begun == before && begun == self.answered.load(Ordering::Relaxed) {
                return End::Idle;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts open connections.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!("serve_connections").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("serve_connections").decrement(1.0);
    }
}

fn builder(limits: Limits, is_h2: bool, tasks: &TaskGroup) -> Builder<InGroup> {
    let mut builder = Builder::new(InGroup(tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8_192) as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    // TLS has settled which of the two it is, so no bytes are waited for to find out.
    if is_h2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

/// Runs the streams of HTTP/2 connections in the group.
#[derive(Clone)]
struct InGroup(TaskGroup);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InGroup {
    fn execute(&self, f: F) {
        self.0.spawn_tracked("h2-stream", f);
    }
}
