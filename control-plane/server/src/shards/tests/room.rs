//! A disk that cannot hold a copy takes none, and what waits for it says so.

use platform_model::thresholds::ROOM_LEFT_MIB;
use platform_model::{CellState, Survival};

use super::super::next::{Blocked, Next};
use super::*;
use crate::testing::nodes::SHARD_BYTES;

const THERE: &str = "eu-west-1/0";
/// What a node must have to take the shard.
const ENOUGH: u64 = SHARD_BYTES + (ROOM_LEFT_MIB << 20);

fn a_move() -> OperationKind {
    OperationKind::Move {
        to: node(THERE),
        window_ms: 500,
    }
}

/// As nodes tell it from now on, long enough for each to have told it.
fn has_left(sim: &mut Sim, id: &str, free_bytes: u64) {
    sim.nodes.free_bytes.insert(node(id), free_bytes);
    sim.run(2 * REPORT_EVERY_MS);
}

fn blocked(sim: &Sim, id: OperationId) -> Option<Blocked> {
    let (now, now_ms) = (sim.now_ms * 1_000, BEGIN_MS + sim.now_ms);
    match sim.leader.next_of(now, now_ms, &sim.state, id, sim.operation(id)) {
        Some(Next::Blocked(blocked)) => Some(blocked),
        _ => None,
    }
}

#[test]
fn a_move_to_a_disk_without_room_begins_nothing_and_is_taken_back_without_a_trace() {
    let mut sim = Sim::new();
    has_left(&mut sim, THERE, ENOUGH - 1);
    sim.committed.clear();
    let id = sim.start(a_move()).expect("starts");
    sim.run(5_000);
    let waits = blocked(&sim, id).expect("it waits");
    assert_eq!((waits.code, waits.who.as_str()), ("no-room", THERE));
    assert!(waits.what.contains("1151 MiB more, and 1152"), "{}", waits.what);
    assert_eq!(waits.fix, Some(format!("cellctl operation cancel {id}")));
    assert_eq!(sim.effects(), Vec::<&str>::new(), "nothing was begun");
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Cancel { id, expected })
        .expect("taken back");
    sim.run(3_000);
    assert_eq!(sim.operation(id).state.as_str(), "cancelled");
    let config = sim.config();
    assert!(config.standbys.is_empty() && config.left.is_empty() && config.erasing.is_empty());
    assert_eq!(sim.nodes.erased, []);
    assert_eq!(sim.refusals(), []);
}

#[test]
fn a_move_goes_on_once_there_is_room_and_who_tells_nothing_keeps_nothing_back() {
    let mut sim = Sim::new();
    has_left(&mut sim, THERE, 0);
    let id = sim.start(a_move()).expect("starts");
    sim.run(3_000);
    assert!(blocked(&sim, id).is_some());
    has_left(&mut sim, THERE, ENOUGH);
    sim.run(20_000);
    assert_eq!(
        sim.operation(id).state.as_str(),
        "done",
        "{:?}",
        sim.operation(id)
    );

    let mut sim = Sim::new();
    let id = sim.start(a_move()).expect("starts");
    sim.run(20_000);
    assert_eq!(sim.operation(id).state.as_str(), "done", "nobody tells");
}

#[test]
fn repair_makes_no_copy_on_a_disk_without_room_and_makes_it_once_there_is() {
    let mut sim = Sim::new();
    has_left(&mut sim, THERE, ENOUGH - 1);
    let home = "eu/eu-central".parse().expect("a home");
    let expected = sim.state.homes[&home].survival.generation;
    let goal = Survival::Region;
    let command = Command::SetSurvival { home, goal, expected };
    sim.accept(operator(), "a test", command);
    sim.run(15_000);
    assert_eq!(sim.config().standbys, []);
    assert!(sim.state.operations.records.is_empty(), "none was begun");
    has_left(&mut sim, THERE, ENOUGH);
    sim.run(15_000);
    let standbys = &sim.config().standbys;
    assert_eq!(standbys.len(), 1, "{standbys:?}");
    assert_eq!(standbys[0].node, node(THERE));
}

#[test]
fn a_repair_that_finds_no_room_is_given_up_for_another_is_planned() {
    let mut sim = Sim::new();
    has_left(&mut sim, THERE, 0);
    let repair = OperationKind::Repair {
        add: Some(node(THERE)),
        remove: None,
    };
    let id = sim.start(repair).expect("starts");
    sim.run(5_000);
    assert_eq!(sim.operation(id).state.as_str(), "cancelled");
    assert_eq!(sim.config().standbys, []);
    assert_eq!(sim.reason("cancel-operation"), "its target has no room");
}

/// Else it would be under way for ever, and the shard below its goal.
#[test]
fn a_repair_whose_target_is_closed_before_it_begins_is_given_up() {
    let mut sim = Sim::new();
    let there = node(THERE);
    sim.nodes.kill(&there, sim.now_ms);
    sim.run(2_000);
    let (add, remove) = (Some(there.clone()), None);
    let id = sim.start(OperationKind::Repair { add, remove }).expect("starts");
    sim.run(1_000);
    assert_eq!(blocked(&sim, id).map(|waits| waits.code), Some("target-silent"));
    let cordon = Command::SetCellState {
        cell: there.cell.clone(),
        state: CellState::Cordoned,
        expected: sim.state.cells[&there.cell].generation,
    };
    sim.accept(operator(), "a drill", cordon);
    sim.nodes.revive(&there);
    sim.run(3_000);
    assert_eq!(sim.operation(id).state.as_str(), "cancelled");
    assert_eq!(sim.refusals(), []);
}
