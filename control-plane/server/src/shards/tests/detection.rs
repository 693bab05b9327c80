//! Two witnesses, and what stops them.

use control_plane_state::shard_config::{ConfigPhase, CopyState};
use platform_model::thresholds::{LEASE_MS, LISTEN_MS, PREPARE_WAIT_MS, REPORT_EVERY_MS, TICK_MS};

use super::*;

const HERE: &str = "eu-central-1/0";
const STANDBY: &str = "eu-central-2/0";
const OTHER: &str = "eu-west-1/0";

#[test]
fn a_primary_that_died_is_followed_by_its_standby_soon() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let before = sim.config().epoch;
    sim.nodes.kill(&node(HERE), sim.now_ms);
    let took = sim.run_until(5_000, |sim| sim.primary() == STANDBY);
    assert_eq!(sim.primary(), STANDBY);
    // A lease, two reports (one that says so, one that answers `Prepare`), and what the ticks are late. Nobody waits for
    // the answer of a node that does not report.
    let most = LEASE_MS + 2 * REPORT_EVERY_MS + 3 * TICK_MS;
    assert!(took <= most, "{took} ms, at most {most}");
    assert!(most < LEASE_MS + PREPARE_WAIT_MS);
    assert!(sim.config().epoch > before);
    assert_eq!(
        sim.config().standbys[0].state,
        CopyState::CatchingUp,
        "the old one must catch up"
    );
    assert!(
        sim.reason("begin-promote").contains(HERE),
        "{}",
        sim.reason("begin-promote")
    );
    assert_eq!(sim.reason("finish-promote"), "1 of 2 candidates answered");
    assert_eq!(sim.refusals(), []);
}

#[test]
fn the_old_primary_comes_back_as_a_standby_and_joins() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(3_000);
    sim.nodes.revive(&node(HERE));
    sim.run(3_000);
    assert_eq!(sim.primary(), STANDBY);
    assert_eq!(sim.config().candidates().count(), 2);
    assert_eq!(sim.refusals(), []);
}

/// Its reports are missing, but its standby hears it: only its way to the controllers is cut.
#[test]
fn a_node_that_only_lost_the_controllers_is_left_alone() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let silent = node(HERE);
    // It serves on: for the standby it is up. The simulation of its reports stops alone.
    for _ in 0..40 {
        sim.now_ms += REPORT_EVERY_MS;
        let table = sim.state.table();
        for id in NODES.iter().map(|id| node(id)).filter(|id| *id != silent) {
            let report = sim.nodes.report(&id, &table, sim.now_ms);
            let acts = sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report);
            sim.carry_out(acts);
        }
        let acts = sim.leader.tick(sim.now_ms * 1_000, &sim.state);
        sim.carry_out(acts);
    }
    assert_eq!(sim.effects(), Vec::<&str>::new());
    assert_eq!(sim.config().phase, ConfigPhase::Steady);
}

#[test]
fn with_several_standbys_all_that_report_are_heard_before_one_is_chosen() {
    let mut sim = Sim::with_standbys(&[STANDBY, OTHER]);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(3_000);
    assert_eq!(sim.reason("finish-promote"), "2 of 3 candidates answered");
    let in_sync = sim.config().candidates().count();
    assert_eq!(in_sync, 2, "both stay in sync");
}

#[test]
fn a_new_leader_listens_before_it_calls_anybody_dead() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(LEASE_MS - 2 * TICK_MS);
    assert_eq!(sim.effects(), Vec::<&str>::new());
    // The leader is another one now, and has heard nobody.
    sim.leader = Leader::new(sim.now_ms * 1_000, fresh);
    sim.run(LISTEN_MS - TICK_MS);
    assert_eq!(sim.effects(), Vec::<&str>::new(), "it listens");
    sim.run(1_500);
    assert_eq!(sim.primary(), STANDBY);
}

#[test]
fn a_leader_that_dies_at_any_command_leaves_a_failover_that_the_next_one_ends() {
    for after in 1..4 {
        let mut sim = Sim::with_standbys(&[STANDBY, OTHER]);
        sim.amnesia_after = Some(after);
        sim.nodes.kill(&node(HERE), sim.now_ms);
        sim.run(12_000);
        assert_ne!(sim.primary(), HERE, "after {after}");
        assert_eq!(sim.config().phase, ConfigPhase::Steady);
    }
}

#[test]
fn paused_automation_begins_no_failover_and_ends_what_has_begun() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.pause_automation();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(5_000);
    assert_eq!(sim.primary(), HERE);
    assert_eq!(sim.effects(), Vec::<&str>::new());

    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run_until(5_000, |sim| sim.config().phase != ConfigPhase::Steady);
    sim.pause_automation();
    sim.run(3_000);
    assert_eq!(sim.primary(), STANDBY, "what had begun was ended");
}

#[test]
fn when_most_nodes_are_silent_at_once_nothing_is_begun() {
    let mut sim = Sim::with_standbys(&[STANDBY, OTHER]);
    // Two of the three that hold copies.
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.nodes.kill(&node(OTHER), sim.now_ms);
    sim.run(5_000);
    assert_eq!(sim.primary(), HERE);
    assert_eq!(sim.effects(), Vec::<&str>::new());
    assert!(!sim.leader.may_begin(&sim.state));
    sim.nodes.revive(&node(OTHER));
    sim.run(3_000);
    assert_eq!(sim.primary(), STANDBY, "enough are heard again");
}

#[test]
fn a_shard_with_one_copy_stays_where_it_is() {
    let mut sim = Sim::new();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(5_000);
    assert_eq!(sim.effects(), Vec::<&str>::new());
    sim.nodes.revive(&node(HERE));
    sim.run(1_000);
    assert_eq!(sim.config().phase, ConfigPhase::Steady);
}

#[test]
fn a_copy_of_no_use_is_made_anew_under_another_name_and_the_old_one_erased() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let old = sim.config().standbys[0].replica;
    sim.nodes.unusable.insert(old);
    sim.run(5_000);
    let standby = &sim.config().standbys[0];
    assert_ne!(standby.replica, old);
    assert_eq!(standby.state, CopyState::InSync, "{:?}", sim.effects());
    assert!(sim.config().erased.contains(&old));
    assert_eq!(sim.nodes.erased, [(node(STANDBY), old)]);
    assert!(sim.config().erasing.is_empty(), "its receipt is in");
}
