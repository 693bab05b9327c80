//! Calls from node to node: one connection per node, checked to be that very node, and what an answer means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::{NodeId, header};
use platform_runtime::telemetry::TraceContext;
use platform_runtime::tls::{Expect, Identity};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::channel::{self, describe, never_sent};
use crate::controllers::CallError;
use crate::frame;
use crate::refusal::Refusal;

/// How long one call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// Connections kept; past it the first in order is closed.
const CONNECTIONS_MAX: usize = 1_024;

/// Connections to other nodes. Clone: a shared handle.
#[derive(Clone)]
pub(crate) struct Nodes {
    identity: Identity,
    connections: Arc<Mutex<BTreeMap<NodeId, Connection>>>,
}

/// A connection and what it was made for: a node that comes to stand elsewhere is connected to anew.
struct Connection {
    address: String,
    expect: Expect,
    channel: Channel,
}

impl Nodes {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            connections: Arc::default(),
        }
    }

    /// # Errors
    /// Only for a text that is no address.
    pub(crate) fn channel(&self, node: &NodeId, address: &str, expect: Expect) -> Result<Channel, CallError> {
        let mut connections = self.connections.lock();
        if let Some(held) = connections.get(node)
            && (held.address.as_str(), &held.expect) == (address, &expect)
        {
            return Ok(held.channel.clone());
        }
        let channel = channel::connect(address, &self.identity, expect.clone())
            .map_err(|error| unreachable(address, error.to_string()))?;
        if connections.len() >= CONNECTIONS_MAX {
            connections.pop_first();
        }
        let connection = Connection {
            address: address.to_owned(),
            expect,
            channel: channel.clone(),
        };
        connections.insert(node.clone(), connection);
        Ok(channel)
    }
}

/// A call as a further step of the caller's trace: `traceparent` in its metadata. Where the caller works for none, the
/// callee begins one.
pub(crate) fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(current) = TraceContext::current() {
        let text = MetadataValue::try_from(current.child().to_header()).expect("hex digits and hyphens");
        let _ = request.metadata_mut().insert(header::TRACEPARENT, text);
    }
    request
}

/// Waits for an answer, and says what none means.
pub(crate) async fn answer<T>(
    address: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CallError> {
    answer_within(address, CALL_TIMEOUT, call).await
}

/// As [`answer`], for what takes longer.
pub(crate) async fn answer_within<T>(
    address: &str,
    within: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CallError> {
    let status = match tokio::time::timeout(within, call).await {
        Ok(Ok(response)) => return Ok(response.into_inner()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    Err(match Refusal::from_status(&status) {
        Some(refusal) => refusal.into(),
        None if never_sent(&status) => unreachable(address, describe(&status)),
        None => CallError::Unknown {
            address: address.to_owned(),
            cause: describe(&status),
        },
    })
}

/// # Errors
/// For an answer of another version.
pub(crate) fn understood(address: &str, version: u32) -> Result<(), CallError> {
    frame::check_version(version).map_err(|status| CallError::InvalidAnswer {
        address: address.to_owned(),
        cause: status.message().to_owned(),
    })
}

fn unreachable(address: &str, last: String) -> CallError {
    CallError::Unreachable {
        addresses: address.to_owned(),
        last,
    }
}
