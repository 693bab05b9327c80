//! The connections to one node: a few, HTTP/2 over mTLS, made when needed and made anew when lost.
//!
//! Connecting is done by one request at a time for each slot; the others of that slot wait for it within their
//! deadline. A request that was never put on a connection comes back whole. What a connection is stands in `slot.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use parking_lot::Mutex;
use platform_model::{Epoch, NodeId, PROBE_PATH, RegionId, header};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::serve::{ServeError, connect_guarded};
use platform_runtime::tls::{Expect, Identity};
use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::cell::Cell;
use super::response::AnswerBroken;
use super::slot::{self, Ready, Sender, Slot};
use crate::hold::held::Turn;
use crate::request::body::{FaultCell, RequestBody};

/// Held shards that ask one node at once whether it serves them: it may keep each of them waiting for a moment.
const PROBES_AT_ONCE: usize = 64;

/// What all pools share.
#[derive(Clone)]
pub struct PoolSettings {
    pub identity: Identity,
    pub clock: Clock,
    pub tasks: TaskGroup,
    pub connections_per_node: usize,
    pub in_flight_per_cell_max: usize,
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
    #[error("the table does not say in which region node {0} stands")]
    Nowhere(NodeId),
}

/// How a request goes to its node, and how far it came.
pub struct Way<'a> {
    /// Where the request's body says that its app broke it off, which is not the node's fault.
    pub fault: &'a FaultCell,
    /// Of a request that was held: it goes by the connection of its line.
    pub turn: Option<&'a mut Turn>,
    /// Set once it is on a connection: from then on it may have been executed.
    pub sent: &'a AtomicBool,
}

/// How a request failed once a node was chosen.
#[derive(Debug)]
pub enum SendError {
    /// Nothing was sent: the request comes back, body untouched.
    NotSent(Box<Request<RequestBody>>, Option<Unreachable>),
    /// It may have been executed.
    Broken(AnswerBroken),
}

/// One node's connections.
pub struct NodePool {
    pub node: NodeId,
    pub address: String,
    /// Where the table says that it stands: its certificate must say the same.
    pub region: Option<RegionId>,
    pub cell: Arc<Cell>,
    settings: PoolSettings,
    slots: Box<[Slot]>,
    next: AtomicUsize,
    breaker: Mutex<Breaker>,
    probes: Semaphore,
}

impl NodePool {
    pub fn new(
        node: NodeId,
        address: String,
        region: Option<RegionId>,
        cell: Arc<Cell>,
        settings: PoolSettings,
    ) -> Self {
        let slots = (0..settings.connections_per_node.max(1))
            .map(|_| Slot::default())
            .collect();
        Self {
            node,
            address,
            region,
            cell,
            settings,
            slots,
            next: AtomicUsize::new(0),
            breaker: Mutex::default(),
            probes: Semaphore::new(PROBES_AT_ONCE),
        }
    }

    /// Sends a request and waits for the head of the answer. Cancel-safe: the stream is reset.
    ///
    /// # Errors
    /// [`SendError`]; the breaker has been told.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
        way: Way<'_>,
    ) -> Result<Response<Incoming>, SendError> {
        if !self.admit() {
            let why = Unreachable::BreakerOpen(self.node.clone());
            return Err(SendError::NotSent(Box::new(request), Some(why)));
        }
        let lane = way.turn.as_ref().map(|turn| turn.lane());
        let mut sender = match self.sender(lane).await {
            Ok(sender) => sender,
            Err(why) => {
                self.failed();
                return Err(SendError::NotSent(Box::new(request), Some(why)));
            }
        };
        // It stands in the connection's queue before its future is first polled.
        let answer = sender.try_send_request(request);
        way.sent.store(true, Ordering::Relaxed);
        if let Some(turn) = way.turn {
            turn.sent();
        }
        match answer.await {
            Ok(response) => {
                self.succeeded();
                Ok(response)
            }
            Err(mut error) => match error.take_message() {
                // The connection went away before it took the request: that says nothing about the node yet.
                Some(request) => Err(SendError::NotSent(Box::new(request), None)),
                None => {
                    self.broke_off(way.fault);
                    Err(SendError::Broken(AnswerBroken::Broken(error.into_error())))
                }
            },
        }
    }

    /// Told of an exchange that broke off: the node's failure, unless the app broke off its body.
    pub fn broke_off(&self, fault: &FaultCell) {
        if fault.get().is_none() {
            self.failed();
        }
    }

    /// Asks the node's door about a shard. `None`: there was no answer. Cancel-safe.
    pub async fn probe(&self, shard: HeaderValue, epoch: Epoch) -> Option<Response<Incoming>> {
        let _turn = self.probes.acquire().await.ok()?;
        let mut request = Request::new(RequestBody::Kept(bytes::Bytes::new()));
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::builder()
            .scheme("https")
            .authority("node")
            .path_and_query(PROBE_PATH)
            .build()
            .expect("a constant");
        request.headers_mut().insert(header::SHARD, shard);
        request.headers_mut().insert(header::EPOCH, epoch.0.into());
        let way = Way {
            fault: &FaultCell::default(),
            turn: None,
            sent: &AtomicBool::new(false),
        };
        self.send(request, way).await.ok()
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

    async fn sender(&self, lane: Option<usize>) -> Result<Sender, Unreachable> {
        let clock = &self.settings.clock;
        let at = lane.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
        let slot = &self.slots[at % self.slots.len()];
        if let Some(sender) = slot.open(clock) {
            return Ok(sender);
        }
        let _connecting = slot.connecting.lock().await;
        if let Some(sender) = slot.open(clock) {
            return Ok(sender);
        }
        let connected = tokio::time::timeout(self.settings.connect_timeout, self.connect()).await;
        let ready = connected.map_err(|_| Unreachable::TooLate(self.node.clone()))??;
        Ok(slot.put(ready))
    }

    async fn connect(&self) -> Result<Ready, Unreachable> {
        let node = || self.node.clone();
        let region = self.region.clone().ok_or_else(|| Unreachable::Nowhere(node()))?;
        let expect = Expect::Node { node: node(), region };
        let stream = connect_guarded(&self.address, &self.settings.identity, expect).await;
        let stream = stream.map_err(|source| Unreachable::Connect { node: node(), source })?;
        slot::begin(stream, &self.node, &self.settings)
            .await
            .map_err(|source| Unreachable::Handshake { node: node(), source })
    }
}
