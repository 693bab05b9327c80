//! Random commands on one shard, good and bad, with a driver that now and then does the right thing: what holds after
//! every one of them; and that a rule left out is seen.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use super::*;
use crate::plant::{PLANTED, Planted};

/// What is asked, with numbers to choose by.
type Action = (u8, u8, u8);

fn actions() -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec((0..40u8, any::<u8>(), any::<u8>()), 1..160)
}

/// What happened so far, as a bystander keeps it.
#[derive(Default)]
struct History {
    /// Copies that were in the configuration and are not, or were ordered to be erased.
    gone: BTreeSet<ReplicaId>,
    epochs: BTreeSet<Epoch>,
}

/// Plays them, in a world with a standby or without; answers with the world as it is then.
fn run(actions: &[Action]) -> Result<World, TestCaseError> {
    let mut world = World::new();
    if actions.len() % 2 == 0 {
        world.with_standby();
    }
    let mut history = History::default();
    for action in actions {
        let before = world.state.clone();
        let Some((author, command)) = world.command(*action, &history) else {
            continue;
        };
        world.time_ms += 10;
        let envelope = Envelope::new(author, world.time_ms, "because", command.clone());
        apply_command(&mut world.state, &envelope);
        check(&before, &world.state, &mut history).map_err(|fault| {
            let TestCaseError::Fail(why) = &fault else {
                return fault;
            };
            TestCaseError::fail(format!("{command:?}: {why}"))
        })?;
    }
    Ok(world)
}

