//! A world whose controllers are lost goes on from a backup of their state.

use control_plane_state::recovery::{Origin, RecoveryCommand, recover};
use platform_model::Epoch;
use platform_wire::replicas::ReplicasReport;

use super::*;
use crate::shards::run::newest;

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

/// A report of a node that goes by a table, and tells it if it is asked.
fn report_of(from: &str, table: &RoutingTable, tells: bool) -> ReplicasReport {
    ReplicasReport {
        node: node(from),
        incarnation: Incarnation(1),
        leaving: false,
        free_bytes: None,
        copies: Vec::new(),
        told: Vec::new(),
        table: table.generation,
        configured: tells.then(|| table.into()),
    }
}

fn hears(sim: &mut Sim, report: &ReplicasReport) -> Vec<Act> {
    sim.leader.look_over(&sim.state);
    sim.leader.hear(sim.now_ms * 1_000, &sim.state, report)
}

fn tells(sim: &mut Sim, from: &str, table: &RoutingTable) -> Vec<Act> {
    hears(sim, &report_of(from, table, true))
}

/// The primary that is to be adopted.
fn adopted(acts: &[Act]) -> (NodeId, Epoch) {
    let act = acts.iter().find(|act| act.shard == Sim::shard());
    let Command::Recovery(RecoveryCommand::Adopt(stands)) = &act.expect("everybody has told").command else {
        panic!("{act:?}");
    };
    let found = stands.newest.as_ref().expect("newer than the backup's");
    (found.primary.node.clone(), found.epoch)
}

/// The planted omission: the one node that the backup names has given its copy away; it has told, and so the backup's word holds.
#[test]
fn who_gave_a_copy_away_says_where_it_went_and_everybody_is_waited_for() {
    for first_knows in [true, false] {
        let (mut sim, backup) = failed_over();
        let (newest, old) = (sim.state.table(), backup.table());
        lose_controllers(&mut sim, backup);
        let (mut acts, last) = (Vec::new(), NODES[NODES.len() - 1]);
        for id in NODES {
            let knows = (id == NODES[0]) == first_knows;
            let table = if knows { &newest } else { &old };
            let silent = report_of(id, table, false);
            assert!(hears(&mut sim, &silent).is_empty(), "it does not say yet");
            assert!(sim.leader.asks(&sim.state, &silent), "and is asked again");
            acts = tells(&mut sim, id, table);
            assert!(!sim.leader.asks(&sim.state, &silent));
            assert_eq!(acts.is_empty(), id != last, "{id}: {acts:?}");
        }
        let (primary, epoch) = adopted(&acts);
        assert!(primary == node(STANDBY) && epoch > Epoch(1));
    }
}

/// The planted omission: what a node told once counts for ever, though it goes by another table since.
#[test]
fn who_hears_of_a_newer_table_meanwhile_is_asked_once_more() {
    let (mut sim, backup) = failed_over();
    let (newest, old) = (sim.state.table(), backup.table());
    lose_controllers(&mut sim, backup);
    for id in &NODES[1..] {
        tells(&mut sim, id, &old);
    }
    let later = report_of(NODES[1], &newest, false);
    hears(&mut sim, &later);
    assert!(sim.leader.asks(&sim.state, &later));
    assert!(
        tells(&mut sim, NODES[0], &old).is_empty(),
        "it is waited for again"
    );
    let acts = tells(&mut sim, NODES[1], &newest);
    assert_eq!(adopted(&acts).0, node(STANDBY));
}

/// The planted omission: a configuration that a copy stored, and the table of its node did not, is not known of.
#[test]
fn a_copy_that_stored_a_newer_configuration_than_any_table_has_is_waited_for() {
    let (mut sim, backup) = failed_over();
    let (newest, old) = (sim.state.table(), backup.table());
    lose_controllers(&mut sim, backup);
    let mut stored = report_of(NODES[1], &old, true);
    let copy = sim.nodes.report(&node(STANDBY), &newest, sim.now_ms).copies;
    stored.copies = copy
        .into_iter()
        .filter(|copy| copy.shard == Sim::shard())
        .collect();
    assert!(!stored.copies.is_empty() && stored.copies[0].generation > sim.config().generation);
    hears(&mut sim, &stored);
    for id in NODES {
        assert!(tells(&mut sim, id, &old).is_empty(), "{id}");
    }
    assert_eq!(sim.leader.awaited(&sim.state), [node(NODES[1])].into());
    let acts = tells(&mut sim, NODES[0], &newest);
    assert_eq!(adopted(&acts).0, node(STANDBY), "another knows it");
}

/// Another leader has heard nothing: what was told to the one before is asked for again.
#[test]
fn a_leader_adopts_nothing_by_what_another_was_told() {
    let (mut sim, backup) = failed_over();
    let newest = sim.state.table();
    lose_controllers(&mut sim, backup);
    for id in &NODES[1..] {
        tells(&mut sim, id, &newest);
    }
    sim.leader = Leader::new(sim.now_ms * 1_000, fresh);
    assert!(tells(&mut sim, NODES[0], &newest).is_empty());
    assert!(sim.leader.asks(&sim.state, &report_of(NODES[1], &newest, false)));
}

