//! Versions of commands. A log is replayed by builds that came later, and for a while controllers of two builds follow
//! one log: of the same command all must make the same state.

use super::Command;
use crate::backup::BackupCommand;
use crate::operation::{OperationCommand, OperationKind, Start};
use crate::shard_config::ConfigCommand;

impl Command {
    /// The version since which the command is judged as this build judges it. One of an earlier version, from a log or
    /// from a build before this one, is judged as it was then; a build that knows only earlier ones stops at it. What
    /// has not changed its meaning keeps its version, so that nobody stops who need not.
    ///
    /// 2: people's own erasures are bounded; what is left of a copy goes to another node on its store; a restore and a
    /// failover that a person asks for end what is under way on the shard; a copy that an operation has retired counts again
    /// when the operation fails or is reversed.
    pub(super) fn version(&self) -> u16 {
        match self {
            Self::Backup(BackupCommand::BeginErasure { .. } | BackupCommand::RestoreShard(_))
            | Self::Configure {
                command: ConfigCommand::Take { .. },
                ..
            }
            | Self::Operation(
                OperationCommand::Start(Start {
                    kind: OperationKind::Failover { .. },
                    ..
                })
                | OperationCommand::Fail { .. }
                | OperationCommand::Reverse { .. },
            ) => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Generation, ReplicaId, ShardId};

    use super::*;
    use crate::command::{Author, Envelope};
    use crate::operation::OperationId;

    fn version(command: Command) -> u16 {
        Envelope::new(Author::Controller { id: "c".into() }, 5, "", command).version
    }

    fn shard() -> ShardId {
        "eu/eu-central/000".parse().expect("a shard")
    }

    fn configure(command: ConfigCommand) -> Command {
        Command::Configure {
            shard: shard(),
            expected: Generation(1),
            command,
        }
    }

    fn start(kind: OperationKind) -> Command {
        Command::Operation(OperationCommand::Start(Start {
            shard: shard(),
            kind,
            expected: Generation(1),
            deadline_ms: None,
            plan: None,
        }))
    }

    #[test]
    fn only_what_older_builds_judge_otherwise_has_the_newer_version() {
        let take = ConfigCommand::Take {
            replica: ReplicaId(1),
            node: "eu-central-1/0".parse().expect("a node"),
        };
        let failover = OperationKind::Failover {
            to: None,
            force: None,
        };
        assert_eq!(version(configure(take)), 2);
        assert_eq!(version(start(failover)), 2);
        let (id, expected) = (OperationId(1), Generation(1));
        let turned = OperationCommand::Reverse { id, expected };
        assert_eq!(version(Command::Operation(turned)), 2);
        assert_eq!(version(configure(ConfigCommand::BeginPromote)), 1);
        assert_eq!(version(start(OperationKind::Verify)), 1);
        assert_eq!(version(Command::SettleRefusals), 1);
    }
}
