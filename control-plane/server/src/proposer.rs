//! Hands commands to Raft, here or at the controller that leads. One hop at most: the leader never forwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::{ProposeError, RaftNode};
use control_plane_state::{Author, Command, Envelope, Outcome, State};
use parking_lot::Mutex;
use platform_model::Generation;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::channel::{self, describe, never_sent};
use platform_wire::pb::admin_client::AdminClient;
use platform_wire::pb::forward_client::ForwardClient;
use platform_wire::pb::operations_client::OperationsClient;
use platform_wire::pb::trust_client::TrustClient;
use platform_wire::{FRAME_VERSION, MESSAGE_BYTES_MAX, Refusal, RefusalCode, pb};
use tonic::Status;
use tonic::transport::Channel;

use crate::refuse;
use crate::wall_clock::WallClock;

/// How long the leader has to answer a forwarded call; longer than Raft's own limit for a proposal.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(7);

/// A clock that is told later says nothing.
const CLOCK_TIMEOUT: Duration = Duration::from_millis(400);

/// Clone: a shared handle.
#[derive(Clone)]
pub struct Proposer {
    shared: Arc<Shared>,
}

struct Shared {
    raft: RaftNode,
    identity: Identity,
    clock: Clock,
    id: u64,
    /// Configured addresses; they win over those that Raft remembers.
    peers: BTreeMap<u64, String>,
    /// Whether this controller may stamp what is decided.
    wall_clock: WallClock,
    /// One channel for each address; addresses come from `peers` and the members only.
    channels: Mutex<BTreeMap<String, Channel>>,
}

/// A command came into effect, or had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// 0: it was so already.
    pub sequence: u64,
    pub generation: Generation,
}

