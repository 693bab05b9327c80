//! The called side: checks who calls and for whom, hands the request to the library, and keeps the promise of a
//! lease across a restart ([`Quiet`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::Raft;
use openraft::raft::{AppendEntriesResponse, VoteRequest};
use platform_model::{Role, WorldId};
use platform_runtime::{Clock, PeerIdentity};
use platform_wire::raft::raft_server::{Raft as RaftRpc, RaftServer};
use platform_wire::raft::{RaftCall, RaftReply, RaftVerb, SnapshotChunk};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::MESSAGE_BYTES_MAX;
use super::copies::{Copies, OtherCopy};
use super::message::{Answered, Asked, SnapshotHead};
use super::receive::{ChunkError, Receiving};
use crate::apply::StateMachine;
use crate::machine::Machine;
use crate::types::{Snapshot, Types};

/// A follower's promise not to vote while the leader's lease runs is lost with its memory. A restarted controller
/// that has voted before therefore keeps silent for one lease.
#[derive(Debug, Clone)]
pub struct Quiet {
    clock: Clock,
    until: Duration,
}

impl Quiet {
    pub fn new(clock: Clock, lasting: Duration) -> Self {
        let until = clock.monotonic() + lasting;
        Self { clock, until }
    }

    /// How long it still lasts; zero when it is over.
    pub fn left(&self) -> Duration {
        self.until.saturating_sub(self.clock.monotonic())
    }
}

/// The service of one controller. Clones share it.
pub struct PeerService<M: Machine> {
    raft: Raft<Types, StateMachine<M>>,
    me: u64,
    world: WorldId,
    quiet: Quiet,
    copies: Arc<Copies>,
    refused: Arc<AtomicU64>,
    heard: Arc<Heard>,
    /// Held while a snapshot comes in: one at a time, because it is held in memory.
    receiving: Arc<Mutex<()>>,
}

/// When a leader was last heard whose term is not behind ours.
#[derive(Debug, Default)]
struct Heard(parking_lot::Mutex<Option<Duration>>);

impl<M: Machine> Clone for PeerService<M> {
    fn clone(&self) -> Self {
        Self {
            raft: self.raft.clone(),
            me: self.me,
            world: self.world.clone(),
            quiet: self.quiet.clone(),
            copies: Arc::clone(&self.copies),
            refused: Arc::clone(&self.refused),
            heard: Arc::clone(&self.heard),
            receiving: Arc::clone(&self.receiving),
        }
    }
}

impl<M: Machine> PeerService<M> {
    pub fn new(
        raft: Raft<Types, StateMachine<M>>,
        world: WorldId,
        quiet: Quiet,
        copies: Arc<Copies>,
    ) -> Self {
        let me = *raft.node_id();
        Self {
            raft,
            me,
            world,
            quiet,
            copies,
            refused: Arc::default(),
            heard: Arc::default(),
            receiving: Arc::default(),
        }
    }

    /// Calls that were refused for who called, or for whom.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether a leader was heard within this time.
    pub fn heard_within(&self, time: Duration) -> bool {
        let heard = *self.heard.0.lock();
        heard.is_some_and(|at| self.quiet.clock.monotonic().saturating_sub(at) <= time)
    }

    /// Routes to merge into the controller's mTLS listener, which puts the [`PeerIdentity`] into each request.
    pub fn into_routes(self) -> axum::Router {
        let server = RaftServer::new(self)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        tonic::service::Routes::new(server).into_axum_router()
    }

    /// Who may call, and whether the call is for us. First, before the payload is read.
    fn admit(&self, caller: &Extensions, call: &RaftCall) -> Result<(), Status> {
        let peer = caller.get::<PeerIdentity>();
        if peer.is_none_or(|peer| peer.0.role() != Role::Controller) {
            return Err(Status::permission_denied("only a controller speaks Raft"));
        }
        platform_wire::frame::check(call.version, &call.world, &self.world)?;
        if call.to == self.me {
            return Ok(());
        }
        let text = format!(
            "this is controller {}, the call is for controller {}",
            self.me, call.to
        );
        Err(Status::failed_precondition(text))
    }

