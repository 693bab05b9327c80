//! What may be asked of a recovered world. Stored in the Raft log: variants and fields are only ever added.

use std::collections::BTreeMap;

use platform_model::{CopyState, Generation, NodeId, ReplicaId, RevokedIdentity, Role, ShardId, ShardRoute};
use serde::{Deserialize, Serialize};

use crate::command::Author;
use crate::shard_config::{ConfigPhase, Erasing, Forced, ShardConfig, ShardCopy};
use crate::state::State;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryCommand {
    /// Every node that may know of a shard has told what it knows. Of the leader.
    Adopt(Box<Stands>),
    /// Who is not believed, and by which law nodes go. Of the leader.
    Hear {
        /// Until when, in milliseconds since 1970.
        revoked: BTreeMap<RevokedIdentity, u64>,
        /// Its revision; 0: none.
        law: u64,
    },
    /// Somebody reads the whole state, to keep it.
    NoteRead,
    /// Who was erased since the backup is on the list again.
    ErasuresTold,
    /// A node will never answer: what it may know is given up, and it is believed no more.
    GiveUp { node: NodeId },
}

/// What the nodes of a shard know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    pub shard: ShardId,
    /// Of the record that the state has.
    pub expected: Generation,
    /// Nodes that have told.
    pub told: Vec<NodeId>,
    /// The newest configuration that any of them told; none: no newer one than the state's.
    pub newest: Option<ShardConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryRefusal {
    #[error("the world was recovered, and it is not known yet who holds {shard}")]
    Unsure { shard: ShardId },
    #[error("nodes go by a later law than the backup has: a law is to be proposed and approved anew")]
    LawBehind,
    #[error("a copy of {shard} on {node} is nothing that the law permits")]
    NotLawful { shard: ShardId, node: NodeId },
    #[error(
        "who was erased after the backup of the controllers' state may lack on the list: a restore would bring him back"
    )]
    ListMayLack,
    #[error("that the list of the erased is whole takes a reason")]
    NoWord,
    #[error("what was told of {shard} is nothing that any controller decided")]
    NotSound { shard: ShardId },
    #[error("nothing is to be found out about {shard}")]
    Sure { shard: ShardId },
    #[error("{node} may know more of {shard}, and has not told")]
    NotTold { shard: ShardId, node: NodeId },
    #[error("what was told of {shard} is no newer than {have}")]
    NotNewer { shard: ShardId, have: Generation },
    /// Two recoveries within one step of the clock, from one backup.
    #[error(
        "what was told of {shard} is of this incarnation of the world, or of a later one: recover again, later"
    )]
    NotBefore { shard: ShardId },
    #[error("no shard waits for what {node} knows")]
    NobodyWaits { node: NodeId },
    #[error("to give a node up takes a reason")]
    NoReason { node: NodeId },
}

impl RecoveryCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Adopt(_) => "adopt-shard",
            Self::Hear { .. } => "hear-nodes",
            Self::GiveUp { .. } => "give-node-up",
            Self::ErasuresTold => "erasures-told",
            Self::NoteRead => "read-world",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Adopt(stands) => format!("shard/{}", stands.shard),
            Self::Hear { .. } | Self::ErasuresTold => "recovery".to_owned(),
            Self::NoteRead => "world".to_owned(),
            Self::GiveUp { node } => format!("node/{node}"),
        }
    }

    /// Whether the author is one who may.
    pub(crate) fn may(&self, author: &Author) -> bool {
        match (self, author) {
            (Self::Adopt(_) | Self::Hear { .. }, Author::Controller { .. }) => true,
            (Self::GiveUp { .. } | Self::NoteRead, Author::Operator { role, .. }) => *role == Role::Sre,
            (Self::ErasuresTold, Author::Operator { role, .. }) => *role == Role::Compliance,
            _ => false,
        }
    }

    /// Name of the records that decide, and a number that changes with each.
    pub(crate) fn read_by(&self, state: &State) -> Vec<(String, Option<u64>)> {
        match self {
            Self::Adopt(stands) => {
                let known = state.shards.get(&stands.shard);
                vec![(self.subject(), known.map(|record| record.generation.0))]
            }
            Self::Hear { .. } | Self::ErasuresTold | Self::NoteRead | Self::GiveUp { .. } => {
                vec![("recovery".to_owned(), Some(state.recovery.unsure.len() as u64))]
            }
        }
    }
}

/// A configuration as a route of the table says it. Copies that are to leave, and those that lie on nodes still, no route
/// names.
impl From<&ShardRoute> for ShardConfig {
    fn from(route: &ShardRoute) -> Self {
        use platform_model::SetPhase;
        let set = &route.set;
        let copy = |node: &NodeId, replica: ReplicaId, state: CopyState| ShardCopy {
            node: node.clone(),
            replica,
            state,
        };
        let mut config = Self::new(route.node.clone(), set.primary, set.lease_micros);
        config.generation = set.generation;
        (config.epoch, config.epoch_max, config.unborn) = (route.epoch, route.epoch, set.unborn);
        config.standbys = set
            .standbys
            .iter()
            .map(|standby| copy(&standby.node, standby.replica, standby.state))
            .collect();
        config.phase = match set.phase {
            SetPhase::Steady => ConfigPhase::Steady,
            SetPhase::Promoting { epoch, order } => ConfigPhase::Promoting {
                epoch,
                index: order,
                forced: None::<Forced>,
            },
            SetPhase::Handover { target, epoch, order } => ConfigPhase::Handover {
                target,
                epoch,
                index: order,
            },
        };
        if let SetPhase::Promoting { epoch, .. } | SetPhase::Handover { epoch, .. } = set.phase {
            config.epoch_max = config.epoch_max.max(epoch);
        }
        for gone in &set.erased {
            config.erased.insert(gone.replica);
            let erasing = Erasing {
                node: gone.node.clone(),
                index: gone.order,
            };
            config.erasing.insert(gone.replica, erasing);
        }
        config
    }
}
