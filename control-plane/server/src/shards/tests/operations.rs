//! Whole operations over simulated nodes, with leaders that forget everything in the middle.

use control_plane_state::operation::{Force, OperationRefusal, OperationState, Step};
use control_plane_state::shard_config::{ConfigPhase, CopyState};
use platform_model::CellState;

use super::*;
use crate::shards::next::{Blocked, Next};

const HERE: &str = "eu-central-1/0";
const THERE: &str = "eu-central-2/0";
const OTHER: &str = "eu-west-1/0";
const ABROAD: &str = "us-east-1/0";

pub(super) fn a_move(to: &str, window_ms: u64) -> OperationKind {
    OperationKind::Move {
        to: node(to),
        window_ms,
    }
}

pub(super) fn state_of(sim: &Sim, id: OperationId) -> &'static str {
    sim.operation(id).state.as_str()
}

/// Nothing is left of what was under way.
pub(super) fn is_clean(sim: &Sim) {
    let config = sim.config();
    assert_eq!(config.phase, ConfigPhase::Steady);
    assert!(config.left.is_empty() && config.erasing.is_empty() && config.retiring.is_empty());
    assert!(sim.state.operations.active().next().is_none());
}

pub(super) fn blocked(sim: &Sim, id: OperationId) -> Blocked {
    let (now, now_ms) = (sim.now_ms * 1_000, BEGIN_MS + sim.now_ms);
    let next = sim.leader.next_of(now, now_ms, &sim.state, id, sim.operation(id));
    match next {
        Some(Next::Blocked(blocked)) => blocked,
        other => panic!("it waits for nothing: {other:?}"),
    }
}

#[test]
fn a_move_goes_through_its_steps_and_leaves_nothing_behind() {
    let mut sim = Sim::new();
    let old = sim.config().primary.replica;
    let id = sim.start(a_move(THERE, 2_000)).expect("starts");
    sim.run(20_000);
    assert_eq!(state_of(&sim, id), "done", "{:?}", sim.operation(id));
    assert_eq!(sim.primary(), THERE);
    assert_eq!(sim.config().standbys, []);
    let record = sim.operation(id);
    assert_eq!(record.certificates[0].chunks, 4);
    assert_eq!(
        record.receipt.map(|receipt| (receipt.replica, receipt.bytes)),
        Some((old, 3_000))
    );
    assert_eq!(sim.nodes.erased, [(node(HERE), old)]);
    assert_eq!(sim.refusals(), []);
    is_clean(&sim);
    let steps: Vec<_> = sim
        .effects()
        .into_iter()
        .filter(|name| *name != "advance-operation")
        .collect();
    assert_eq!(
        steps,
        [
            "add-copy",
            "copy-complete",
            "copy-in-sync",
            "begin-handover",
            "finish-handover",
            "retire-copy",
            "remove-copy",
            "erase-copy",
            "copy-erased"
        ]
    );
}

#[test]
fn a_move_survives_a_leader_that_dies_after_any_command() {
    for (after, words) in (1..8).flat_map(|after| [(after, false), (after, true)]) {
        let mut sim = Sim::with_standbys(&[OTHER]);
        (sim.amnesia_after, sim.words) = (Some(after), words);
        let old = sim.config().primary.replica;
        let id = sim.start(a_move(THERE, 500)).expect("starts");
        sim.run_until(90_000, |sim| state_of(sim, id) == "done");
        assert_eq!(
            state_of(&sim, id),
            "done",
            "after {after}, words {words}: {:?}",
            sim.operation(id)
        );
        assert_eq!(sim.primary(), THERE);
        assert_eq!(sim.config().standbys.len(), 1);
        let erased: Vec<_> = sim
            .nodes
            .erased
            .iter()
            .filter(|(_, replica)| *replica == old)
            .collect();
        assert_eq!(erased.len(), 1, "one order, one erasure");
        is_clean(&sim);
    }
}

/// The step at which each command is given, and what the operation is then.
fn cancelled_at(step: Step) -> (Sim, OperationId) {
    let mut sim = Sim::new();
    if step == Step::Copy {
        sim.nodes.stuck.insert(node(THERE));
    }
    if step == Step::Switchover {
        sim.nodes.deaf.insert(node(THERE));
    }
    let id = sim.start(a_move(THERE, 60_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == step);
    assert_eq!(sim.operation(id).step, step);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Cancel { id, expected })
        .expect("may be cancelled");
    (sim, id)
}

#[test]
fn a_move_that_is_cancelled_at_any_step_leaves_everything_as_it_was() {
    for step in [
        Step::AddStandby,
        Step::Copy,
        Step::CatchUp,
        Step::Verify,
        Step::Switchover,
    ] {
        let (mut sim, id) = cancelled_at(step);
        sim.amnesia_after = Some(2);
        sim.run(15_000);
        assert_eq!(state_of(&sim, id), "cancelled", "{step}: {:?}", sim.operation(id));
        assert_eq!(sim.primary(), HERE);
        assert_eq!(sim.config().standbys, [], "{step}");
        is_clean(&sim);
    }
}

