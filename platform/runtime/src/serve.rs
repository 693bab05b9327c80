//! Listeners and connections: one mTLS listener for HTTP/1.1 and HTTP/2, with a limit on everything, and the client's
//! end of the same.
//!
//! It decides nothing about a request; it says who sent it ([`PeerIdentity`]) and from where ([`PeerAddress`]).
//! Start with [`serve_mtls`]; what happens on one connection is in `connection.rs`.

mod connection;
mod error;
mod guarded;
mod handshake;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::{Body, Incoming};
use platform_model::Role;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service;

pub use error::ServeError;
pub use guarded::{Guarded, connect_guarded};
pub use handshake::{CONNECT_TIMEOUT, accept_mtls, connect_mtls};

use crate::tasks::TaskGroup;
use crate::tls::{Identity, PeerIdentity, Revocations};

/// Any error of a service or body.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Pause after `accept` failed, which it does when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of a listener. Fields may be added: write `..Limits::default()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; one more is closed at once.
    pub connections: usize,
    /// Bytes of a request's headers together, as HTTP/2 counts them: with 32 more for each.
    pub header_bytes: u32,
    /// Headers of an HTTP/1.1 request.
    pub headers: usize,
    /// Streams at once on one HTTP/2 connection.
    pub h2_streams: u32,
    /// From the connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the handshake to the first request, and from a request's first byte to the end of its headers.
    pub header_read: Duration,
    /// A connection without requests for this long (twice as long at most) is closed in order.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            // A router lets apps send 32 KiB and adds headers of its own.
            header_bytes: 64 * 1_024,
            headers: 100,
            // Peers are processes of ours: one router may have this many requests under way with a cell.
            h2_streams: 1_024,
            handshake: Duration::from_secs(5),
            header_read: Duration::from_secs(15),
            idle: Duration::from_secs(300),
        }
    }
}

/// Where a request came from; stands in its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// A body that can be sent. Every `http_body::Body` that may change threads is one.
pub trait HttpBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static {}

impl<B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static> HttpBody for B {}

/// What answers requests: an `axum::Router`, a `tower::service_fn`.
pub trait HttpService<B>:
    Service<Request<Incoming>, Response = http::Response<B>, Error: Into<BoxError>, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> HttpService<B> for S where
    S: Service<Request<Incoming>, Response = http::Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Binds a listener, such as `127.0.0.1:0`.
///
/// # Errors
/// [`ServeError::PortInUse`] names the command that shows who has it.
pub async fn bind(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| {
        let address = address.to_owned();
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { address, port },
            _ => ServeError::Bind { address, source },
        }
    })
}

/// Serves HTTP/1.1 and HTTP/2 over mTLS until the group ends; then lets running requests finish.
///
/// Each request carries [`PeerIdentity`] and [`PeerAddress`] in its extensions. A connection does not outlive the
/// certificate that its client showed, and is broken off when that is revoked.
pub fn serve_mtls<S: HttpService<B>, B: HttpBody>(
    listener: TcpListener,
    identity: Identity,
    limits: Limits,
    service: S,
    tasks: &TaskGroup,
) {
    serve_mtls_noting(listener, identity, limits, service, Arc::new(|_| {}), tasks);
}

/// As [`serve_mtls`]: what nodes ask is served by `nodes`, what all others ask by `others`, two handles of one group that
/// may run on two runtimes. Connections are accepted where nodes are served.
pub fn serve_mtls_apart<S: HttpService<B>, B: HttpBody>(
    listener: TcpListener,
    identity: Identity,
    limits: Limits,
    service: S,
    (nodes, others): (&TaskGroup, &TaskGroup),
) {
    let door = Door::Mutual(identity, Arc::new(|_| {}));
    nodes.spawn(
        "accept-mtls",
        accept_all(listener, door, limits, service, [nodes.clone(), others.clone()]),
    );
}

/// Told of every client that was not let in. Must not wait.
pub type NoteRefused = Arc<dyn Fn(&ServeError) + Send + Sync>;

/// As [`serve_mtls`], telling `note` of each failed handshake.
pub fn serve_mtls_noting<S: HttpService<B>, B: HttpBody>(
    listener: TcpListener,
    identity: Identity,
    limits: Limits,
    service: S,
    note: NoteRefused,
    tasks: &TaskGroup,
) {
    let door = Door::Mutual(identity, note);
    tasks.spawn(
        "accept-mtls",
        accept_all(listener, door, limits, service, [tasks.clone(), tasks.clone()]),
    );
}

/// Like [`serve_mtls`] for clients without a certificate, such as apps at the router's door: requests carry
/// [`PeerAddress`] only.
pub fn serve_tls<S: HttpService<B>, B: HttpBody>(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    limits: Limits,
    service: S,
    tasks: &TaskGroup,
) {
    let door = Door::Public(config);
    tasks.spawn(
        "accept-tls",
        accept_all(listener, door, limits, service, [tasks.clone(), tasks.clone()]),
    );
}

/// How a client gets in.
#[derive(Clone)]
enum Door {
    Mutual(Identity, NoteRefused),
    Public(Arc<ServerConfig>),
}

type Shaken = (tokio_rustls::server::TlsStream<TcpStream>, Option<PeerIdentity>);

impl Door {
    async fn open(&self, stream: TcpStream, within: Duration) -> Result<Shaken, ServeError> {
        match self {
            Self::Mutual(identity, _) => accept_mtls(stream, identity, within)
                .await
                .map(|(stream, peer)| (stream, Some(peer))),
            Self::Public(config) => handshake::handshake(stream, Arc::clone(config), within)
                .await
                .map(|stream| (stream, None)),
        }
    }

    fn revocations(&self) -> Option<Revocations> {
        match self {
            Self::Mutual(identity, _) => Some(identity.revocations().clone()),
            Self::Public(_) => None,
        }
    }

    fn note(&self, error: &ServeError) {
        note_refusal(error);
        if let Self::Mutual(_, note) = self {
            note(error);
        }
    }
}

async fn accept_all<S: HttpService<B>, B: HttpBody>(
    listener: TcpListener,
    door: Door,
    limits: Limits,
    service: S,
    [tasks, others]: [TaskGroup; 2],
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let token = tasks.token();
    while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics::counter!("serve_connections_refused_total").increment(1);
            continue;
        };
        let (door, service, groups) = (door.clone(), service.clone(), [tasks.clone(), others.clone()]);
        tasks.spawn("handshake", async move {
            match door.open(stream, limits.handshake).await {
                Ok((stream, peer)) => {
                    let is_node = peer
                        .as_ref()
                        .is_some_and(|PeerIdentity(id)| id.role() == Role::Node);
                    let met = connection::Met {
                        peer,
                        revocations: door.revocations(),
                    };
                    let group = groups[usize::from(!is_node)].clone();
                    groups[usize::from(!is_node)].spawn("connection", async move {
                        let _permit = permit;
                        connection::serve(stream, met, limits, service, &group).await;
                    });
                }
                Err(error) => door.note(&error),
            }
        });
    }
}

fn note_refusal(error: &ServeError) {
    let reason = match error {
        ServeError::Refused { source, .. } => source.reason(),
        ServeError::HandshakeTimeout { .. } => "timeout",
        _ => "broken",
    };
    metrics::counter!("tls_handshakes_refused_total", "reason" => reason).increment(1);
    tracing::debug!(error = error as &dyn Error, reason, "a handshake failed");
}

#[cfg(test)]
mod tests;