/// The planted omission: who was revoked after the backup is believed again, and the older law goes out.
#[test]
fn the_leader_hears_who_is_revoked_and_of_a_later_law_before_it_adopts() {
    let (mut sim, backup) = failed_over();
    let mut newest = sim.state.table();
    let id: platform_model::RevokedIdentity = "spiffe://aaaaaaaaaaaaaaaa/region/eu/router/1"
        .parse()
        .expect("an identity");
    newest.revocations.insert(id.clone(), BEGIN_MS + 1_000_000_000);
    newest.law.as_mut().expect("a law").revision += 3;
    lose_controllers(&mut sim, backup);
    let mut acts = Vec::new();
    for id in NODES {
        acts = tells(&mut sim, id, &newest);
    }
    assert_eq!(acts.len(), 1, "{acts:?}");
    sim.carry_out(acts);
    assert!(sim.state.trust.revocations.contains_key(&id));
    let acts = tells(&mut sim, NODES[0], &newest);
    sim.carry_out(acts);
    sim.followed = newest;
    sim.run(5_000);
    assert!(
        sim.state.recovery.is_over() && !sim.state.is_recovered(),
        "{:?}",
        sim.state.recovery
    );
}

/// The planted omission: a primary is told that what it goes by is the newest, by who does not know it.
#[test]
fn nobody_is_told_what_is_newest_before_it_is_known() {
    let (mut sim, backup) = failed_over();
    let table = sim.state.table();
    let report = sim.nodes.report(&node(STANDBY), &table, sim.now_ms);
    assert!(!newest(&sim.state, &report).is_empty());
    lose_controllers(&mut sim, backup);
    assert_eq!(newest(&sim.state, &report), []);
}

/// The planted omission: a name with a slip in it is given up, and the node that is meant is waited for on.
#[test]
fn a_node_that_nobody_knows_of_is_not_given_up() {
    let (mut sim, backup) = failed_over();
    let (newest, mut named) = (sim.state.table(), sim.state.table());
    lose_controllers(&mut sim, backup);
    let slip = node("eu-central-1/9");
    assert!(sim.leader.knows_of(&sim.state, &node(HERE)));
    assert!(!sim.leader.knows_of(&sim.state, &slip));
    tells(&mut sim, NODES[1], &newest);
    assert!(!sim.leader.knows_of(&sim.state, &slip));
    // One that a node names is waited for: it may never answer either.
    let route = named.shards.get_mut(&Sim::shard()).expect("served");
    route.node = slip.clone();
    tells(&mut sim, NODES[2], &named);
    assert!(sim.leader.knows_of(&sim.state, &slip));
}

/// The planted omission: what a node told holds though a person has given the node up, whose key is stolen perhaps.
#[test]
fn what_a_node_told_that_is_given_up_counts_no_more() {
    let (mut sim, backup) = failed_over();
    let (newest, old) = (sim.state.table(), backup.table());
    lose_controllers(&mut sim, backup);
    tells(&mut sim, NODES[1], &newest);
    sim.state.recovery.silent.insert(node(NODES[1]));
    tells(&mut sim, NODES[0], &old);
    let mut acts = Vec::new();
    for id in &NODES[2..] {
        acts = tells(&mut sim, id, &old);
    }
    let act = acts.iter().find(|act| act.shard == Sim::shard());
    let Command::Recovery(RecoveryCommand::Adopt(stands)) = &act.expect("all others have told").command
    else {
        panic!("{act:?}");
    };
    assert_eq!(stands.newest, None, "as the backup has it");
}

/// The planted omission: the first copy that hears of the table wins, before the primary that lives has been asked.
#[test]
fn no_change_of_primary_ends_before_the_table_has_reached_all_who_watch() {
    let (mut sim, backup) = failed_over();
    lose_controllers(&mut sim, backup);
    sim.leader.look_over(&sim.state);
    let begun = sim.now_ms * 1_000;
    sim.leader.tick(begun, &sim.state);
    sim.state.recovery.unsure.clear();
    sim.leader.look_over(&sim.state);
    assert!(sim.leader.rests(begun + 2_000_000));
    assert!(!sim.leader.rests(begun + 10_000_000), "not for ever");
}

/// The planted omission: a handover begins at once and cannot end before the table is with all, so its drain is taken for one that
/// does not end.
#[test]
fn whoever_asks_for_another_primary_just_after_a_recovery_gets_him_by_a_handover() {
    let (mut sim, backup) = failed_over();
    sim.nodes.revive(&node(HERE));
    sim.run(5_000);
    lose_controllers(&mut sim, backup);
    sim.run_until(20_000, |sim| sim.state.recovery.is_over());
    let failover = OperationKind::Failover {
        to: None,
        force: None,
    };
    let id = sim.start(failover).expect("starts");
    sim.run_until(30_000, |sim| !sim.operation(id).state.is_active());
    assert_eq!(sim.primary(), HERE, "{:?}", sim.effects());
    assert!(!sim.effects().contains(&"begin-promote"), "{:?}", sim.effects());
}
