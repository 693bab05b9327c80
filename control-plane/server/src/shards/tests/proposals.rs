//! Who is believed.

use control_plane_state::shard_config::ConfigPhase;
use platform_model::{Epoch, Position};
use platform_wire::replicas::{ReplicasReport, Told, ToldChange, UnusableWhy};

use super::*;

const HERE: &str = "eu-central-1/0";
const STANDBY: &str = "eu-central-2/0";

fn tell(sim: &mut Sim, from: &str, told: Told) -> Vec<Act> {
    let report = ReplicasReport {
        node: node(from),
        incarnation: Incarnation(1),
        leaving: false,
        free_bytes: None,
        copies: Vec::new(),
        told: vec![(Sim::shard(), told)],
        table: Generation(1),
        configured: None,
    };
    sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report)
}

fn drop_of(sim: &Sim, by: ReplicaId, epoch: Epoch) -> Told {
    Told::Proposal {
        generation: sim.config().generation,
        epoch,
        by,
        change: ToldChange::Drop(sim.config().standbys[0].replica),
    }
}

#[test]
fn only_the_primary_of_the_epoch_proposes_and_only_from_its_own_node() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let (primary, epoch) = (sim.config().primary.replica, sim.config().epoch);
    let standby = sim.config().standbys[0].replica;
    let good = drop_of(&sim, primary, epoch);
    assert_eq!(tell(&mut sim, STANDBY, good), [], "under the primary's name");
    let own = drop_of(&sim, standby, epoch);
    assert_eq!(tell(&mut sim, STANDBY, own), [], "a standby of itself");
    let stale = drop_of(&sim, primary, Epoch(epoch.0 + 1));
    assert_eq!(tell(&mut sim, HERE, stale), [], "another epoch");
    assert_eq!(tell(&mut sim, "us-east-1/0", good), [], "no copy there");
    assert_eq!(tell(&mut sim, HERE, good).len(), 1);
    assert_eq!(tell(&mut sim, HERE, good), [], "one at a time");
}

/// A slow start made it: two reports at once, one of which still saw the state of before.
#[test]
fn what_was_granted_is_not_proposed_again_by_whoever_still_sees_the_state_of_before() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let told = drop_of(&sim, sim.config().primary.replica, sim.config().epoch);
    let before = sim.state.clone();
    let acts = tell(&mut sim, HERE, told);
    assert_eq!(acts.len(), 1);
    assert_eq!(tell(&mut sim, HERE, told), [], "it is under way");
    sim.carry_out(acts);
    sim.leader.look_over(&sim.state);
    // Both ways in which that report may find the leader: it looks the old state over first, or not.
    let after = std::mem::replace(&mut sim.state, before);
    assert_eq!(tell(&mut sim, HERE, told), [], "the old state");
    sim.leader.look_over(&sim.state);
    assert_eq!(tell(&mut sim, HERE, told), [], "looked over once more");
    sim.state = after;
    assert_eq!(tell(&mut sim, HERE, told), [], "it stands in the state");
    assert_eq!(sim.refusals(), []);
}

#[test]
fn a_leader_that_has_not_caught_up_puts_off_what_nodes_ask_for_and_nothing_else() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let told = drop_of(&sim, sim.config().primary.replica, sim.config().epoch);
    let mut acts = tell(&mut sim, HERE, told);
    let due = Act {
        by: By::Controller,
        ..acts[0].clone()
    };
    acts.push(due.clone());
    sim.leader.put_off(&mut acts);
    assert_eq!(acts, [due]);
    assert_eq!(tell(&mut sim, HERE, told).len(), 1, "it may be asked for again");
}

#[test]
fn an_earlier_start_of_a_node_is_not_heard() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let told = drop_of(&sim, sim.config().primary.replica, sim.config().epoch);
    let mut report = ReplicasReport {
        node: node(HERE),
        incarnation: Incarnation(0),
        leaving: false,
        free_bytes: None,
        copies: Vec::new(),
        told: vec![(Sim::shard(), told)],
        table: Generation(1),
        configured: None,
    };
    assert_eq!(sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report), []);
    report.incarnation = Incarnation(1);
    assert_eq!(sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report).len(), 1);
}

#[test]
fn nobody_speaks_for_a_copy_of_another_node() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let (primary, standby) = (sim.config().primary.replica, sim.config().standbys[0].replica);
    let why = UnusableWhy::Amnesia;
    let primary_gone = Told::Unusable {
        replica: primary,
        why,
    };
    assert_eq!(tell(&mut sim, STANDBY, primary_gone), []);
    let erased = Told::Erased {
        replica: standby,
        order: 1,
        bytes: 0,
        keys: 0,
    };
    assert_eq!(tell(&mut sim, STANDBY, erased), [], "nobody has ordered that");
    let confirmed = Told::Confirmed {
        generation: sim.config().generation,
        epoch: sim.config().epoch,
        replica: standby,
        position: Position(1),
    };
    assert_eq!(tell(&mut sim, STANDBY, confirmed), [], "no handover is under way");
}

/// The planted omission: nothing is done for a shard for ten seconds after a command of which nobody was told what came of it,
/// though the state shows it.
#[test]
fn an_operation_that_has_gone_on_shows_what_came_of_a_command() {
    let mut sim = Sim::new();
    let kind = OperationKind::Repair {
        add: Some(node(STANDBY)),
        remove: None,
    };
    let id = sim.start(kind).expect("starts");
    sim.leader.look_over(&sim.state);
    let (now, expected) = (sim.now_ms * 1_000, sim.operation(id).generation);
    let pause = OperationCommand::Pause { id, expected };
    let act = Act {
        by: By::Controller,
        reason: "a test".to_owned(),
        shard: Sim::shard(),
        command: Command::Operation(pause.clone()),
    };
    assert!(sim.leader.give(now, act).is_some());
    sim.leader.look_over(&sim.state);
    assert!(sim.leader.is_busy(now, &Sim::shard()), "nothing has come of it");
    sim.order(pause)
        .expect("it is committed, and whoever gave it is not told");
    sim.leader.look_over(&sim.state);
    assert!(!sim.leader.is_busy(now, &Sim::shard()), "it stands in the state");
}

/// By its word the target leads: the primary may not say that it has everything.
#[test]
fn only_the_targets_own_node_confirms_a_handover() {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    sim.nodes.deaf.insert(node(STANDBY));
    let (to, force) = (None, None);
    sim.start(OperationKind::Failover { to, force }).expect("starts");
    let hands_over = |sim: &Sim| matches!(sim.config().phase, ConfigPhase::Handover { .. });
    sim.run_until(1_000, hands_over);
    let ConfigPhase::Handover { target, epoch, .. } = sim.config().phase else {
        panic!("{:?}", sim.config())
    };
    let told = Told::Confirmed {
        generation: sim.config().generation,
        epoch,
        replica: target,
        position: Position(9),
    };
    assert_eq!(tell(&mut sim, HERE, told), [], "for another");
    assert_eq!(tell(&mut sim, STANDBY, told).len(), 1);
}
