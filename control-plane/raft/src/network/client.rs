//! The calling side: one lazily made connection per peer and lane, so that neither a snapshot nor a long append
//! delays a heartbeat. Every call is bounded in time; an unreachable peer is left alone for the library's backoff.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, v2::RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend};
use parking_lot::Mutex;
use platform_model::WorldId;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::raft::raft_client::RaftClient;
use platform_wire::raft::{RaftCall, RaftReply, RaftVerb, SnapshotChunk};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use xxhash_rust::xxh3::xxh3_64;

use super::MESSAGE_BYTES_MAX;
use super::copies::Copies;
use super::message::{Answered, Asked, CHUNK_BYTES, SnapshotHead, name};
use crate::config::RaftConfig;
use crate::types::{Snapshot, Types, Vote};

type CallError = RPCError<Types>;

/// Makes clients of peers. Clones share the connections.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

struct Shared {
    me: u64,
    world: WorldId,
    identity: Identity,
    /// Addresses that win over those in the membership.
    peers: BTreeMap<u64, String>,
    /// An append may wait for the peer's disk for this long.
    append_min: Duration,
    copies: Arc<Copies>,
    channels: Mutex<BTreeMap<(u64, Lane), (String, Channel)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Log,
    Heartbeat,
    Snapshot,
}

/// One peer on one lane.
pub struct PeerClient {
    shared: Arc<Shared>,
    target: u64,
    address: String,
    lane: Lane,
}

