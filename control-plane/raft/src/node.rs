//! One controller's Raft node: start, propose, read, change members, stop.
//!
//! Handles are cheap clones. A follower never forwards: it names the leader, and the server forwards.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, ChangeMembers, LinearizerOption, Raft};
use parking_lot::Mutex;
use platform_runtime::tls::Identity;
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::{oneshot, watch};

use crate::apply::StateMachine;
use crate::config::{RaftConfig, Timeouts};
use crate::error::{self, InitializeError, MembershipError, Peer, ProposeError, ReadError, StartError};
use crate::log::LogStats;
use crate::machine::Machine;
use crate::network::{Network, PeerService, Quiet};
use crate::start::{self, Files};
use crate::status::{NodeStatus, Part};
use crate::types::{Proposal, Types};

/// Largest command, in bytes of JSON.
pub const COMMAND_BYTES_MAX: usize = 1 << 20;
/// Longest wait for the log's file to be closed after a stop.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

type Written = openraft::raft::ClientWriteResponse<Types>;

/// A running node.
pub struct Node<M: Machine> {
    inner: Arc<Inner<M>>,
}

struct Inner<M: Machine> {
    raft: Raft<Types, StateMachine<M>>,
    service: PeerService<M>,
    state: watch::Receiver<Arc<M::State>>,
    status: watch::Receiver<NodeStatus>,
    timeouts: Timeouts,
    clock: Clock,
    log: LogStats,
    closed: Mutex<Option<oneshot::Receiver<()>>>,
}

