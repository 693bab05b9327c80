//! Standbys come and go as the goals of homes say.

use control_plane_planner::Infeasible;
use control_plane_state::shard_config::CopyState;
use platform_model::Survival;
use platform_model::thresholds::{REPAIR_AFTER_MS, ROOM_LEFT_MIB};

use super::super::repair::NotByHand;
use super::*;
use crate::testing::nodes::SHARD_BYTES;

const HERE: &str = "eu-central-1/0";

fn set_goal(sim: &mut Sim, goal: Survival) {
    let home = "eu/eu-central".parse().expect("a home");
    let expected = sim.state.homes[&home].survival.generation;
    let command = Command::SetSurvival { home, goal, expected };
    sim.accept(operator(), "a test", command);
}

/// What a person has repaired.
fn by_hand(sim: &Sim) -> Result<OperationKind, NotByHand> {
    let observed = sim.leader.observed_by_hand(sim.now_ms * 1_000, &sim.state);
    super::super::repair::by_hand(&sim.state, &Sim::shard(), &observed)
}

fn standby(sim: &Sim) -> String {
    let standbys = &sim.config().standbys;
    assert_eq!(standbys.len(), 1, "{standbys:?}");
    assert_eq!(standbys[0].state, CopyState::InSync);
    standbys[0].node.to_string()
}

#[test]
fn a_goal_makes_a_standby_where_it_is_to_be() {
    let mut sim = Sim::new();
    set_goal(&mut sim, Survival::Zone);
    sim.run(15_000);
    assert_eq!(standby(&sim), "eu-central-2/0");
    let mut sim = Sim::new();
    set_goal(&mut sim, Survival::Region);
    sim.run(15_000);
    assert_eq!(standby(&sim), "eu-west-1/0", "never abroad");
    assert_eq!(sim.refusals(), []);
}

#[test]
fn a_standby_that_is_gone_is_made_anew_elsewhere_but_not_at_once() {
    let mut sim = Sim::new();
    set_goal(&mut sim, Survival::Region);
    sim.run(15_000);
    sim.nodes.kill(&node("eu-west-1/0"), sim.now_ms);
    sim.run(REPAIR_AFTER_MS / 2);
    assert_eq!(sim.config().standbys.len(), 1, "a restart is no loss");
    sim.committed.clear();
    // There is no other region: nothing is done, nobody is asked again and again.
    sim.run(REPAIR_AFTER_MS);
    assert!(!sim.effects().contains(&"repair-shard"), "{:?}", sim.effects());
    sim.nodes.revive(&node("eu-west-1/0"));
    sim.run(3_000);
    assert_eq!(standby(&sim), "eu-west-1/0");

    let mut sim = Sim::new();
    set_goal(&mut sim, Survival::Zone);
    sim.run(15_000);
    // The standby's node dies: there is no other cell in the region. The primary's dies: its cell has another node.
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(REPAIR_AFTER_MS + 20_000);
    assert_eq!(sim.primary(), "eu-central-2/0");
    let fit = sim.config().candidates().map(|copy| copy.node.to_string());
    assert_eq!(fit.collect::<Vec<_>>(), ["eu-central-2/0", "eu-central-1/1"]);
}

#[test]
fn a_standby_that_a_lower_goal_does_not_ask_for_stays_until_a_person_has_it_taken_out() {
    let mut sim = Sim::new();
    set_goal(&mut sim, Survival::Region);
    sim.run(15_000);
    set_goal(&mut sim, Survival::None);
    sim.committed.clear();
    sim.run(15_000);
    assert_eq!(standby(&sim), "eu-west-1/0");
    assert_eq!(sim.effects(), Vec::<&str>::new());
    let asked = by_hand(&sim);
    sim.start(asked.expect("something to do")).expect("starts");
    sim.run(15_000);
    assert_eq!(sim.config().standbys, []);
    assert_eq!(sim.nodes.erased.len(), 1);
    let nothing = by_hand(&sim);
    assert_eq!(nothing, Err(NotByHand::Nothing));
}

#[test]
fn nothing_is_repaired_while_automation_is_paused() {
    let mut sim = Sim::new();
    sim.pause_automation();
    set_goal(&mut sim, Survival::Zone);
    sim.run(15_000);
    assert_eq!(sim.config().standbys, []);
    assert_eq!(sim.effects(), Vec::<&str>::new());
}

/// The planted omission: a person has a copy made where there is no room for it, and waits for what cannot be.
#[test]
fn a_repair_by_hand_takes_no_disk_that_is_too_full() {
    let mut sim = Sim::new();
    sim.pause_automation();
    set_goal(&mut sim, Survival::Region);
    let (there, enough) = (node("eu-west-1/0"), SHARD_BYTES + (ROOM_LEFT_MIB << 20));
    sim.nodes.free_bytes.insert(there.clone(), enough - 1);
    sim.run(2 * REPORT_EVERY_MS);
    let full = by_hand(&sim);
    let cell = "eu-west-1".parse().expect("a cell");
    assert_eq!(full, Err(NotByHand::Cannot(Infeasible::DiskFull(cell))));
    sim.nodes.free_bytes.insert(there.clone(), enough);
    sim.run(2 * REPORT_EVERY_MS);
    match by_hand(&sim) {
        Ok(OperationKind::Repair { add, .. }) => assert_eq!(add, Some(there)),
        other => panic!("{other:?}"),
    }
}
