//! Cells whose nodes share a store.

use control_plane_state::shard_config::CopyState;
use platform_model::thresholds::{BALANCE_AFTER_MS, BALANCE_EVERY_MS, MISSING_MS, REPORT_EVERY_MS, TICK_MS};

use super::last_copy::restore;
use super::operations::{blocked, state_of};
use super::*;

const HERE: &str = "eu-central-1/0";
const BESIDE: &str = "eu-central-1/1";
const THIRD: &str = "eu-central-1/2";
const STANDBY: &str = "eu-central-2/0";
const ELSEWHERE: &str = "eu-west-1/0";

fn on(sim: &Sim, id: &str) -> usize {
    let configs = sim
        .state
        .shards
        .values()
        .filter_map(|record| record.config.as_ref());
    configs.filter(|config| config.primary.node == node(id)).count()
}

#[test]
fn a_dead_nodes_shards_go_to_the_others_on_its_store_soon_and_under_a_new_epoch() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let holder = sim.primary();
    let other = if holder == HERE { BESIDE } else { HERE };
    let (epoch, replica) = (sim.config().epoch, sim.config().primary.replica);
    sim.nodes.kill(&node(&holder), sim.now_ms);
    let took = sim.run_until(5_000, |sim| on(sim, &holder) == 0);
    assert!(took <= MISSING_MS + REPORT_EVERY_MS + 2 * TICK_MS, "{took}");
    assert_eq!(sim.primary(), other);
    assert_eq!(sim.config().primary.replica, replica, "the same copy");
    assert!(sim.config().epoch > epoch);
    assert!(sim.reason("take-copy").contains(&holder));
    assert_eq!(sim.refusals(), []);
}

/// Nobody waits until it is found to be missing; and it gets nothing back while it goes.
#[test]
fn what_a_node_holds_that_is_about_to_stop_goes_to_the_others_on_its_store_at_once() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.run(BALANCE_AFTER_MS);
    sim.committed.clear();
    let holder = sim.primary();
    sim.nodes.leaving.insert(node(&holder));
    let took = sim.run_until(5_000, |sim| on(sim, &holder) == 0);
    assert!(took <= REPORT_EVERY_MS + 2 * TICK_MS, "{took}");
    let why = sim.reason("take-copy");
    assert!(why.contains(&holder) && why.contains("about to stop"), "{why}");
    sim.run(2 * BALANCE_EVERY_MS);
    assert_eq!(on(&sim, &holder), 0);
    assert_eq!(sim.refusals(), []);
    // All of them go: nothing is handed to and fro.
    let other = sim.primary();
    sim.committed.clear();
    sim.nodes.leaving.insert(node(&other));
    sim.run(2_000);
    assert_eq!((sim.primary(), sim.effects()), (other, Vec::new()));
}

/// With a standby elsewhere it hands over as any other node does, and writes wait for a moment only.
#[test]
fn a_node_that_is_about_to_stop_hands_over_to_a_standby_before_its_store_is_looked_at() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.add_standby(STANDBY);
    let holder = sim.primary();
    sim.nodes.leaving.insert(node(&holder));
    sim.run(3_000);
    assert_eq!(sim.primary(), STANDBY);
    let left = &sim.config().standbys[0];
    assert_ne!(left.node, node(&holder), "its copy stays in the store");
    assert_eq!(left.state, CopyState::InSync);
}

/// Three nodes on one store, each of which leads something, and nothing else in the world: two die at once.
#[test]
fn whoever_is_left_of_a_store_takes_all_of_it_over_though_most_nodes_are_silent() {
    let mut sim = sharing_three();
    // These two report in the same tick: neither is found to be missing before the other.
    for id in [BESIDE, THIRD] {
        sim.nodes.kill(&node(id), sim.now_ms);
    }
    sim.run_until(5_000, |sim| !sim.leader.may_begin(&sim.state));
    assert!(!sim.leader.may_begin(&sim.state), "too much for all else");
    let took = sim.run_until(5_000, |sim| on(sim, BESIDE) + on(sim, THIRD) == 0);
    assert!(took <= 2 * TICK_MS, "{took}");
    assert!(on(&sim, HERE) >= 3);
    assert_eq!(sim.refusals(), []);
}

/// As well elsewhere: more likely the controllers do not hear, and one node would be given all that the others serve.
#[test]
fn nothing_of_a_store_is_taken_over_while_most_nodes_elsewhere_are_silent_too() {
    let mut sim = sharing_three();
    for id in [STANDBY, ELSEWHERE] {
        sim.add_standby(id);
    }
    assert_eq!(sim.config().candidates().count(), 3);
    for id in [STANDBY, ELSEWHERE] {
        sim.nodes.kill(&node(id), sim.now_ms);
    }
    sim.run(2_000);
    sim.committed.clear();
    for id in [HERE, BESIDE] {
        sim.nodes.kill(&node(id), sim.now_ms);
    }
    sim.run(5_000);
    assert!(!sim.effects().contains(&"take-copy"), "{:?}", sim.effects());
    // One of the two is heard again: of all holders most are silent still, of those elsewhere not.
    sim.nodes.revive(&node(ELSEWHERE));
    sim.run(2_000);
    assert_eq!(on(&sim, HERE) + on(&sim, BESIDE), 0, "{:?}", sim.effects());
}

