//! Tests of [`super`]: whole operations, and each refusal.

mod life;
mod random;
mod refused;
mod room;
mod superseded;

use platform_model::{CellState, CopyState, Epoch, Generation, NodeId, ReplicaId, Role, ShardId};

use super::*;
use crate::apply::tests::{lawful, register};
use crate::command::{Author, CellSpec, Command};
use crate::shard_config::{Candidate, Certificate, ConfigCommand, ProposedChange, ShardConfig};
use crate::{Outcome, apply as apply_command};

const SHARD: &str = "eu/eu-central/000";
/// Where the shard begins.
const HOME: &str = "eu-central-1/0";
/// In another cell of the region, and in another region.
const NEXT: &str = "eu-central-2/0";
const FAR: &str = "eu-west-1/0";
/// Where the law lets nothing of the home be.
const ABROAD: &str = "us-east-1/0";

fn node(name: &str) -> NodeId {
    name.parse().expect("a node")
}

fn shard() -> ShardId {
    SHARD.parse().expect("a shard")
}

fn sre() -> Author {
    Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/operator/sre/kim".into(),
    }
}

fn controller() -> Author {
    Author::Controller {
        id: "spiffe://x/controller/1".into(),
    }
}

/// A world in which the shard is served, with an empty node in each other cell.
struct World {
    state: State,
    time_ms: u64,
}

impl World {
    fn new() -> Self {
        let mut state = lawful();
        let mut world = {
            let time_ms = state.time_ms;
            let west = CellSpec {
                id: "eu-west-1".parse().expect("a cell"),
                region: "eu-west".parse().expect("a region"),
            };
            let made = Envelope::new(sre(), time_ms, "", Command::CreateCell(west));
            apply_command(&mut state, &made);
            for name in [HOME, NEXT, FAR, ABROAD] {
                register(&mut state, name, 1, "a:1");
            }
            Self { state, time_ms }
        };
        world.propose(ProposedChange::Born).expect("formed");
        world
    }