impl<M: Machine> Clone for Node<M> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<M: Machine> std::fmt::Debug for Node<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<M: Machine> Node<M> {
    /// Opens the data directory and takes part in whatever it was a member of. A new one waits for [`Self::initialize`]
    /// here or for a leader that adds it.
    ///
    /// When `tasks` is asked to end, the node stops without handing leadership over: call [`Self::shutdown`] before.
    ///
    /// # Errors
    /// See [`StartError`]; data of another world or another controller is refused untouched.
    pub async fn start_machine(
        config: RaftConfig,
        machine: M,
        identity: Identity,
        clock: Clock,
        tasks: &TaskGroup,
    ) -> Result<Self, StartError> {
        let mut library = config.library()?;
        let Files {
            log,
            snapshots,
            copies,
        } = start::open(&config).await?;
        library.enable_elect = !log.has_voted;
        let quiet_for = if log.has_voted {
            config.timeouts.election_max
        } else {
            Duration::ZERO
        };
        let quiet = Quiet::new(clock.clone(), quiet_for);
        let (machine, state) = StateMachine::new(machine, snapshots);
        let network = Network::new(&config, identity, Arc::clone(&copies));
        let built = Raft::build(config.node_id, Arc::new(library), network, log.store, machine).await;
        let raft = built.map_err(|fatal| StartError::Storage {
            dir: config.data_dir.clone(),
            source: std::io::Error::other(fatal),
        })?;
        raft.run();
        let status = start::follow(&raft, quiet.clone(), tasks);
        let service = PeerService::new(raft.clone(), config.world, quiet, copies);
        let (timeouts, closed) = (config.timeouts, Mutex::new(Some(log.closed)));
        let inner = Inner {
            raft,
            service,
            state,
            status,
            timeouts,
            clock,
            log: log.stats,
            closed,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Writes the first members, ids and addresses. Once in the life of a world, on one of them.
    ///
    /// # Errors
    /// [`InitializeError::AlreadyInitialized`] on every later call, and on a node that was added to a world.
    pub async fn initialize(&self, members: BTreeMap<u64, String>) -> Result<(), InitializeError> {
        let members: BTreeMap<u64, BasicNode> = members
            .into_iter()
            .map(|(id, at)| (id, BasicNode::new(at)))
            .collect();
        self.inner
            .raft
            .initialize(members)
            .await
            .map_err(InitializeError::from_library)
    }

    /// Whether this node belongs to a world that runs: initialized here, or added by a leader.
    pub async fn initialized(&self) -> bool {
        self.inner.raft.is_initialized().await.unwrap_or(false)
    }

    /// Commits a command and applies it; the outcome is what the machine said, refusals included. When this
    /// returns, a majority has the command on disk and [`Self::state`] here shows its effect.
    ///
    /// # Errors
    /// See [`ProposeError`]: only some of them mean that nothing was written. Cancel-safe in the same sense.
    pub async fn propose(&self, command: M::Command) -> Result<M::Outcome, ProposeError> {
        let text = serde_json::to_string(&command).map_err(|e| ProposeError::Unavailable {
            reason: e.to_string(),
        })?;
        if text.len() > COMMAND_BYTES_MAX {
            return Err(ProposeError::TooLarge {
                bytes: text.len(),
                max: COMMAND_BYTES_MAX,
            });
        }
        let began = self.inner.clock.monotonic();
        let response = self.write(&Proposal(text), began).await?;
        let took = self.inner.clock.monotonic().saturating_sub(began);
        metrics::histogram!("raft_propose_seconds").record(took.as_secs_f64());
        let outcome = response.data.0.as_deref().map(serde_json::from_str);
        match outcome {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(_)) | None => Err(ProposeError::Unknown {
                leader: self.leader(),
            }),
        }
    }

    /// Writes, and waits while this node leads without a lease: just elected, or cut off. Nothing is written then.
    async fn write(&self, proposal: &Proposal, began: Duration) -> Result<Written, ProposeError> {
        let after = self.inner.timeouts.propose;
        let mut metrics = self.inner.raft.metrics();
        loop {
            let left = after.saturating_sub(self.inner.clock.monotonic().saturating_sub(began));
            // Marks what is known as seen, so that a change during the write is not missed.
            metrics.borrow_and_update();
            let written = tokio::time::timeout(left, self.inner.raft.client_write(proposal.clone())).await;
            let refused = match written.map_err(|_| ProposeError::Timeout { after })? {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if !error::has_no_lease(&refused) {
                return Err(ProposeError::from_write(refused));
            }
            if tokio::time::timeout(left, metrics.changed()).await.is_err() {
                return Err(ProposeError::NotLeader { leader: None });
            }
        }
    }

    /// The state as applied here, newest last. It may lag behind the leader's; after a restart it may be older than
    /// before, until the leader was heard.
    pub fn state(&self) -> watch::Receiver<Arc<M::State>> {
        self.inner.state.clone()
    }

    /// The state with everything that was acknowledged anywhere before this call. Served from the leader's lease,
    /// confirmed by a round of heartbeats when the lease has run out.
    ///
    /// # Errors
    /// See [`ReadError`]; only a leader can serve it.
    pub async fn read_linearizable(&self) -> Result<Arc<M::State>, ReadError> {
        let after = self.inner.timeouts.propose;
        let read = self
            .inner
            .raft
            .ensure_linearizable(LinearizerOption::new(None, true));
        let confirmed = tokio::time::timeout(after, read).await;
        confirmed
            .map_err(|_| ReadError::Timeout { after })?
            .map_err(ReadError::from_read)?;
        Ok(Arc::clone(&self.inner.state.borrow()))
    }

    /// Who leads, as far as this node knows.
    pub fn leader(&self) -> Option<Peer> {
        self.status().leader
    }

    /// Whether this node leads with a majority behind it, or has just heard a leader. Who last led says nothing: an
    /// election that nobody can win leaves that as it was.
    pub async fn hears_leader(&self) -> bool {
        match self.status().part {
            Part::Stopped => false,
            Part::Leader => self.read_linearizable().await.is_ok(),
            _ => self.inner.service.heard_within(self.inner.timeouts.election_max),
        }
    }

    pub fn is_leader(&self) -> bool {
        self.status().part == Part::Leader
    }

    /// All members, those who vote and those who only follow.
    pub fn members(&self) -> BTreeMap<u64, String> {
        let status = self.status();
        status.voters.into_iter().chain(status.learners).collect()
    }

    pub fn status(&self) -> NodeStatus {
        NodeStatus::of(&self.inner.raft.metrics())
    }

    /// Each change of the status, coalesced.
    pub fn status_changes(&self) -> watch::Receiver<NodeStatus> {
        self.inner.status.clone()
    }

    /// Counters of the log's file.
    pub fn log_stats(&self) -> LogStats {
        self.inner.log.clone()
    }

    /// Calls of peers that were refused for who called or for whom: a world that is mixed up, or a lost disk.
    pub fn calls_refused(&self) -> u64 {
        self.inner.service.refused()
    }

    /// The service for peers. Merge it into the mTLS listener, which must put the peer's identity into each request.
    pub fn routes(&self) -> axum::Router {
        self.inner.service.clone().into_routes()
    }

    /// Adds a controller that follows without a vote, and returns once it has nearly all of the log.
    ///
    /// # Errors
    /// See [`MembershipError`]. After a timeout the learner stands and goes on catching up.
    pub async fn add_learner(&self, node_id: u64, address: String) -> Result<(), MembershipError> {
        let node = BasicNode::new(address);
        let added = self.inner.raft.add_learner(node_id, node, true);
        self.within_snapshot_time(async { added.await.map(drop).map_err(MembershipError::from_write) })
            .await
    }

    /// Gives a learner a vote, whoever else votes by then: two changes at once do not undo each other.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn add_voter(&self, node_id: u64) -> Result<(), MembershipError> {
        self.change_voters(ChangeMembers::AddVoterIds(BTreeSet::from([node_id])))
            .await
    }

    /// Takes a vote away; who has none leaves. A leader that is removed hands over.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn remove_voter(&self, node_id: u64) -> Result<(), MembershipError> {
        self.change_voters(ChangeMembers::RemoveVoters(BTreeSet::from([node_id])))
            .await
    }

