//! A world whose controllers are lost goes on from a backup of their state.

use control_plane_state::recovery::{Origin, RecoveryCommand, recover};
use platform_model::Epoch;
use platform_wire::replicas::ReplicasReport;

use super::*;

const HERE: &str = "eu-central-1/0";
const STANDBY: &str = "eu-central-2/0";
/// Of the incarnations: above every number that was given out before.
const INCARNATION: u64 = 1 << 32;

/// A shard with a standby, a backup of its world, and a failover after that.
fn failed_over() -> (Sim, State) {
    let mut sim = Sim::with_standbys(&[STANDBY]);
    let backup = sim.state.clone();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run_until(60_000, |sim| sim.primary() == STANDBY);
    assert_eq!(sim.primary(), STANDBY, "it is promoted");
    sim.run(2_000);
    (sim, backup)
}

/// All controllers begin anew with the backup; nodes go on by the table that they have.
fn lose_controllers(sim: &mut Sim, backup: State) {
    let how = Origin {
        at_ms: BEGIN_MS + sim.now_ms,
        by: "spiffe://x/operator/sre/kim".to_owned(),
        reason: "a fire".to_owned(),
        backup: Digest::plain(b"backup"),
    };
    sim.state = recover(backup, &how).expect("a world");
    sim.leader = Leader::new(sim.now_ms * 1_000, fresh);
    sim.committed.clear();
}

#[test]
fn what_was_decided_after_the_backup_is_found_out_from_the_nodes_and_the_world_goes_on() {
    let (mut sim, backup) = failed_over();
    sim.nodes.revive(&node(HERE));
    sim.run(5_000);
    let newest = sim.config().clone();
    lose_controllers(&mut sim, backup);
    assert_eq!(sim.primary(), HERE, "as the backup has it");
    let waits = sim.run_until(20_000, |sim| sim.state.recovery.is_over());
    assert!(
        sim.state.recovery.is_over(),
        "after {waits} ms: {:?}",
        sim.state.recovery
    );
    let now = sim.config();
    assert_eq!((&now.primary, now.epoch), (&newest.primary, newest.epoch));
    assert!(now.generation.0 > INCARNATION && now.epoch_max.0 >= INCARNATION);
    let mut effects = sim.effects();
    effects.dedup();
    assert_eq!(effects, ["adopt-shard"], "nothing else was done meanwhile");
    assert!(sim.reason("adopt-shard").contains("a fire"));
    assert_eq!(
        sim.refusals(),
        [],
        "what cannot be is not asked for again and again"
    );
    // What fails from here on is replaced as before, in an epoch that was never given out.
    sim.run(5_000);
    sim.nodes.kill(&node(STANDBY), sim.now_ms);
    sim.run_until(60_000, |sim| sim.primary() == HERE);
    assert_eq!(sim.primary(), HERE);
    assert!(sim.config().epoch.0 > INCARNATION, "{}", sim.config().epoch);
}

/// The planted omission: the primary of the backup is promoted, or replaced, while nobody knows of the one since.
#[test]
fn while_a_node_has_not_told_nothing_is_done_until_a_person_gives_it_up() {
    let (mut sim, backup) = failed_over();
    lose_controllers(&mut sim, backup);
    sim.run(120_000);
    let unsure = sim.state.recovery.unsure.contains(&Sim::shard());
    assert!(unsure, "one who may know more is silent");
    assert_eq!(sim.primary(), HERE, "as the backup has it: {:?}", sim.effects());
    let give_up = RecoveryCommand::GiveUp { node: node(HERE) };
    sim.accept(operator(), "burnt", Command::Recovery(give_up));
    sim.run(5_000);
    assert!(sim.state.recovery.is_over(), "{:?}", sim.state.recovery);
    assert_eq!(sim.primary(), STANDBY, "it told");
}

/// Tells the leader what a node goes by.
fn tells(sim: &mut Sim, from: &str, table: Option<&RoutingTable>) -> Vec<Act> {
    let routes = |table: &RoutingTable| {
        let routes = table.shards.iter();
        routes
            .map(|(shard, route)| (shard.clone(), route.clone()))
            .collect()
    };
    let report = ReplicasReport {
        node: node(from),
        incarnation: Incarnation(1),
        leaving: false,
        copies: Vec::new(),
        told: Vec::new(),
        configured: table.map(routes),
    };
    sim.leader.look_over(&sim.state);
    sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report)
}

/// The planted omission: the one node that the backup names has given its copy away; it has told, and so the backup's word holds.
#[test]
fn who_gave_a_copy_away_says_where_it_went_and_everybody_is_waited_for() {
    let (mut sim, backup) = failed_over();
    let (newest, old) = (sim.state.table(), backup.table());
    lose_controllers(&mut sim, backup);
    let (mut acts, last) = (Vec::new(), NODES[NODES.len() - 1]);
    for id in NODES {
        assert!(sim.leader.asks(&sim.state, &node(id)));
        assert!(tells(&mut sim, id, None).is_empty(), "it does not say yet");
        assert!(sim.leader.asks(&sim.state, &node(id)), "and is asked again");
        let told = if id == HERE { &newest } else { &old };
        acts = tells(&mut sim, id, Some(told));
        assert!(!sim.leader.asks(&sim.state, &node(id)));
        assert_eq!(acts.is_empty(), id != last, "{id}: {acts:?}");
    }
    let adopted = acts.iter().find(|act| act.shard == Sim::shard());
    let Command::Recovery(RecoveryCommand::Adopt(stands)) = &adopted.expect("everybody has told").command
    else {
        panic!("{adopted:?}");
    };
    let found = stands.newest.as_ref().expect("newer than the backup's");
    assert_eq!(found.primary.node, node(STANDBY));
    assert!(found.epoch > Epoch(1));
}

/// Another leader has heard nothing: what was told to the one before is asked for again.
#[test]
fn a_leader_adopts_nothing_by_what_another_was_told() {
    let (mut sim, backup) = failed_over();
    let newest = sim.state.table();
    lose_controllers(&mut sim, backup);
    for id in &NODES[1..] {
        tells(&mut sim, id, Some(&newest));
    }
    sim.leader = Leader::new(sim.now_ms * 1_000, fresh);
    assert!(tells(&mut sim, NODES[0], Some(&newest)).is_empty());
    assert!(sim.leader.asks(&sim.state, &node(NODES[1])));
}