    fn give(&mut self, author: Author, command: Command) -> Result<(), Refusal> {
        self.time_ms += 10;
        let before = self.state.clone();
        let envelope = Envelope::new(author, self.time_ms, "because", command);
        match apply_command(&mut self.state, &envelope).outcome {
            Outcome::Refused { refusal, .. } => {
                let ledger = self.state.ledger.clone();
                let same = State {
                    time_ms: self.state.time_ms,
                    ledger,
                    ..before
                };
                assert_eq!(self.state, same, "a refusal changes nothing");
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    fn config(&self) -> &ShardConfig {
        self.state.shards[&shard()].config.as_ref().expect("served")
    }

    fn configure(&mut self, command: ConfigCommand) -> Result<(), Refusal> {
        let (shard, expected) = (shard(), self.config().generation);
        self.give(
            controller(),
            Command::Configure {
                shard,
                expected,
                command,
            },
        )
    }

    fn propose(&mut self, change: ProposedChange) -> Result<(), Refusal> {
        let config = self.config();
        let (by, epoch) = (config.primary.replica, config.epoch);
        self.configure(ConfigCommand::Propose { by, epoch, change })
    }

    fn operate(&mut self, author: Author, command: OperationCommand) -> Result<(), Refusal> {
        self.give(author, Command::Operation(command))
    }

    fn start(&mut self, kind: OperationKind) -> Result<OperationId, Refusal> {
        let start = Start {
            shard: shard(),
            kind,
            expected: self.config().generation,
            deadline_ms: None,
            plan: None,
        };
        self.operate(sre(), OperationCommand::Start(start))?;
        Ok(self.state.operations.last)
    }

    fn of(&self, id: OperationId) -> &OperationRecord {
        &self.state.operations.records[&id]
    }

    fn advance(&mut self, id: OperationId, to: Step) -> Result<(), Refusal> {
        let certificates = Vec::new();
        self.advance_with(id, to, certificates)
    }

    fn advance_with(
        &mut self,
        id: OperationId,
        to: Step,
        certificates: Vec<Certified>,
    ) -> Result<(), Refusal> {
        let expected = self.of(id).generation;
        let command = OperationCommand::Advance {
            id,
            expected,
            to,
            certificates,
        };
        self.operate(controller(), command)
    }

    /// `make` of the operation's generation, by a person.
    fn ask(
        &mut self,
        id: OperationId,
        make: impl Fn(OperationId, Generation) -> OperationCommand,
    ) -> Result<(), Refusal> {
        let expected = self.of(id).generation;
        self.operate(sre(), make(id, expected))
    }

    fn made(&self, id: OperationId) -> ReplicaId {
        self.of(id).replica.expect("it makes one")
    }

    /// Makes the copy of an operation, up to in-sync.
    fn make_copy(&mut self, id: OperationId) {
        let replica = self.made(id);
        let to = self.of(id).kind.target().expect("somewhere").clone();
        self.configure(ConfigCommand::AddCopy { node: to, replica })
            .expect("as asked");
        self.advance(id, Step::Copy).expect("added");
        self.propose(ProposedChange::Complete(replica)).expect("whole");
        self.advance(id, Step::CatchUp).expect("whole");
        self.propose(ProposedChange::Add(replica)).expect("in sync");
    }

    /// A standby in sync, far away.
    fn with_standby(&mut self) {
        let add = Some(node(FAR));
        let id = self.start(OperationKind::Repair { add, remove: None });
        let id = id.expect("starts");
        self.make_copy(id);
        self.advance(id, Step::Done).expect("in sync");
    }

    fn certificate(&self, replica: ReplicaId) -> Certified {
        Certified {
            replica,
            epoch: self.config().epoch,
            chunks: 3,
        }
    }

    /// A move, at its switchover.
    fn moving(&mut self, to: &str, window_ms: u64) -> OperationId {
        let kind = OperationKind::Move {
            to: node(to),
            window_ms,
        };
        let id = self.start(kind).expect("starts");
        self.make_copy(id);
        self.advance(id, Step::Verify).expect("in sync");
        let certificate = self.certificate(self.made(id));
        self.advance_with(id, Step::Switchover, vec![certificate])
            .expect("compared");
        id
    }

    fn hand_over(&mut self, target: ReplicaId) -> Result<(), Refusal> {
        let certificate = Certificate {
            replica: target,
            epoch: self.config().epoch,
        };
        self.configure(ConfigCommand::BeginHandover {
            target,
            certificate: Some(certificate),
            needs_certificate: true,
        })?;
        self.configure(ConfigCommand::FinishHandover { target })
    }

    /// A move whose new copy leads.
    fn moved(&mut self, to: &str, window_ms: u64) -> OperationId {
        let id = self.moving(to, window_ms);
        self.hand_over(self.made(id)).expect("handed over");
        self.advance(id, Step::Window).ok();
        id
    }

    /// Takes a copy out and has it erased.
    fn take_out(&mut self, replica: ReplicaId) {
        self.configure(ConfigCommand::Retire { replica }).expect("leaves");
        self.configure(ConfigCommand::RemoveCopy { replica })
            .expect("left");
        self.configure(ConfigCommand::EraseCopy { replica })
            .expect("ordered");
    }

    fn receipt(&mut self, replica: ReplicaId) {
        let order = self.config().erasing[&replica].index;
        let erased = ConfigCommand::Erased {
            replica,
            order,
            bytes: 4_096,
            keys: 7,
        };
        self.configure(erased).expect("as ordered");
    }

    fn promote(&mut self, answers: &[ReplicaId]) {
        self.configure(ConfigCommand::BeginPromote).expect("begins");
        let answer = |replica: &ReplicaId| Candidate {
            replica: *replica,
            epoch: Epoch(1),
            position: platform_model::Position(9),
        };
        let answers = answers.iter().map(answer).collect();
        self.configure(ConfigCommand::FinishPromote { answers })
            .expect("ends");
    }
}
