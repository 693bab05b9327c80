//! A primary that serves and should not, or not for long.

use control_plane_state::operation::Step;
use control_plane_state::shard_config::ConfigPhase;
use platform_model::thresholds::{HANDOVER_MS, SUSPECT_AGAIN_MS};

use super::operations::{a_move, blocked, state_of};
use super::*;

const HERE: &str = "eu-central-1/0";
const STANDBY: &str = "eu-central-2/0";
const AWAY: &str = "eu-west-1/0";

#[test]
fn a_primary_whose_commits_stall_hands_over() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.stalled.insert(node(HERE));
    sim.run(2_000);
    assert_eq!(sim.primary(), STANDBY);
    assert_eq!(sim.effects(), ["begin-handover", "finish-handover"]);
    assert!(sim.reason("begin-handover").starts_with("suspect: "));
}

#[test]
fn one_whose_drain_does_not_end_is_replaced() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.stalled.insert(node(HERE));
    sim.nodes.deaf.insert(node(STANDBY));
    let before = sim.config().epoch;
    sim.run(HANDOVER_MS + 2_000);
    assert_eq!(sim.config().phase, ConfigPhase::Steady);
    assert!(sim.config().epoch > before);
    let effects = sim.effects();
    assert_eq!(
        effects[..3],
        ["begin-handover", "begin-promote", "finish-promote"]
    );
    assert!(sim.reason("begin-promote").contains("drain does not end"));
}

#[test]
fn a_suspect_is_relieved_once_in_a_while_and_never_while_automation_is_paused() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    // Both are slow: the shard does not go to and fro.
    sim.nodes.stalled.insert(node(HERE));
    sim.nodes.stalled.insert(node(STANDBY));
    sim.run(SUSPECT_AGAIN_MS - 5_000);
    let begun = sim
        .effects()
        .iter()
        .filter(|name| **name == "begin-handover")
        .count();
    assert_eq!(begun, 1, "{:?}", sim.effects());

    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.pause_automation();
    sim.nodes.stalled.insert(node(HERE));
    sim.run(5_000);
    assert_eq!(sim.effects(), Vec::<&str>::new());
}

#[test]
fn a_node_that_is_about_to_stop_hands_over_what_it_leads() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.leaving.insert(node(HERE));
    sim.run(2_000);
    assert_eq!(sim.primary(), STANDBY);
    assert_eq!(sim.effects(), ["begin-handover", "finish-handover"]);
    assert!(sim.reason("begin-handover").contains("is about to stop"));
    // It has thought better of it, or was started again: it may lead as before.
    sim.nodes.leaving.clear();
    sim.nodes.leaving.insert(node(STANDBY));
    sim.run(2_000);
    assert_eq!(sim.primary(), HERE);
}

#[test]
fn while_automation_is_paused_it_goes_with_what_it_leads() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.pause_automation();
    sim.nodes.leaving.insert(node(HERE));
    sim.run(2_000);
    assert_eq!(sim.primary(), HERE);
    assert!(sim.committed.is_empty(), "it does not even ask");
}

/// A whole world is stopped: nothing goes to and fro.
#[test]
fn nothing_is_handed_to_a_node_that_leaves_too() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.leaving.insert(node(STANDBY));
    sim.run(1_000);
    sim.nodes.leaving.insert(node(HERE));
    sim.run(2_000);
    assert_eq!(sim.primary(), HERE);
    assert_eq!(sim.effects(), Vec::<&str>::new());
}

/// The first standby stands from now on where the law lets nobody lead. What repairs that is not due yet.
fn comes_to_be_unlawful(sim: &mut Sim) {
    let record = sim.state.shards.get_mut(&Sim::shard()).expect("a shard");
    let config = record.config.as_mut().expect("placed");
    config.standbys[0].node = node("us-east-1/0");
    sim.leader.repaired_micros = sim.now_ms * 1_000;
}

/// The planted omission: it is given to the first that is in sync, and refused, report after report.
#[test]
fn a_node_that_is_about_to_stop_hands_over_to_a_standby_that_may_lead() {
    let mut sim = Sim::with_standbys(&[STANDBY, AWAY]);
    comes_to_be_unlawful(&mut sim);
    sim.nodes.leaving.insert(node(HERE));
    sim.run_until(800, |sim| sim.primary() == AWAY);
    assert_eq!(sim.primary(), AWAY);
    assert_eq!(sim.refusals(), []);
}

#[test]
fn a_failover_that_names_nobody_lets_one_lead_that_may() {
    let mut sim = Sim::with_standbys(&[STANDBY, AWAY]);
    comes_to_be_unlawful(&mut sim);
    let (to, force) = (None, None);
    let id = sim.start(OperationKind::Failover { to, force }).expect("starts");
    sim.run(5_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("done", AWAY));
}

#[test]
fn a_move_whose_copy_may_not_lead_any_more_says_so() {
    let mut sim = Sim::new();
    let id = sim.start(a_move(STANDBY, 0)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Switchover);
    comes_to_be_unlawful(&mut sim);
    sim.run(3_000);
    let waits = blocked(&sim, id);
    assert_eq!(waits.code, "may-not-lead");
    assert_eq!(waits.fix, Some(format!("cellctl operation cancel {id}")));
    assert_eq!((sim.primary().as_str(), sim.refusals()), (HERE, Vec::new()));
}

/// Both are in sync, and a failover to the one that may not lead would be refused.
#[test]
fn nobody_is_told_to_let_one_lead_who_may_not() {
    let mut sim = Sim::with_standbys(&[STANDBY, AWAY]);
    comes_to_be_unlawful(&mut sim);
    let record = sim.state.shards.get_mut(&Sim::shard()).expect("a shard");
    let config = record.config.as_mut().expect("placed");
    config.standbys.reverse();
    let remove = Some(config.standbys[0].replica);
    sim.pause_automation();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(2_000);
    let add = None;
    let id = sim.start(OperationKind::Repair { add, remove }).expect("starts");
    sim.run(2_000);
    let fix = format!("cellctl shard failover {} --to {AWAY}", Sim::shard());
    assert_eq!(blocked(&sim, id).fix, Some(fix));
}