    async fn change_voters(&self, change: ChangeMembers<u64, BasicNode>) -> Result<(), MembershipError> {
        let changed = self.inner.raft.change_membership(change, false);
        self.within_snapshot_time(async { changed.await.map(drop).map_err(MembershipError::from_write) })
            .await
    }

    /// Gives a member another address, for everyone and for good; [`RaftConfig::peers`] is for the time until then.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn set_address(&self, node_id: u64, address: String) -> Result<(), MembershipError> {
        let nodes = ChangeMembers::SetNodes(BTreeMap::from([(node_id, BasicNode::new(address))]));
        let changed = self.inner.raft.change_membership(nodes, true);
        self.within_snapshot_time(async { changed.await.map(drop).map_err(MembershipError::from_write) })
            .await
    }

    async fn within_snapshot_time(
        &self,
        change: impl Future<Output = Result<(), MembershipError>>,
    ) -> Result<(), MembershipError> {
        let after = self.inner.timeouts.snapshot;
        tokio::time::timeout(after, change)
            .await
            .unwrap_or(Err(MembershipError::Timeout { after }))
    }

    /// Folds the log into a snapshot now; [`NodeStatus::snapshot`] shows when it is done.
    pub async fn compact(&self) {
        if let Err(error) = self.inner.raft.trigger().snapshot().await {
            tracing::warn!(%error, "no snapshot was taken");
        }
    }

    /// Hands leadership to the voter that is furthest, if this node leads, then stops and closes the files.
    pub async fn shutdown(&self) {
        self.hand_over().await;
        self.stop().await;
    }

    /// Stops without handing over, as a crash would, and closes the files.
    pub async fn stop(&self) {
        // The core reports how it ended through its metrics.
        let _ = self.inner.raft.shutdown().await;
        let closed = self.inner.closed.lock().take();
        if let Some(closed) = closed
            && tokio::time::timeout(CLOSE_WITHIN, closed).await.is_err()
        {
            tracing::warn!("the log was not closed in time");
        }
    }

    /// Hands leadership to the voter that is furthest, if this node leads and another takes it in time.
    pub async fn hand_over(&self) {
        let me = *self.inner.raft.node_id();
        let Some(to) = self.furthest_voter() else { return };
        tracing::info!(to, "handing leadership over");
        if self.inner.raft.trigger().transfer_leader(to).await.is_err() {
            return;
        }
        let wait = self.inner.raft.wait(Some(self.inner.timeouts.election_max));
        let handed = wait
            .metrics(
                |m| m.current_leader.is_some_and(|leader| leader != me),
                "another leads",
            )
            .await;
        if handed.is_err() {
            tracing::warn!(to, "leadership was not taken over in time");
        }
    }

    /// Among the other voters, while this node leads.
    fn furthest_voter(&self) -> Option<u64> {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        let voters: BTreeSet<u64> = metrics.membership_config.voter_ids().collect();
        let replicated = metrics.replication.as_ref()?.iter();
        let others = replicated.filter(|(id, _)| **id != metrics.id && voters.contains(id));
        others.max_by_key(|(_, matched)| **matched).map(|(id, _)| *id)
    }
}