impl Network {
    pub fn new(config: &RaftConfig, identity: Identity, copies: Arc<Copies>) -> Self {
        let shared = Shared {
            me: config.node_id,
            world: config.world.clone(),
            identity,
            peers: config.peers.clone(),
            append_min: config.timeouts.election_min,
            copies,
            channels: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn client(&self, target: u64, node: &BasicNode, lane: Lane) -> PeerClient {
        let address = self.shared.peers.get(&target).unwrap_or(&node.addr).clone();
        PeerClient {
            shared: Arc::clone(&self.shared),
            target,
            address,
            lane,
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("me", &self.shared.me)
            .finish_non_exhaustive()
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> PeerClient {
        self.client(target, node, Lane::Log)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &BasicNode) -> PeerClient {
        self.client(target, node, Lane::Heartbeat)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &BasicNode) -> PeerClient {
        self.client(target, node, Lane::Snapshot)
    }
}

impl Shared {
    /// The connection of a lane; made anew when the peer has another address.
    fn channel(&self, target: u64, address: &str, lane: Lane) -> Result<Channel, CallError> {
        let mut channels = self.channels.lock();
        if let Some((held, channel)) = channels.get(&(target, lane))
            && held == address
        {
            return Ok(channel.clone());
        }
        let channel = platform_wire::channel::connect(address, &self.identity, Expect::Controller)
            .map_err(|e| RPCError::Unreachable(Unreachable::new(&e)))?;
        channels.insert((target, lane), (address.to_owned(), channel.clone()));
        Ok(channel)
    }
}

impl PeerClient {
    fn client(&self) -> Result<RaftClient<Channel>, CallError> {
        let channel = self.shared.channel(self.target, &self.address, self.lane)?;
        let client = RaftClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(client.max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    fn frame(&self, verb: RaftVerb, request: &impl Serialize) -> Result<RaftCall, CallError> {
        let copies = &self.shared.copies;
        let asked = Asked {
            from_copy: copies.mine(),
            to_copy: copies.of(self.target),
            body: request,
        };
        let payload = serde_json::to_vec(&asked).map_err(|e| RPCError::Network(NetworkError::new(&e)))?;
        Ok(RaftCall {
            version: platform_wire::FRAME_VERSION,
            world: self.shared.world.as_str().to_owned(),
            from: self.shared.me,
            to: self.target,
            verb: verb.into(),
            payload,
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        verb: RaftVerb,
        request: &impl Serialize,
        within: Duration,
    ) -> Result<T, CallError> {
        let (mut client, frame) = (self.client()?, self.frame(verb, request)?);
        self.bounded(verb, within, client.call(frame)).await
    }

    /// The whole state in chunks, on a stream that the peer's disk holds back.
    async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
        within: Duration,
    ) -> Result<SnapshotResponse<Types>, CallError> {
        let state = snapshot.snapshot;
        let mut first = SnapshotChunk {
            head: Some(self.frame(
                RaftVerb::Snapshot,
                &SnapshotHead {
                    vote,
                    meta: snapshot.meta,
                },
            )?),
            total_bytes: state.len() as u64,
            checksum_xxh3: xxh3_64(&state),
            ..SnapshotChunk::default()
        };
        first.bytes = state.slice(..state.len().min(CHUNK_BYTES)).into();
        let later = (CHUNK_BYTES..state.len())
            .step_by(CHUNK_BYTES)
            .map(move |start| SnapshotChunk {
                bytes: state.slice(start..state.len().min(start + CHUNK_BYTES)).into(),
                ..SnapshotChunk::default()
            });
        let chunks = futures::stream::iter(std::iter::once(first).chain(later));
        let mut client = self.client()?;
        self.bounded(RaftVerb::Snapshot, within, client.snapshot(chunks))
            .await
    }

    async fn bounded<T: DeserializeOwned>(
        &self,
        verb: RaftVerb,
        within: Duration,
        call: impl Future<Output = Result<Response<RaftReply>, Status>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout(within, call).await {
            Ok(Ok(reply)) => self.read(&reply.into_inner()),
            Ok(Err(status)) => Err(self.failed(verb, &status)),
            Err(_) => Err(self.timed_out(verb, within)),
        }
    }

    fn read<T: DeserializeOwned>(&self, reply: &RaftReply) -> Result<T, CallError> {
        let readable = reply.version == platform_wire::FRAME_VERSION;
        let answered = readable
            .then(|| serde_json::from_slice(&reply.payload).ok())
            .flatten();
        let answered: Answered<T> = answered.ok_or_else(|| {
            let what = format!(
                "controller {} answered with a frame that is not read here",
                self.target
            );
            RPCError::Unreachable(Unreachable::from_string(what))
        })?;
        let met = self.shared.copies.meet(self.target, answered.copy);
        met.map_err(|e| RPCError::Unreachable(Unreachable::new(&e)))?;
        Ok(answered.body)
    }

    fn failed(&self, verb: RaftVerb, status: &Status) -> CallError {
        tracing::debug!(peer = self.target, verb = name(verb), %status, "a call to a peer failed");
        metrics::counter!("raft_peer_errors_total", "verb" => name(verb)).increment(1);
        let text = format!(
            "{} to controller {} at {}: {status}",
            name(verb),
            self.target,
            self.address
        );
        match status.code() {
            // Worth another try at once: the connection stood and broke.
            Code::Cancelled | Code::Aborted => RPCError::Network(NetworkError::from_string(text)),
            _ => RPCError::Unreachable(Unreachable::from_string(text)),
        }
    }

    fn timed_out(&self, verb: RaftVerb, timeout: Duration) -> CallError {
        metrics::counter!("raft_peer_errors_total", "verb" => name(verb)).increment(1);
        let action = match verb {
            RaftVerb::Unspecified | RaftVerb::Append => RPCTypes::AppendEntries,
            RaftVerb::Vote | RaftVerb::PreVote => RPCTypes::Vote,
            RaftVerb::TransferLeader => RPCTypes::TransferLeader,
            RaftVerb::Snapshot => RPCTypes::InstallSnapshot,
        };
        RPCError::Timeout(Timeout {
            action,
            id: self.shared.me,
            target: self.target,
            timeout,
        })
    }
}

impl RaftNetworkV2<Types> for PeerClient {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, CallError> {
        let within = match self.lane {
            Lane::Heartbeat => option.soft_ttl(),
            Lane::Log | Lane::Snapshot => option.soft_ttl().max(self.shared.append_min),
        };
        self.call(RaftVerb::Append, &request, within).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, CallError> {
        self.call(RaftVerb::Vote, &request, option.soft_ttl()).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, CallError> {
        self.call(RaftVerb::PreVote, &request, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let within = option.soft_ttl();
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(vote, snapshot, within) => sent.map_err(StreamingError::from),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, CallError> {
        self.call(RaftVerb::TransferLeader, &request, option.soft_ttl())
            .await
    }
}