    /// The body of a request that is for us, from the one that the caller has always been.
    fn open<T: DeserializeOwned>(&self, caller: &Extensions, call: &RaftCall) -> Result<T, Status> {
        let opened = self.admit(caller, call).and_then(|()| {
            let asked: Asked<T> = serde_json::from_slice(&call.payload).map_err(|_| malformed())?;
            if asked.to_copy.is_some_and(|copy| copy != self.copies.mine()) {
                return Err(other_copy(OtherCopy { node_id: self.me }));
            }
            self.copies.meet(call.from, asked.from_copy).map_err(other_copy)?;
            Ok(asked.body)
        });
        opened.inspect_err(|status| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("raft_calls_refused_total").increment(1);
            tracing::warn!(%status, from = call.from, "a call was refused");
        })
    }

    fn reply(&self, body: impl Serialize) -> Result<Response<RaftReply>, Status> {
        let answered = Answered {
            copy: self.copies.mine(),
            body,
        };
        let payload = serde_json::to_vec(&answered).map_err(|e| Status::internal(e.to_string()))?;
        Ok(Response::new(RaftReply {
            version: platform_wire::FRAME_VERSION,
            payload,
        }))
    }

    /// A vote of one's own while the promise of before the restart may still hold.
    fn check_quiet(&self, request: &VoteRequest<Types>) -> Result<(), Status> {
        let left = self.quiet.left();
        // A leader that hands over has given up its lease itself.
        if request.leadership_transfer || left.is_zero() {
            return Ok(());
        }
        Err(Status::unavailable(format!(
            "this controller has restarted: it votes again in {left:?}"
        )))
    }

    async fn answer(&self, caller: &Extensions, call: &RaftCall) -> Result<Response<RaftReply>, Status> {
        match call.verb() {
            RaftVerb::Append => {
                let request = self.open(caller, call)?;
                let answer = self.raft.append_entries(request).await.map_err(stopped)?;
                if !matches!(answer, AppendEntriesResponse::HigherVote(_)) {
                    *self.heard.0.lock() = Some(self.quiet.clock.monotonic());
                }
                self.reply(answer)
            }
            RaftVerb::Vote => {
                let request = self.open(caller, call)?;
                self.check_quiet(&request)?;
                self.reply(self.raft.vote(request).await.map_err(stopped)?)
            }
            RaftVerb::PreVote => {
                let request = self.open(caller, call)?;
                self.check_quiet(&request)?;
                self.reply(self.raft.pre_vote(request).await.map_err(stopped)?)
            }
            RaftVerb::TransferLeader => {
                let request = self.open(caller, call)?;
                self.reply(self.raft.handle_transfer_leader(request).await.map_err(stopped)?)
            }
            RaftVerb::Snapshot | RaftVerb::Unspecified => {
                Err(Status::invalid_argument("not a verb of this call"))
            }
        }
    }

    async fn receive(
        &self,
        request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<RaftReply>, Status> {
        let (_, caller, mut chunks) = request.into_parts();
        let first = chunks.message().await?.ok_or_else(malformed)?;
        let call = first.head.as_ref().ok_or_else(malformed)?;
        let SnapshotHead { vote, meta } = self.open(&caller, call)?;
        let _one = self.receiving.lock().await;
        let mut receiving = Receiving::begin(&first).map_err(refused)?;
        while let Some(chunk) = chunks.message().await? {
            receiving.take(&chunk.bytes).map_err(refused)?;
        }
        let snapshot = Snapshot {
            meta,
            snapshot: receiving.finish().map_err(refused)?,
        };
        self.reply(
            self.raft
                .install_full_snapshot(vote, snapshot)
                .await
                .map_err(stopped)?,
        )
    }
}

#[tonic::async_trait]
impl<M: Machine> RaftRpc for PeerService<M> {
    async fn call(&self, request: Request<RaftCall>) -> Result<Response<RaftReply>, Status> {
        self.answer(request.extensions(), request.get_ref()).await
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<RaftReply>, Status> {
        self.receive(request).await
    }
}

fn other_copy(error: OtherCopy) -> Status {
    Status::failed_precondition(error.to_string())
}

fn refused(error: ChunkError) -> Status {
    Status::aborted(error.to_string())
}

fn malformed() -> Status {
    Status::invalid_argument("a payload that this build does not read")
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(format!("this controller has stopped: {error}"))
}