#[test]
fn paused_automation_takes_nothing_over_when_most_nodes_are_silent() {
    let mut sim = sharing_three();
    sim.pause_automation();
    for id in [BESIDE, THIRD] {
        sim.nodes.kill(&node(id), sim.now_ms);
    }
    sim.run(5_000);
    assert_eq!(sim.effects(), Vec::<&str>::new());
}

/// A cell of three nodes on one store, each of which leads something.
fn sharing_three() -> Sim {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.register(&node(THIRD));
    sim.run(BALANCE_AFTER_MS + 5 * BALANCE_EVERY_MS);
    for id in [HERE, BESIDE, THIRD] {
        assert!(on(&sim, id) >= 1, "{id} leads something");
    }
    sim.committed.clear();
    sim
}

#[test]
fn nodes_that_share_nothing_take_nothing_over() {
    let mut sim = Sim::new();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(10_000);
    assert_eq!(sim.primary(), HERE);
    assert_eq!(sim.effects(), Vec::<&str>::new());
}

#[test]
fn paused_automation_takes_nothing_over() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let holder = sim.primary();
    sim.pause_automation();
    sim.nodes.kill(&node(&holder), sim.now_ms);
    sim.run(10_000);
    assert_eq!(sim.primary(), holder);
}

/// Every shard of a cell was on one node: the other gets half, one after another, once both have reported for a while.
#[test]
fn a_node_that_comes_back_gets_its_share_again_without_a_copy() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(3_000);
    let all = on(&sim, BESIDE);
    assert!(all >= 3 && on(&sim, HERE) == 0, "{all}");
    sim.nodes.revive(&node(HERE));
    sim.run(BALANCE_AFTER_MS - 1_000);
    assert_eq!(on(&sim, HERE), 0, "not at once");
    sim.run(2_000 + BALANCE_EVERY_MS * all as u64);
    assert!(
        on(&sim, HERE).abs_diff(on(&sim, BESIDE)) <= 1,
        "{} {}",
        on(&sim, HERE),
        on(&sim, BESIDE)
    );
    sim.committed.clear();
    sim.run(30_000);
    assert!(!sim.effects().contains(&"take-copy"), "and then it stays");
}

/// It has a standby elsewhere too: whoever shares the store comes first, and is given the time that it must wait.
#[test]
fn a_node_on_the_same_store_comes_before_a_standby_elsewhere() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.add_standby(STANDBY);
    sim.committed.clear();
    let holder = sim.primary();
    sim.nodes.kill(&node(&holder), sim.now_ms);
    sim.run(5_000);
    assert_eq!(sim.config().primary.node.cell, node(&holder).cell);
    assert!(!sim.effects().contains(&"begin-promote"), "{:?}", sim.effects());
    // All of the cell is gone: its standby leads.
    let last = node(&sim.primary());
    sim.nodes.kill(&last, sim.now_ms);
    sim.run(5_000);
    assert_eq!(sim.primary(), STANDBY);
}

/// A standby in a shared store: not counted on until its primary has met it where it lies now.
#[test]
fn a_dead_nodes_standbys_are_taken_over_and_joined_again() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    sim.add_standby(STANDBY);
    assert_eq!(sim.config().candidates().count(), 2);
    // The standby leads; the old primary, in the shared store, is the standby now. Its node dies.
    let command = OperationKind::Failover {
        to: None,
        force: None,
    };
    sim.start(command).expect("a failover");
    sim.run(5_000);
    assert_eq!(sim.primary(), STANDBY);
    let lost = sim.config().standbys[0].clone();
    sim.nodes.kill(&lost.node, sim.now_ms);
    sim.run(5_000);
    let copy = sim.config().standbys[0].clone();
    assert_eq!(copy.replica, lost.replica);
    assert_ne!(copy.node, lost.node);
    assert_eq!(copy.state, CopyState::InSync);
}

#[test]
fn a_leader_that_dies_at_any_command_leaves_takeovers_that_the_next_one_ends() {
    for after in 1..4 {
        let mut sim = Sim::sharing(&["eu-central-1"]);
        sim.amnesia_after = Some(after);
        sim.nodes.kill(&node(HERE), sim.now_ms);
        sim.run(12_000);
        assert_eq!(on(&sim, HERE), 0, "after {after}");
    }
}

/// An order to another node would take the store from the one that serves.
#[test]
fn what_is_left_in_a_shared_store_is_erased_by_whoever_holds_the_shard_there() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let (old, holder) = (sim.config().primary.replica, sim.primary());
    let other = if holder == HERE { BESIDE } else { HERE };
    restore(&mut sim, other);
    assert_eq!(sim.config().left[&old], node(&holder));
    sim.run_until(5_000, |sim| !sim.nodes.erased.is_empty());
    assert_eq!(sim.nodes.erased, [(node(other), old)]);
}