#[test]
fn a_move_is_reversed_within_its_window_and_not_after_it() {
    let mut sim = Sim::new();
    let (old, id) = (
        sim.config().primary.replica,
        sim.start(a_move(THERE, 60_000)).expect("starts"),
    );
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    assert_eq!(sim.primary(), THERE);
    let waits = blocked(&sim, id);
    assert_eq!(
        (waits.code, waits.fix.as_deref()),
        ("window", Some("cellctl operation finish 1"))
    );
    let expected = sim.operation(id).generation;
    let refused = sim.order(OperationCommand::Cancel { id, expected });
    assert_eq!(refused, Err(OperationRefusal::ReverseInstead(id).into()));
    sim.order(OperationCommand::Reverse { id, expected })
        .expect("may be reversed");
    sim.amnesia_after = Some(3);
    sim.run(20_000);
    assert_eq!(state_of(&sim, id), "reversed", "{:?}", sim.operation(id));
    assert_eq!(
        (sim.primary().as_str(), sim.config().primary.replica),
        (HERE, old)
    );
    assert_eq!(sim.config().standbys, []);
    is_clean(&sim);

    let mut sim = Sim::new();
    let id = sim.start(a_move(THERE, 100)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Erase);
    let expected = sim.operation(id).generation;
    let refused = sim.order(OperationCommand::Reverse { id, expected });
    assert_eq!(refused, Err(OperationRefusal::PointOfNoReturn(id).into()));
}

#[test]
fn a_paused_move_begins_nothing_and_goes_on_when_it_is_told() {
    let mut sim = Sim::new();
    let id = sim.start(a_move(THERE, 100)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::CatchUp);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Pause { id, expected })
        .expect("may be paused");
    sim.run(20_000);
    assert_eq!(sim.primary(), HERE);
    let waits = blocked(&sim, id);
    assert_eq!(
        (waits.code, waits.fix.as_deref()),
        ("paused", Some("cellctl operation resume 1"))
    );
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Resume { id, expected })
        .expect("goes on");
    sim.run(20_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("done", THERE));
}

#[test]
fn a_target_that_dies_blocks_the_move_which_ends_with_its_deadline_without_residue() {
    let mut sim = Sim::new();
    sim.nodes.stuck.insert(node(THERE));
    let deadline_ms = BEGIN_MS + sim.now_ms + 30_000;
    let start = Begin {
        shard: Sim::shard(),
        kind: a_move(THERE, 0),
        expected: sim.config().generation,
        deadline_ms: Some(deadline_ms),
        plan: None,
    };
    sim.order(OperationCommand::Start(start)).expect("starts");
    let id = sim.state.operations.last;
    sim.run_until(10_000, |sim| sim.operation(id).step == Step::Copy);
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(5_000);
    let waits = blocked(&sim, id);
    assert_eq!((waits.code, waits.who.as_str()), ("target-silent", THERE));
    assert_eq!(waits.fix.as_deref(), Some("cellctl operation cancel 1"));
    sim.run(30_000);
    assert_eq!(state_of(&sim, id), "cancelled", "{:?}", sim.operation(id));
    assert_eq!((sim.primary().as_str(), sim.config().standbys.len()), (HERE, 0));
    // Its order to erase waits for it.
    assert_eq!(sim.config().erasing.len(), 1);
    sim.nodes.revive(&node(THERE));
    sim.run(1_000);
    is_clean(&sim);
}

