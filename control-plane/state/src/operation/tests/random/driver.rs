//! What whoever leads would do next.

use crate::operation::tests::*;
use crate::shard_config::ConfigPhase;

impl World {
    /// What a driver would do now.
    pub(super) fn right(&self, active: Option<(OperationId, &OperationRecord)>) -> Option<(Author, Command)> {
        let under_way = match &self.config().phase {
            ConfigPhase::Handover { target, .. } => Some(ConfigCommand::FinishHandover { target: *target }),
            ConfigPhase::Promoting { .. } => Some(self.answered(u8::MAX)),
            ConfigPhase::Steady => None,
        };
        let configuration = under_way.or_else(|| {
            let (_, record) = active?;
            let next = self.leaving(record).or_else(|| self.making(record));
            next.or_else(|| self.turning_back(record))
        });
        if let Some(command) = configuration {
            let (shard, expected) = (shard(), self.config().generation);
            let configure = Command::Configure {
                shard,
                expected,
                command,
            };
            return Some((controller(), configure));
        }
        let (id, record) = active?;
        let to = if turned(record) {
            Step::Done
        } else {
            record.kind.after(record.step)?
        };
        let standbys = self.config().standbys.iter();
        let advance = OperationCommand::Advance {
            id,
            expected: record.generation,
            to,
            certificates: standbys.map(|copy| self.certificate(copy.replica)).collect(),
        };
        Some((controller(), Command::Operation(advance)))
    }

    fn proposal(&self, change: ProposedChange) -> ConfigCommand {
        let config = self.config();
        let (by, epoch) = (config.primary.replica, config.epoch);
        ConfigCommand::Propose { by, epoch, change }
    }

    /// The copy that leaves, one step further out.
    fn leaving(&self, record: &OperationRecord) -> Option<ConfigCommand> {
        let config = self.config();
        let turned = turned(record);
        let leaves = if turned { record.replica } else { record.source };
        let replica = leaves.filter(|_| turned || record.step >= Step::RemoveStandby)?;
        if let Some(copy) = config.standby(replica) {
            return Some(match copy.state {
                CopyState::InSync => ConfigCommand::Retire { replica },
                _ => ConfigCommand::RemoveCopy { replica },
            });
        }
        if config.left.contains_key(&replica) && (turned || record.step == Step::Erase) {
            return Some(ConfigCommand::EraseCopy { replica });
        }
        let order = config.erasing.get(&replica)?.index;
        let (bytes, keys) = (1, 1);
        Some(ConfigCommand::Erased {
            replica,
            order,
            bytes,
            keys,
        })
    }

    /// The copy that is made, one step further in.
    fn making(&self, record: &OperationRecord) -> Option<ConfigCommand> {
        let config = self.config();
        if record.step == Step::Promote && config.epoch == record.epoch {
            return Some(ConfigCommand::BeginPromote);
        }
        let replica = record.replica.filter(|_| !turned(record))?;
        let known = config.standby(replica).map(|copy| copy.state);
        match (record.step, known) {
            (Step::AddStandby, None) => {
                let node = record.kind.target()?.clone();
                Some(ConfigCommand::AddCopy { node, replica })
            }
            (Step::Copy | Step::CatchUp, Some(CopyState::Damaged)) => {
                let by = ReplicaId(u128::from(config.generation.0) << 64);
                Some(ConfigCommand::ReplaceCopy { replica, by })
            }
            (Step::Copy | Step::CatchUp, Some(CopyState::Copying)) => {
                Some(self.proposal(ProposedChange::Complete(replica)))
            }
            (Step::CatchUp, Some(CopyState::CatchingUp)) => Some(self.proposal(ProposedChange::Add(replica))),
            (Step::Switchover, Some(_)) => {
                let epoch = config.epoch;
                Some(ConfigCommand::BeginHandover {
                    target: replica,
                    certificate: Some(Certificate { replica, epoch }),
                    needs_certificate: true,
                })
            }
            _ => None,
        }
    }

    /// The old primary comes in sync and leads again.
    fn turning_back(&self, record: &OperationRecord) -> Option<ConfigCommand> {
        let config = self.config();
        let leads = record.replica == Some(config.primary.replica);
        let target = record.source.filter(|_| leads && turned(record))?;
        Some(match config.standby(target)?.state {
            CopyState::InSync => ConfigCommand::BeginHandover {
                target,
                certificate: None,
                needs_certificate: false,
            },
            _ => self.proposal(ProposedChange::Add(target)),
        })
    }
}

fn turned(record: &OperationRecord) -> bool {
    !matches!(record.state, OperationState::Running)
}