/// Whoever has least would be given it otherwise.
#[test]
fn what_a_dead_node_leaves_goes_to_whoever_holds_the_shard_in_its_store() {
    for second in [false, true] {
        let mut sim = sharing_three();
        let (old, dead) = (sim.config().primary.replica, sim.primary());
        let mut others = [HERE, BESIDE, THIRD].into_iter().filter(|id| *id != dead);
        let to = others.nth(usize::from(second)).expect("two others");
        sim.nodes.kill(&node(&dead), sim.now_ms);
        sim.run(400);
        restore(&mut sim, to);
        // It is found to be missing before anything else is looked at.
        sim.now_ms += 350;
        sim.leader.look_over(&sim.state);
        let acts = sim.leader.take_over(sim.now_ms * 1_000, &sim.state);
        let given = acts.iter().find(|act| act.shard == Sim::shard()).expect("given");
        assert!(given.reason.contains(to), "{}", given.reason);
        sim.carry_out(acts);
        assert_eq!(sim.config().left[&old], node(to));
    }
}

/// Nothing is guessed there: it does not matter who is silent.
#[test]
fn what_is_left_goes_to_whoever_holds_the_shard_in_its_store_though_most_nodes_are_silent() {
    let mut sim = sharing_three();
    for id in [STANDBY, ELSEWHERE] {
        sim.add_standby(id);
    }
    for id in [STANDBY, ELSEWHERE, HERE, BESIDE] {
        sim.nodes.kill(&node(id), sim.now_ms);
    }
    sim.run(3_000);
    assert!(!sim.leader.may_begin(&sim.state));
    let (old, holder) = (sim.config().primary.replica, sim.primary());
    let other = if holder == HERE { BESIDE } else { HERE };
    restore(&mut sim, other);
    sim.leader.look_over(&sim.state);
    let acts = sim.leader.tidy(sim.now_ms * 1_000, &sim.state);
    sim.carry_out(acts);
    assert!(!sim.leader.may_begin(&sim.state));
    assert_eq!(sim.config().left[&old], node(other));
}

/// Another node would take the store from the one that serves: whoever waits is told why, and of the way out.
#[test]
fn an_operation_erases_nothing_in_a_store_before_it_is_with_whoever_holds_the_shard_there() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let kind = OperationKind::Repair {
        add: Some(node(STANDBY)),
        remove: None,
    };
    sim.start(kind).expect("a repair");
    sim.run(10_000);
    let (replica, holder) = (sim.config().standbys[0].replica, sim.primary());
    let other = if holder == HERE { BESIDE } else { HERE };
    let remove = Some(replica);
    let id = sim
        .start(OperationKind::Repair { add: None, remove })
        .expect("starts");
    sim.run_until(10_000, |sim| !sim.config().left.is_empty());
    sim.pause_automation();
    // As if it had lain in the store of the one that leads.
    let record = sim.state.shards.get_mut(&Sim::shard()).expect("a shard");
    let config = record.config.as_mut().expect("placed");
    config.left.insert(replica, node(other));
    sim.run(3_000);
    let waits = blocked(&sim, id);
    assert_eq!((waits.code, waits.who), ("left-elsewhere", holder.clone()));
    assert_eq!(waits.fix.as_deref(), Some("cellctl automation resume"));
    assert_eq!(sim.nodes.erased, []);
    let expected = sim.state.automation.generation;
    let paused = false;
    sim.accept(operator(), "go on", Command::SetAutomation { paused, expected });
    sim.run(5_000);
    assert_eq!(sim.nodes.erased, [(node(&holder), replica)]);
    assert_eq!(state_of(&sim, id), "done");
}

/// A store holds a shard once: whoever asks for a second copy there is told so, and nothing is refused again and again.
#[test]
fn a_move_within_a_store_waits_and_says_why() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let holder = sim.primary();
    let to = node(if holder == HERE { BESIDE } else { HERE });
    let id = sim
        .start(OperationKind::Move { to, window_ms: 0 })
        .expect("starts");
    sim.run(3_000);
    let waits = blocked(&sim, id);
    assert_eq!(waits.code, "target-refused");
    assert_eq!(waits.fix, Some(format!("cellctl operation cancel {id}")));
    assert_eq!(sim.refusals(), []);
}

/// What broke: controllers of an earlier build refuse it, and were asked on every tick.
#[test]
fn what_is_left_is_given_once_more_only_after_a_while_if_nothing_comes_of_it() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let holder = sim.primary();
    let other = if holder == HERE { BESIDE } else { HERE };
    restore(&mut sim, other);
    let given = |sim: &mut Sim, after_ms: u64| {
        sim.now_ms += after_ms;
        sim.leader.look_over(&sim.state);
        let acts = sim.leader.tidy(sim.now_ms * 1_000, &sim.state);
        // As refused.
        sim.leader.settled(&Sim::shard());
        acts.iter().filter(|act| act.shard == Sim::shard()).count()
    };
    let counts = [0, 100, 29_000, 1_000].map(|after_ms| given(&mut sim, after_ms));
    assert_eq!(counts, [1, 0, 0, 1]);
}