impl World {
    fn command(&mut self, (what, a, b): Action, history: &History) -> Option<(Author, Command)> {
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

    /// What a driver would do now.
    fn right(&self, active: Option<(OperationId, &OperationRecord)>) -> Option<(Author, Command)> {
        let config = self.config();
        let configure = |command| {
            let (shard, expected) = (shard(), config.generation);
            Some((
                controller(),
                Command::Configure {
                    shard,
                    expected,
                    command,
                },
            ))
        };
        match &config.phase {
            crate::shard_config::ConfigPhase::Handover { target, .. } => {
                return configure(ConfigCommand::FinishHandover { target: *target });
            }
            crate::shard_config::ConfigPhase::Promoting { .. } => {
                return configure(self.answered(u8::MAX));
            }
            crate::shard_config::ConfigPhase::Steady => {}
        }
        let (id, record) = active?;
        let propose = |change| {
            let (by, epoch) = (config.primary.replica, config.epoch);
            configure(ConfigCommand::Propose { by, epoch, change })
        };
        let turned = !matches!(record.state, OperationState::Running);
        let leaves = if turned { record.replica } else { record.source };
        let leaves = leaves.filter(|_| turned || record.step >= Step::RemoveStandby);
        if let Some(replica) = leaves {
            match config.standby(replica) {
                Some(copy) if copy.state == CopyState::InSync => {
                    return configure(ConfigCommand::Retire { replica });
                }
                Some(_) => return configure(ConfigCommand::RemoveCopy { replica }),
                None if config.left.contains_key(&replica) && (turned || record.step == Step::Erase) => {
                    return configure(ConfigCommand::EraseCopy { replica });
                }
                None => {}
            }
            if let Some(erasing) = config.erasing.get(&replica) {
                let order = erasing.index;
                let (bytes, keys) = (1, 1);
                return configure(ConfigCommand::Erased {
                    replica,
                    order,
                    bytes,
                    keys,
                });
            }
        }
        let replica = record.replica.filter(|_| !turned);
        match (record.step, replica) {
            (Step::AddStandby, Some(replica)) if config.standby(replica).is_none() => {
                let node = record.kind.target()?.clone();
                return configure(ConfigCommand::AddCopy { node, replica });
            }
            (Step::Copy | Step::CatchUp, Some(replica)) => match config.standby(replica)?.state {
                CopyState::Damaged => {
                    let by = ReplicaId(u128::from(config.generation.0) << 64);
                    return configure(ConfigCommand::ReplaceCopy { replica, by });
                }
                CopyState::Copying => return propose(ProposedChange::Complete(replica)),
                CopyState::CatchingUp if record.step == Step::CatchUp => {
                    return propose(ProposedChange::Add(replica));
                }
                _ => {}
            },
            (Step::Switchover, Some(target)) if config.primary.replica != target => {
                let epoch = config.epoch;
                let certificate = Some(Certificate {
                    replica: target,
                    epoch,
                });
                let needs_certificate = true;
                return configure(ConfigCommand::BeginHandover {
                    target,
                    certificate,
                    needs_certificate,
                });
            }
            (Step::Promote, _) if config.epoch == record.epoch => {
                return configure(ConfigCommand::BeginPromote);
            }
            _ => {}
        }
        if record.state == OperationState::Reversing && record.replica == Some(config.primary.replica) {
            let (target, certificate, needs_certificate) = (record.source?, None, false);
            return match config.standby(target)?.state {
                CopyState::InSync => configure(ConfigCommand::BeginHandover {
                    target,
                    certificate,
                    needs_certificate,
                }),
                _ => propose(ProposedChange::Add(target)),
            };
        }
        let to = if turned {
            Step::Done
        } else {
            record.kind.after(record.step)?
        };
        let all = config.standbys.iter().map(|copy| self.certificate(copy.replica));
        let advance = OperationCommand::Advance {
            id,
            expected: record.generation,
            to,
            certificates: all.collect(),
        };
        Some((controller(), Command::Operation(advance)))
    }

    /// Answers of some candidates.
    fn answered(&self, a: u8) -> ConfigCommand {
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

fn check(before: &State, after: &State, history: &mut History) -> Result<(), TestCaseError> {
    let config = |state: &State| state.shards[&shard()].config.clone().expect("served");
    let (old, new) = (config(before), config(after));
    copies(before, &old, &new, history)?;
    let active = after
        .operations
        .active()
        .filter(|(_, record)| record.shard == shard());
    prop_assert!(active.count() <= 1, "two operations on one shard");
    for (id, record) in &before.operations.records {
        let Some(now) = after.operations.records.get(id) else {
            prop_assert!(!record.state.is_active(), "one was forgotten");
            continue;
        };
        prop_assert!(
            record.state.is_active() || record == now,
            "one has ended and goes on"
        );
        prop_assert!(
            record == now || now.generation > record.generation,
            "changed unseen"
        );
        if now.state.is_active() {
            operation(record, &old, &new)?;
        }
    }
    for record in after.operations.records.values() {
        stands(record, &new)?;
    }
    Ok(())
}

/// Copies come where they may be and under names that are new; none leaves that counts.
fn copies(
    before: &State,
    old: &ShardConfig,
    new: &ShardConfig,
    history: &mut History,
) -> Result<(), TestCaseError> {
    prop_assert!(
        old == new || new.generation > old.generation,
        "the configuration changed unseen"
    );
    prop_assert!(new.epoch >= old.epoch && new.epoch_max >= new.epoch);
    if new.epoch > old.epoch {
        prop_assert!(history.epochs.insert(new.epoch), "an epoch was given out twice");
    }
    for copy in old.candidates() {
        prop_assert!(new.names(copy.replica), "a copy left that counted");
    }
    let left = old.copies().filter(|copy| !new.names(copy.replica));
    history.gone.extend(left.map(|copy| copy.replica));
    history.gone.extend(&new.erased);
    for copy in new.copies() {
        prop_assert!(!history.gone.contains(&copy.replica), "a name came back");
        if old.copies().any(|known| known.node == copy.node) {
            continue;
        }
        let cell = &before.cells[&copy.node.cell];
        prop_assert!(cell.region.as_str().starts_with("eu-"), "against the law");
        prop_assert!(cell.state == CellState::Open, "in a cordoned cell");
    }
    Ok(())
}

/// What may happen to the copies that an operation is about.
fn operation(record: &OperationRecord, old: &ShardConfig, new: &ShardConfig) -> Result<(), TestCaseError> {
    let ordered = |replica: Option<ReplicaId>| {
        replica.is_some_and(|replica| new.erased.contains(&replica) && !old.erased.contains(&replica))
    };
    let turned = matches!(
        record.state,
        OperationState::Cancelling | OperationState::Reversing
    );
    prop_assert!(
        !ordered(record.source) || record.step == Step::Erase,
        "erased too early"
    );
    prop_assert!(!ordered(record.replica) || turned, "the new copy was erased");
    let target = match new.phase {
        crate::shard_config::ConfigPhase::Handover { target, .. } if new.phase != old.phase => Some(target),
        _ => None,
    };
    if target.is_some() && target == record.replica {
        let compared = record.certificate(old.epoch).is_some();
        prop_assert!(compared && record.step == Step::Switchover, "not compared");
    }
    Ok(())
}

/// An operation is at a step that its copy has reached.
fn stands(record: &OperationRecord, config: &ShardConfig) -> Result<(), TestCaseError> {
    use OperationState::{Paused, Running};
    let goes_on = matches!(record.state, Running | Paused);
    let made = record.replica.and_then(|replica| config.standby(replica));
    if let Some(replica) = record.replica.filter(|_| goes_on) {
        match record.step {
            Step::Copy | Step::CatchUp => prop_assert!(config.names(replica), "not added"),
            Step::Verify | Step::Switchover => {
                let in_sync = made.is_some_and(|copy| copy.state == CopyState::InSync);
                prop_assert!(in_sync, "not in sync");
            }
            _ => {}
        }
    }
    let source = record.source.filter(|source| config.names(*source));
    let past = goes_on && record.step >= Step::Erase;
    prop_assert!(!past || source.is_none(), "it stands in the configuration");
    Ok(())
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 64,
        ..Config::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_commands_break_a_rule(actions in actions()) {
        run(&actions)?;
    }
}

/// Operations of every kind come to every end, or the property would say little.
#[test]
fn random_commands_get_everywhere() {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let all = runner(256).run(&actions(), |actions| {
        let world = run(&actions)?;
        let ends = world.state.operations.records.values();
        let ends = ends.map(|record| (record.kind.name(), record.state.as_str()));
        seen.borrow_mut().extend(ends);
        Ok(())
    });
    assert!(all.is_ok(), "{all:?}");
    let seen = seen.into_inner();
    for end in [
        ("move", "done"),
        ("move", "cancelled"),
        ("move", "reversed"),
        ("move", "failed"),
        ("failover", "done"),
        ("verify", "done"),
        ("repair", "done"),
        ("repair", "cancelled"),
    ] {
        assert!(seen.contains(&end), "{end:?} was never reached: {seen:?}");
    }
}

#[test]
fn a_rule_left_out_is_seen() {
    for (bug, shows) in [
        (Planted::TwoOperations, "two operations"),
        (Planted::LawNotAsked, "against the law"),
        (Planted::EarlyErase, "erased"),
        (Planted::NoCertificate, "not compared"),
        (Planted::StepNotLookedAt, "not "),
        (Planted::InSyncRemoved, "a copy left that counted"),
        (Planted::NameGivenAgain, "a name came back"),
    ] {
        PLANTED.set(Some(bug));
        let found = runner(3_000).run(&actions(), |actions| run(&actions).map(|_| ()));
        PLANTED.set(None);
        let Err(TestError::Fail(why, _)) = found else {
            panic!("{bug:?} was not seen");
        };
        assert!(why.to_string().contains(shows), "{bug:?}: {why}");
    }
}
