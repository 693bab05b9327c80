//! What the leader wants committed.

use control_plane_state::Command;
use control_plane_state::shard_config::ConfigCommand;
use platform_model::{Generation, NodeId, ShardId};

/// One command that the leader gives, and why: the reason stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    pub by: By,
    pub reason: String,
    pub command: Command,
    /// Nothing else is given for this shard until this one has an outcome.
    pub shard: ShardId,
}

/// For whom the leader gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The primary on that node asked for it.
    Node(NodeId),
    /// It is due.
    Controller,
}

impl Act {
    /// A change of a shard's configuration that is due.
    pub fn configure(
        shard: &ShardId,
        expected: Generation,
        command: ConfigCommand,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            by: By::Controller,
            reason: reason.into(),
            command: Command::Configure {
                shard: shard.clone(),
                expected,
                command,
            },
            shard: shard.clone(),
        }
    }
}
