//! What is asked: any command, with arguments that are often the right ones.

use super::{Action, History};
use crate::operation::tests::*;

impl World {
    pub(super) fn command(&mut self, (what, a, b): Action, history: &History) -> Option<(Author, Command)> {
        let shard = shard();
        let active = self.state.operations.active_on(&shard);
        let active = active.map(|(id, record)| (id, record.clone()));
        let expected = active
            .as_ref()
            .map_or(Generation(1), |(_, record)| record.generation);
        let id = active.as_ref().map_or(OperationId(1), |(id, _)| *id);
        let operation = match what {
            0..=1 => OperationCommand::Start(Start {
                shard,
                kind: self.kind(a, b),
                expected: self.config().generation,
                deadline_ms: None,
                plan: None,
            }),
            2 => OperationCommand::Pause { id, expected },
            3..=4 => OperationCommand::Resume { id, expected },
            5 => OperationCommand::Cancel { id, expected },
            6 => OperationCommand::Reverse { id, expected },
            7 if a < 40 => OperationCommand::Fail {
                id,
                expected,
                why: "over".into(),
            },
            7 => OperationCommand::Finish { id, expected },
            8..=11 => self.next_step(id, expected, active.as_ref().map(|(_, record)| record), a, b),
            12 => {
                self.time_ms += 100_000;
                return None;
            }
            13 => {
                let cells = ["eu-central-2", "eu-west-1"];
                let cell: platform_model::CellId = cells[usize::from(a % 2)].parse().expect("a cell");
                let expected = self.state.cells[&cell].generation;
                let state = if b < 170 {
                    CellState::Open
                } else {
                    CellState::Cordoned
                };
                let command = Command::SetCellState {
                    cell,
                    state,
                    expected,
                };
                return Some((sre(), command));
            }
            14..=25 => return self.right(active.as_ref().map(|(id, record)| (*id, record))),
            _ => {
                let command = self.configuration(what, a, b, history, active.map(|(_, record)| record));
                let expected = self.config().generation;
                return Some((
                    controller(),
                    Command::Configure {
                        shard,
                        expected,
                        command,
                    },
                ));
            }
        };
        let people = matches!(
            operation,
            OperationCommand::Advance { .. } | OperationCommand::Fail { .. }
        );
        let author = if people { controller() } else { sre() };
        Some((author, Command::Operation(operation)))
    }

    fn kind(&self, a: u8, b: u8) -> OperationKind {
        let place = node([HOME, NEXT, FAR, ABROAD][usize::from(a % 4)]);
        match b % 8 {
            0..=3 => OperationKind::Move {
                to: place,
                window_ms: u64::from(b) * 4,
            },
            4 => OperationKind::Failover {
                to: (a < 128).then(|| self.copy(b)),
                force: None,
            },
            5 => OperationKind::Verify,
            _ => OperationKind::Repair {
                add: (a < 200).then_some(place),
                remove: (b < 100).then(|| self.copy(b)),
            },
        }
    }

    /// One of the shard's copies.
    fn copy(&self, b: u8) -> ReplicaId {
        let copies: Vec<_> = self.config().copies().map(|copy| copy.replica).collect();
        copies[usize::from(b) % copies.len()]
    }

    fn next_step(
        &self,
        id: OperationId,
        expected: Generation,
        record: Option<&OperationRecord>,
        a: u8,
        b: u8,
    ) -> OperationCommand {
        let steps = [
            Step::Copy,
            Step::Switchover,
            Step::Window,
            Step::Erase,
            Step::Done,
        ];
        let next = record.and_then(|record| record.kind.after(record.step));
        let to = if a < 200 { next } else { None };
        let compared = self.config().standbys.iter().filter(|_| b < 200);
        OperationCommand::Advance {
            id,
            expected,
            to: to.unwrap_or(steps[usize::from(b) % 5]),
            certificates: compared.map(|copy| self.certificate(copy.replica)).collect(),
        }
    }

    /// Answers of some candidates.
    pub(super) fn answered(&self, a: u8) -> ConfigCommand {
        let candidates = self.config().candidates().enumerate();
        let some = candidates.filter(|(index, _)| a >> (index % 8) & 1 == 1);
        let answers = some.map(|(index, copy)| Candidate {
            replica: copy.replica,
            epoch: Epoch(1),
            position: platform_model::Position(u64::from(a).rotate_left(index as u32) % 7),
        });
        ConfigCommand::FinishPromote {
            answers: answers.collect(),
        }
    }

    fn configuration(
        &self,
        what: u8,
        a: u8,
        b: u8,
        history: &History,
        record: Option<OperationRecord>,
    ) -> ConfigCommand {
        let config = self.config();
        let replica = self.copy(a);
        let ours = record.as_ref().and_then(|record| match b % 3 {
            0 => record.replica,
            1 => record.source,
            _ => None,
        });
        let ours = ours.unwrap_or(replica);
        let used = history
            .gone
            .iter()
            .nth(usize::from(b) % history.gone.len().max(1))
            .copied();
        let (by, epoch) = (config.primary.replica, config.epoch);
        let propose = |change| ConfigCommand::Propose { by, epoch, change };
        match what {
            26 => ConfigCommand::AddCopy {
                node: node([NEXT, FAR, ABROAD][usize::from(a % 3)]),
                replica: used.filter(|_| b > 127).unwrap_or(ours),
            },
            27 => propose(ProposedChange::Complete(replica)),
            28 => propose(ProposedChange::Add(replica)),
            29 => propose(ProposedChange::Drop(replica)),
            30 => propose(ProposedChange::Damaged(replica)),
            31 => ConfigCommand::Retire { replica: ours },
            32 => ConfigCommand::RemoveCopy { replica: ours },
            33 => ConfigCommand::EraseCopy { replica: ours },
            34 => ConfigCommand::BeginPromote,
            35 => self.answered(a),
            36 => ConfigCommand::BeginHandover {
                target: ours,
                certificate: (b > 99).then_some(Certificate { replica: ours, epoch }),
                needs_certificate: a > 99,
            },
            37 => ConfigCommand::FinishHandover { target: replica },
            38 => ConfigCommand::CancelHandover,
            _ => ConfigCommand::ReplaceCopy {
                replica: ours,
                by: used
                    .filter(|_| b > 63)
                    .unwrap_or(ReplicaId(u128::from(config.generation.0) << 32)),
            },
        }
    }
}