impl Proposer {
    pub fn new(
        raft: RaftNode,
        identity: Identity,
        clock: Clock,
        id: u64,
        peers: BTreeMap<u64, String>,
    ) -> Self {
        let channels = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                raft,
                identity,
                clock,
                id,
                peers,
                wall_clock: WallClock::default(),
                channels,
            }),
        }
    }

    /// Commits a command, wherever the leader is.
    ///
    /// # Errors
    /// The rule that refuses it, or why it has no outcome; `outcome-unknown` alone leaves open whether it came into
    /// effect.
    pub async fn propose(&self, author: Author, reason: String, command: Command) -> Result<Done, Refusal> {
        let name = command.name();
        let envelope = Envelope::new(author, self.shared.clock.unix_ms(), reason, command);
        self.clock_is_right()?;
        let outcome = match self.shared.raft.propose(envelope.clone()).await {
            Ok(outcome) => Ok(outcome),
            Err(ProposeError::NotLeader { .. }) => self.forward(&envelope).await,
            Err(error) => Err(refuse::proposal(&error)),
        };
        let done = outcome.and_then(done);
        let code = done.as_ref().err().map_or("ok", |refusal| refusal.code.as_str());
        metrics::counter!("controld_commands_total", "command" => name, "outcome" => code).increment(1);
        done
    }

    /// Commits a command that another controller forwards. Stamped with this clock: the leader's counts.
    ///
    /// # Errors
    /// `not-leader`, if leadership has moved on; else as [`Self::propose`].
    pub async fn propose_here(&self, mut envelope: Envelope) -> Result<Outcome, Refusal> {
        self.clock_is_right()?;
        envelope.time_ms = self.shared.clock.unix_ms();
        self.shared
            .raft
            .propose(envelope)
            .await
            .map_err(|error| refuse::proposal(&error))
    }

    /// What is known of this controller's clock.
    pub fn wall_clock(&self) -> WallClock {
        self.shared.wall_clock.clone()
    }

    fn clock_is_right(&self) -> Result<(), Refusal> {
        self.shared.wall_clock.check(&self.shared.clock).map_err(|wrong| {
            Refusal::new(RefusalCode::Unavailable, wrong.to_string())
                .hint("set the machine's clock right; others lead meanwhile")
        })
    }

    /// What the state here would answer to a command, of which nobody is told: it is applied to a copy.
    ///
    /// # Errors
    /// The rule that would refuse it; `not-leader` where another controller knows better.
    pub async fn judge(&self, author: Author, reason: String, command: Command) -> Result<Done, Refusal> {
        if !self.shared.raft.is_leader() {
            let Some(leader) = self.leader_address() else {
                return Err(refuse::no_leader());
            };
            let refusal = Refusal::new(RefusalCode::NotLeader, "the leader judges commands");
            return Err(refusal.leader(Some(leader)));
        }
        let envelope = Envelope::new(author, self.shared.clock.unix_ms(), reason, command);
        let state = Arc::clone(&self.shared.raft.state().borrow());
        // To copy a state takes time in its size: not on a thread that serves.
        let judged = tokio::task::spawn_blocking(move || {
            let mut copy = State::clone(&state);
            control_plane_state::apply(&mut copy, &envelope).outcome
        });
        let outcome = judged
            .await
            .map_err(|e| Refusal::new(RefusalCode::Internal, e.to_string()))?;
        match outcome {
            // No entry stands for it that a hint could name.
            Outcome::Refused { refusal, .. } => Err(refuse::rule(&refusal)),
            outcome => done(outcome),
        }
    }

    async fn forward(&self, envelope: &Envelope) -> Result<Outcome, Refusal> {
        let (address, channel) = self.leader().await?;
        let bytes =
            serde_json::to_vec(envelope).map_err(|e| Refusal::new(RefusalCode::Internal, e.to_string()))?;
        let request = pb::ProposeRequest {
            version: FRAME_VERSION,
            world: self.world(),
            envelope: bytes,
        };
        let mut client = ForwardClient::new(channel);
        let reply = within(&address, client.propose(request)).await?;
        serde_json::from_slice(&reply.outcome).map_err(|e| refuse::outcome_unknown(e.to_string()))
    }

    /// Hands a node's report to the leader; this controller does not lead.
    ///
    /// # Errors
    /// When no leader takes it.
    pub async fn forward_heartbeat(&self, beat: pb::HeartbeatRequest) -> Result<(), Refusal> {
        let (address, channel) = self.leader().await?;
        within(&address, ForwardClient::new(channel).heartbeat(beat))
            .await
            .map(|_| ())
    }

    /// Hands what a node tells of its copies to the leader; this controller does not lead.
    ///
    /// # Errors
    /// When no leader takes it.
    pub async fn forward_replicas(&self, report: pb::ReplicasRequest) -> Result<pb::ReplicasReply, Refusal> {
        let (address, channel) = self.leader().await?;
        let mut client = ForwardClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        within(&address, client.replicas(report)).await
    }

    /// The status as the controller at `address` (the leader, or any peer) tells it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status_of(&self, address: &str) -> Result<pb::StatusReply, Refusal> {
        let request = pb::StatusRequest {
            version: FRAME_VERSION,
            world: self.world(),
            local: true,
            digest: false,
        };
        let client = AdminClient::new(self.channel(address)?);
        within(
            address,
            client
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .status(request),
        )
        .await
    }

    /// What the wall clock of the controller at `address` says, milliseconds since 1970; `None` if it does not answer
    /// at once.
    pub async fn wall_clock_of(&self, address: &str) -> Option<u64> {
        let request = pb::WallClockRequest {
            version: FRAME_VERSION,
            world: self.world(),
        };
        let mut client = ForwardClient::new(self.channel(address).ok()?);
        let answer = tokio::time::timeout(CLOCK_TIMEOUT, client.wall_clock(request)).await;
        Some(answer.ok()?.ok()?.into_inner().unix_ms)
    }

    /// Where every copy is, as the leader at `address` tells it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn residency_of(&self, address: &str) -> Result<pb::ResidencyReply, Refusal> {
        let request = pb::ResidencyRequest {
            version: FRAME_VERSION,
            world: self.world(),
        };
        let client = AdminClient::new(self.channel(address)?).max_decoding_message_size(MESSAGE_BYTES_MAX);
        within(address, async move { client.clone().residency(request).await }).await
    }

    /// The operations as the leader at `address` tells them.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn operations_of(
        &self,
        address: &str,
        asked: pb::ListOperationsRequest,
    ) -> Result<pb::ListOperationsReply, Refusal> {
        let client = OperationsClient::new(self.channel(address)?);
        let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
        within(address, client.list(asked)).await
    }

    /// One operation as the leader at `address` tells it.
    ///
    /// # Errors
    /// When it does not answer, and its refusal.
    pub async fn operation_of(
        &self,
        address: &str,
        asked: pb::GetOperationRequest,
    ) -> Result<pb::GetOperationReply, Refusal> {
        let mut client = OperationsClient::new(self.channel(address)?);
        within(address, client.get(asked)).await
    }

    /// What a loss would do, as the leader at `address` tells it.
    ///
    /// # Errors
    /// When it does not answer, and its refusal.
    pub async fn simulation_of(
        &self,
        address: &str,
        asked: pb::SimulateRequest,
    ) -> Result<pb::SimulateReply, Refusal> {
        let client = OperationsClient::new(self.channel(address)?);
        let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
        within(address, client.simulate(asked)).await
    }

    /// What the controller at `address` has on record about trust.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn trust_of(&self, address: &str) -> Result<pb::TrustReply, Refusal> {
        let request = pb::ReadTrustRequest {
            version: FRAME_VERSION,
            world: self.world(),
            local: true,
        };
        let client = TrustClient::new(self.channel(address)?);
        let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
        within(address, client.read_trust(request)).await
    }

    /// Where the leader is, if it is another controller.
    pub fn leader_address(&self) -> Option<String> {
        let (id, known) = self.shared.raft.leader()?;
        let address = self.shared.peers.get(&id).cloned().unwrap_or(known);
        (id != self.shared.id && !address.is_empty()).then_some(address)
    }

    async fn leader(&self) -> Result<(String, Channel), Refusal> {
        match self.leader_address() {
            Some(address) => Ok((address.clone(), self.channel(&address)?)),
            None if self.shared.raft.initialized().await => Err(refuse::no_leader()),
            None => Err(refuse::not_initialized()),
        }
    }

    fn channel(&self, address: &str) -> Result<Channel, Refusal> {
        let mut channels = self.shared.channels.lock();
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = channel::connect(address, &self.shared.identity, Expect::Controller)
            .map_err(|e| Refusal::new(RefusalCode::Internal, e.to_string()))?;
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    fn world(&self) -> String {
        self.shared.identity.world().to_string()
    }
}

/// What the proposer of a command is told.
pub fn done(outcome: Outcome) -> Result<Done, Refusal> {
    match outcome {
        Outcome::Accepted { sequence, generation } => Ok(Done { sequence, generation }),
        Outcome::Unchanged { generation } => Ok(Done {
            sequence: 0,
            generation,
        }),
        Outcome::Refused { sequence, refusal } => Err(on_record(refuse::rule(&refusal), sequence)),
    }
}

/// A refusal without advice of its own names the entry that stands for it.
fn on_record(refusal: Refusal, sequence: u64) -> Refusal {
    match refusal.hint.as_str() {
        "" => refusal.hint(format!("cellctl audit show {sequence}")),
        _ => refusal,
    }
}

async fn within<T>(
    address: &str,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Refusal> {
    let status = match tokio::time::timeout(FORWARD_TIMEOUT, call).await {
        Ok(Ok(response)) => return Ok(response.into_inner()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    Err(match Refusal::from_status(&status) {
        Some(refusal) => refusal,
        None if never_sent(&status) => Refusal::new(
            RefusalCode::NoLeader,
            format!("controller {address}: {}", describe(&status)),
        ),
        None => refuse::outcome_unknown(format!("controller {address}: {}", describe(&status))),
    })
}
