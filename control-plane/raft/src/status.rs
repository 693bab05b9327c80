//! What a node says of itself, as plain data.

use std::collections::BTreeMap;

use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::{RaftMetrics, ServerState};

use crate::error::Peer;
use crate::types::{LogId, Types};

/// The part that a controller plays in Raft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Learner,
    Follower,
    Candidate,
    Leader,
    /// Stopped, or failed: only a restart helps.
    Stopped,
}

/// One look at a node. Positions are indexes of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    pub node_id: u64,
    pub part: Part,
    pub term: u64,
    /// As this node knows it; an isolated leader still names itself.
    pub leader: Option<Peer>,
    /// Ids and addresses of those who vote.
    pub voters: BTreeMap<u64, String>,
    /// Ids and addresses of those who only follow.
    pub learners: BTreeMap<u64, String>,
    pub last_log: Option<u64>,
    /// Known here as committed by a majority.
    pub committed: Option<u64>,
    pub applied: Option<u64>,
    pub snapshot: Option<u64>,
    pub purged: Option<u64>,
    /// Why the node stopped, if it failed.
    pub failure: Option<String>,
}

impl NodeStatus {
    pub(crate) fn of(metrics: &WatchReceiverOf<Types, RaftMetrics<Types>>) -> Self {
        Self::from_metrics(&metrics.borrow_watched())
    }

    pub(crate) fn from_metrics(metrics: &RaftMetrics<Types>) -> Self {
        let members = &metrics.membership_config;
        let voting: Vec<u64> = members.voter_ids().collect();
        let (voters, learners): (BTreeMap<_, _>, BTreeMap<_, _>) = members
            .nodes()
            .map(|(id, node)| (*id, node.addr.clone()))
            .partition(|(id, _)| voting.contains(id));
        let leader = metrics.current_leader.map(|id| {
            let address = members
                .get_node(&id)
                .map(|node| node.addr.clone())
                .unwrap_or_default();
            (id, address)
        });
        Self {
            node_id: metrics.id,
            part: part(metrics),
            term: metrics.current_term,
            leader,
            voters,
            learners,
            last_log: metrics.last_log_index,
            committed: index(metrics.local_committed),
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            failure: metrics.running_state.as_ref().err().map(ToString::to_string),
        }
    }
}

fn index(log_id: Option<LogId>) -> Option<u64> {
    log_id.map(|log_id| log_id.index)
}

fn part(metrics: &RaftMetrics<Types>) -> Part {
    if metrics.running_state.is_err() {
        return Part::Stopped;
    }
    match metrics.state {
        ServerState::Learner => Part::Learner,
        ServerState::Follower => Part::Follower,
        ServerState::Candidate => Part::Candidate,
        ServerState::Leader => Part::Leader,
        ServerState::Shutdown => Part::Stopped,
    }
}
