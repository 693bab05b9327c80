//! The connections to one node: a few, HTTP/2 over mTLS, made when needed and made anew when lost.
//!
//! Connecting is done by one request at a time for each slot; the others of that slot wait for it within their
//! deadline. A request that was never put on a connection comes back whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use platform_model::NodeId;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::serve::{ServeError, connect_mtls};
use platform_runtime::tls::{Expect, Identity};

use super::breaker::Breaker;
use super::cell::Cell;
use crate::request::body::RequestBody;
use crate::spawner::Spawner;

/// HTTP/2 pings on connections to nodes: a node that does not answer one in this time is gone.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Flow-control windows: what one slow app can make the router hold for it, and for all on a connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes of request bodies waiting to be written, for one connection's stream.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// What all pools share.
#[derive(Clone)]
pub struct PoolSettings {
    pub identity: Identity,
    pub clock: Clock,
    pub tasks: TaskGroup,
    pub connections_per_node: usize,
    pub connect_timeout: Duration,
}

/// Why a request could not be put on a connection.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    #[error("node {0} failed several times in a row and is left alone for a moment")]
    BreakerOpen(NodeId),
    #[error("node {node} cannot be connected to")]
    Connect {
        node: NodeId,
        #[source]
        source: ServeError,
    },
    #[error("node {node} does not speak HTTP/2")]
    Handshake {
        node: NodeId,
        #[source]
        source: hyper::Error,
    },
    #[error("node {0} could not be connected to in time")]
    TooLate(NodeId),
}

/// How a request failed once a node was chosen.
#[derive(Debug)]
pub enum SendError {
    /// Nothing was sent: the request comes back, body untouched.
    NotSent(Box<Request<RequestBody>>, Option<Unreachable>),
    /// It may have been executed.
    Broken(hyper::Error),
}

type Sender = SendRequest<RequestBody>;

/// One node's connections.
pub struct NodePool {
    pub node: NodeId,
    pub address: String,
    pub cell: Arc<Cell>,
    settings: PoolSettings,
    slots: Box<[Slot]>,
    next: AtomicUsize,
    breaker: Mutex<Breaker>,
}

#[derive(Default)]
struct Slot {
    ready: Mutex<Option<Sender>>,
    connecting: tokio::sync::Mutex<()>,
}

impl NodePool {
    pub fn new(node: NodeId, address: String, cell: Arc<Cell>, settings: PoolSettings) -> Self {
        let slots = (0..settings.connections_per_node.max(1))
            .map(|_| Slot::default())
            .collect();
        Self {
            node,
            address,
            cell,
            settings,
            slots,
            next: AtomicUsize::new(0),
            breaker: Mutex::default(),
        }
    }

    /// Sends a request and waits for the head of the answer. Cancel-safe: the stream is reset.
    ///
    /// # Errors
    /// [`SendError`]; the breaker has been told.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendError> {
        if !self.admit() {
            let why = Unreachable::BreakerOpen(self.node.clone());
            return Err(SendError::NotSent(Box::new(request), Some(why)));
        }
        let mut sender = match self.sender().await {
            Ok(sender) => sender,
            Err(why) => {
                self.failed();
                return Err(SendError::NotSent(Box::new(request), Some(why)));
            }
        };
        match sender.try_send_request(request).await {
            Ok(response) => {
                self.succeeded();
                Ok(response)
            }
            Err(mut error) => match error.take_message() {
                // The connection went away before it took the request: that says nothing about the node yet.
                Some(request) => Err(SendError::NotSent(Box::new(request), None)),
                None => {
                    let error = error.into_error();
                    // A body that the app broke off is not the node's fault.
                    if !error.is_user() {
                        self.failed();
                    }
                    Err(SendError::Broken(error))
                }
            },
        }
    }

    fn admit(&self) -> bool {
        let mut breaker = self.breaker.lock();
        let (next, admitted) = breaker.admit(self.settings.clock.monotonic());
        *breaker = next;
        admitted
    }

    fn succeeded(&self) {
        let mut breaker = self.breaker.lock();
        *breaker = breaker.succeeded();
    }

    /// Told of every failure that says the node is not there, also of a deadline that passed.
    pub fn failed(&self) {
        let mut breaker = self.breaker.lock();
        let next = breaker.failed(self.settings.clock.monotonic());
        if breaker.is_closed() && !next.is_closed() {
            self.cell.meters.breaker_opened.increment(1);
            tracing::warn!(node = %self.node, "the node fails: its breaker opens");
        }
        *breaker = next;
    }

    async fn sender(&self) -> Result<Sender, Unreachable> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        if let Some(sender) = slot.open() {
            return Ok(sender);
        }
        let _connecting = slot.connecting.lock().await;
        if let Some(sender) = slot.open() {
            return Ok(sender);
        }
        let connected = tokio::time::timeout(self.settings.connect_timeout, self.connect()).await;
        let sender = connected.map_err(|_| Unreachable::TooLate(self.node.clone()))??;
        *slot.ready.lock() = Some(sender.clone());
        Ok(sender)
    }

    async fn connect(&self) -> Result<Sender, Unreachable> {
        let tls = self
            .settings
            .identity
            .client_config(Expect::Node(self.node.clone()));
        let stream = connect_mtls(&self.address, tls)
            .await
            .map_err(|source| Unreachable::Connect {
                node: self.node.clone(),
                source,
            })?;
        let (sender, connection) = http2::Builder::new(Spawner(self.settings.tasks.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|source| Unreachable::Handshake {
                node: self.node.clone(),
                source,
            })?;
        let (node, token) = (self.node.clone(), self.settings.tasks.token());
        self.settings.tasks.spawn("node-connection", async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%node, %error, "a connection to a node ended");
                },
                () = token.cancelled() => {}
            }
        });
        Ok(sender)
    }
}

impl Slot {
    fn open(&self) -> Option<Sender> {
        self.ready
            .lock()
            .as_ref()
            .filter(|sender| !sender.is_closed())
            .cloned()
    }
}