#[test]
fn a_source_that_dies_in_the_middle_of_a_move_is_followed_and_the_move_ends() {
    let mut sim = Sim::with_standbys(&[OTHER]);
    let id = sim.start(a_move(THERE, 1_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::CatchUp);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(20_000);
    assert_eq!(sim.primary(), THERE, "{:?}", sim.operation(id));
    sim.nodes.revive(&node(HERE));
    sim.run(20_000);
    assert_eq!(state_of(&sim, id), "done", "{:?}", sim.operation(id));
    is_clean(&sim);
}

#[test]
fn a_verification_tells_which_copy_differs() {
    let mut sim = Sim::with_standbys(&[THERE, OTHER]);
    let id = sim.start(OperationKind::Verify).expect("starts");
    sim.run(5_000);
    assert_eq!(state_of(&sim, id), "done");
    assert_eq!(sim.operation(id).certificates.len(), 2);
    let bad = sim.config().standbys[0].replica;
    sim.nodes.differ.insert(bad);
    let id = sim.start(OperationKind::Verify).expect("starts");
    sim.run(5_000);
    let OperationState::Failed { why } = &sim.operation(id).state else {
        panic!("{:?}", sim.operation(id))
    };
    assert!(why.contains(&bad.to_string()) && why.contains("chunk 2"), "{why}");
}

#[test]
fn a_failover_by_hand_hands_over_if_it_can_and_promotes_if_it_cannot() {
    let mut sim = Sim::with_standbys(&[THERE, OTHER]);
    let to = sim.config().standbys[1].replica;
    let failover = |to| OperationKind::Failover { to, force: None };
    let id = sim.start(failover(Some(to))).expect("starts");
    sim.run(3_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("done", OTHER));
    assert!(!sim.effects().contains(&"begin-promote"));

    // The primary is gone, and nobody does anything by himself: a person does.
    let mut sim = Sim::with_standbys(&[THERE]);
    sim.pause_automation();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(2_000);
    let id = sim.start(failover(None)).expect("starts");
    sim.run(3_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("done", THERE));

    // It answers and does not let go.
    let mut sim = Sim::with_standbys(&[THERE]);
    sim.nodes.deaf.insert(node(THERE));
    sim.nodes.stalled.insert(node(HERE));
    let id = sim.start(failover(None)).expect("starts");
    sim.run(6_000);
    assert_eq!(state_of(&sim, id), "done");
    assert!(sim.effects().contains(&"finish-promote"));
}

#[test]
fn a_forced_failover_takes_a_persons_word_and_nothing_less() {
    let mut sim = Sim::with_standbys(&[THERE]);
    let standby = sim.config().standbys[0].replica;
    // The standby falls behind, then the primary is lost.
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(2_000);
    assert_eq!(sim.config().standbys[0].state, CopyState::CatchingUp);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.nodes.revive(&node(THERE));
    sim.run(5_000);
    assert_eq!(sim.primary(), HERE, "never by itself");
    let failover = |force| OperationKind::Failover {
        to: Some(standby),
        force,
    };
    let force = |old_primary_is_dead| Force {
        old_primary_is_dead,
        loss_entries_max: 1_000,
    };
    let refused = sim.start(failover(None));
    assert_eq!(refused, Err(OperationRefusal::NoCandidate(standby).into()));
    let refused = sim.start(failover(Some(force(false))));
    assert_eq!(refused, Err(OperationRefusal::ForceIncomplete.into()));
    let id = sim.start(failover(Some(force(true)))).expect("starts");
    sim.run(5_000);
    assert_eq!(
        (state_of(&sim, id), sim.primary().as_str()),
        ("done", THERE),
        "{:?}",
        sim.effects()
    );
}

#[test]
fn what_cannot_be_is_refused_by_name_and_leaves_nothing() {
    let mut sim = Sim::new();
    let before = sim.state.clone();
    let refused = |sim: &mut Sim, kind| sim.start(kind).expect_err("refused");
    let itself = refused(&mut sim, a_move(HERE, 0));
    assert_eq!(itself, OperationRefusal::ToItself(node(HERE)).into());
    let unknown = refused(&mut sim, a_move("eu-west-1/7", 0));
    assert_eq!(unknown, Refusal::UnknownNode(node("eu-west-1/7")));
    let abroad = refused(&mut sim, a_move(ABROAD, 0));
    assert!(matches!(abroad, Refusal::LawForbids(_)), "{abroad:?}");
    let nobody = refused(
        &mut sim,
        OperationKind::Failover {
            to: None,
            force: None,
        },
    );
    assert_eq!(nobody, OperationRefusal::NobodyElse.into());
    let nothing = refused(&mut sim, OperationKind::Verify);
    assert_eq!(nothing, OperationRefusal::NothingToCompare.into());
    assert_eq!(
        (&sim.state.shards, &sim.state.operations),
        (&before.shards, &before.operations)
    );

    let cordon = Command::SetCellState {
        cell: node(OTHER).cell,
        state: CellState::Cordoned,
        expected: sim.state.cells[&node(OTHER).cell].generation,
    };
    sim.accept(operator(), "a drill", cordon);
    let cordoned = refused(&mut sim, a_move(OTHER, 0));
    assert_eq!(cordoned, Refusal::CellCordoned(node(OTHER).cell));

    let stale = Begin {
        shard: Sim::shard(),
        kind: a_move(THERE, 0),
        expected: Generation(sim.config().generation.0 - 1),
        deadline_ms: None,
        plan: None,
    };
    let stale = sim
        .order(OperationCommand::Start(stale))
        .expect_err("another has changed it");
    assert!(matches!(stale, Refusal::GenerationMismatch { .. }));

    let id = sim.start(a_move(THERE, 0)).expect("starts");
    let second = refused(&mut sim, a_move(THERE, 0));
    let shard = Sim::shard();
    assert_eq!(
        second,
        OperationRefusal::AlreadyUnderWay { shard, operation: id }.into()
    );
    sim.run(20_000);
    assert_eq!(state_of(&sim, id), "done");
    is_clean(&sim);
}
