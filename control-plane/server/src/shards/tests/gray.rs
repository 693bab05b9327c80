//! A primary that serves and should not, or not for long.

use control_plane_state::shard_config::ConfigPhase;
use platform_model::thresholds::{HANDOVER_MS, SUSPECT_AGAIN_MS};

use super::*;

const HERE: &str = "eu-central-1/0";
const STANDBY: &str = "eu-central-2/0";

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
