//! A node that reports again without its copy: what may be the last copy elsewhere stays, and a person finds a way out.

use control_plane_state::backup::{BackupCommand, RestoreSpec};
use control_plane_state::operation::{Force, Step};
use control_plane_state::shard_config::{ConfigPhase, CopyState};
use platform_model::Epoch;

use super::operations::{a_move, blocked, is_clean, state_of};
use super::*;

const HERE: &str = "eu-central-1/0";
const THERE: &str = "eu-central-2/0";
const AWAY: &str = "eu-west-1/0";

/// The node is heard, and what it led is gone; whoever begins to lead knows nothing of before.
fn loses_its_disk(sim: &mut Sim, id: &str) {
    sim.nodes.empty.insert(node(id));
    sim.leader = Leader::new(sim.now_ms * 1_000, fresh);
}

fn failover(to: ReplicaId, force: bool) -> OperationKind {
    let force = force.then_some(Force {
        old_primary_is_dead: true,
        loss_entries_max: 1_000,
    });
    OperationKind::Failover { to: Some(to), force }
}

/// What it waits for, and the command that it names.
fn waits(sim: &Sim, id: OperationId) -> (&'static str, String) {
    let blocked = blocked(sim, id);
    (blocked.code, blocked.fix.unwrap_or_default())
}

/// Another operation has taken its place.
fn gave_way(sim: &Sim, id: OperationId) {
    let ended = format!("{:?}", sim.operation(id).state);
    assert!(ended.contains("superseded"), "{ended}");
}

/// A move that has come to this step.
fn a_move_at(step: Step, window_ms: u64) -> (Sim, OperationId) {
    let mut sim = Sim::new();
    let id = sim.start(a_move(THERE, window_ms)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == step);
    (sim, id)
}

/// Two standbys, the one away without its node, so that it counts no more.
fn with_one_that_is_dropped() -> (Sim, ReplicaId, ReplicaId) {
    let mut sim = Sim::with_standbys(&[THERE, AWAY]);
    let on = |id| {
        let mut copies = sim.config().standbys.iter();
        let copy = copies.find(|copy| copy.node == node(id));
        copy.expect("it stands").replica
    };
    let (there, away) = (on(THERE), on(AWAY));
    sim.nodes.kill(&node(AWAY), sim.now_ms);
    sim.run(2_000);
    assert!(!sim.config().is_candidate(away), "it is dropped");
    (sim, there, away)
}

/// The planted omission: it is asked whether the node reports, and not whether the copy is there.
#[test]
fn the_old_copy_of_a_move_stays_while_its_new_node_reports_and_does_not_serve() {
    let (mut sim, id) = a_move_at(Step::Window, 2_000);
    let old = sim.config().standbys[0].replica;
    sim.pause_automation();
    loses_its_disk(&mut sim, THERE);
    sim.run(20_000);
    assert_eq!(sim.operation(id).step, Step::RemoveStandby);
    let fix = format!("cellctl shard failover {} --to {HERE}", Sim::shard());
    assert_eq!(waits(&sim, id), ("primary-not-serving", fix));
    assert!(sim.config().is_candidate(old));
    assert_eq!(sim.nodes.erased, []);
    // What is said to help does, though automation is paused.
    let other = sim.start(failover(old, false)).expect("the move gives way");
    sim.run(10_000);
    assert_eq!((state_of(&sim, other), sim.primary().as_str()), ("done", HERE));
    gave_way(&sim, id);
    assert_eq!(sim.nodes.erased, []);
    is_clean(&sim);
}

/// It counts no more when the new one is lost: only a person lets it lead.
#[test]
fn an_old_copy_that_was_retired_stays_and_is_let_lead_by_force() {
    let mut sim = Sim::new();
    let old = sim.config().primary.replica;
    let id = sim.start(a_move(THERE, 0)).expect("starts");
    sim.run_until(20_000, |sim| !sim.config().retiring.is_empty());
    loses_its_disk(&mut sim, THERE);
    sim.run(20_000);
    let copy = sim.config().standby(old).expect("it stands");
    assert_eq!(copy.state, CopyState::CatchingUp);
    let (code, fix) = waits(&sim, id);
    assert_eq!(code, "primary-not-serving");
    assert!(fix.contains("shard failover") && fix.contains("--force"), "{fix}");
    assert_eq!(sim.nodes.erased, []);
    let other = sim.start(failover(old, true)).expect("the move gives way");
    // In the same decision.
    gave_way(&sim, id);
    sim.run_until(10_000, |sim| sim.primary() == HERE);
    sim.nodes.empty.clear();
    sim.run(10_000);
    assert_eq!((state_of(&sim, other), sim.primary().as_str()), ("done", HERE));
    is_clean(&sim);
}

/// The same of what a cancelled move has made: the old primary is lost before it is taken back.
#[test]
fn a_new_copy_is_not_taken_back_while_the_old_primary_does_not_serve() {
    let (mut sim, id) = a_move_at(Step::Verify, 60_000);
    let made = sim.operation(id).replica.expect("it makes one");
    sim.pause_automation();
    loses_its_disk(&mut sim, HERE);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Cancel { id, expected })
        .expect("may be cancelled");
    sim.run(20_000);
    assert_eq!(state_of(&sim, id), "cancelling");
    assert_eq!(waits(&sim, id).0, "primary-not-serving");
    assert!(sim.config().is_candidate(made));
    assert_eq!(sim.nodes.erased, []);
    let other = sim.start(failover(made, false)).expect("the move gives way");
    sim.run(10_000);
    assert_eq!((state_of(&sim, other), sim.primary().as_str()), ("done", THERE));
    is_clean(&sim);
}

/// A way back is no way while who is to hand over does not serve; nor is what was made taken back from it.
#[test]
fn a_reversed_move_waits_for_a_primary_that_serves_and_goes_on_with_it() {
    let (mut sim, id) = a_move_at(Step::Window, 60_000);
    sim.pause_automation();
    loses_its_disk(&mut sim, THERE);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Reverse { id, expected })
        .expect("may be reversed");
    sim.run(5_000);
    assert_eq!(waits(&sim, id).0, "primary-not-serving");
    sim.nodes.empty.clear();
    sim.run(10_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("reversed", HERE));
    is_clean(&sim);
}

/// A copy that has left has no way back into the configuration: its data is kept until a primary serves.
#[test]
fn a_copy_that_has_left_is_erased_once_a_restored_primary_serves() {
    let mut sim = Sim::with_standbys(&[THERE]);
    let gone = sim.config().standbys[0].replica;
    let remove = Some(gone);
    let id = sim
        .start(OperationKind::Repair { add: None, remove })
        .expect("starts");
    sim.run_until(20_000, |sim| !sim.config().left.is_empty());
    loses_its_disk(&mut sim, HERE);
    sim.run(10_000);
    assert_eq!(sim.operation(id).step, Step::RemoveStandby);
    let (code, fix) = waits(&sim, id);
    assert_eq!(code, "primary-not-serving");
    assert!(fix.contains("cellctl backup restore"), "{fix}");
    assert!(!primary_may_live(&sim), "its own node tells that it is gone");
    sim.nodes.kill(&node(AWAY), sim.now_ms);
    restore(&mut sim, AWAY);
    gave_way(&sim, id);
    sim.run(10_000);
    assert!(sim.config().left.contains_key(&gone), "nobody serves yet");
    assert_eq!(sim.nodes.erased, []);
    sim.nodes.revive(&node(AWAY));
    sim.run(5_000);
    assert!(sim.nodes.erased.contains(&(node(THERE), gone)));
    is_clean(&sim);
}

/// What it asks for between two reports says nothing of its copies: the old one of a move is asked in again and again.
#[test]
fn a_primary_serves_still_when_it_has_told_a_word_by_itself() {
    let mut sim = Sim::new();
    sim.start(a_move(THERE, 0)).expect("starts");
    sim.run_until(20_000, |sim| !sim.config().retiring.is_empty());
    sim.now_ms += TICK_MS;
    let words = sim.nodes.words(&node(THERE), &sim.state.table());
    let words = words.expect("it asks for the old copy");
    let now = sim.now_ms * 1_000;
    sim.leader.look_over(&sim.state);
    let acts = sim.leader.hear(now, &sim.state, &words);
    sim.carry_out(acts);
    assert!(sim.leader.serves(now, &Sim::shard(), sim.config()));
    sim.run(10_000);
    is_clean(&sim);
}

/// Whether a restore is refused because the primary is not lost.
fn primary_may_live(sim: &Sim) -> bool {
    let primary = &sim.config().primary;
    sim.leader.may_live(sim.now_ms * 1_000, &Sim::shard(), primary)
}

#[test]
fn a_copy_is_lost_when_its_node_tells_so_or_is_silent_and_not_before() {
    let mut sim = Sim::new();
    assert!(primary_may_live(&sim));
    sim.nodes.empty.insert(node(HERE));
    sim.run(1_000);
    assert!(!primary_may_live(&sim));
    sim.nodes.empty.clear();
    sim.run(3_000);
    assert!(primary_may_live(&sim), "it was mounted after all");
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(3_000);
    assert!(!primary_may_live(&sim));
}

/// The planted omission: a promotion waits for an answer that never comes, and whatever a person says waits for it.
#[test]
fn a_forced_failover_takes_the_place_of_one_to_which_nobody_answers() {
    let (mut sim, there, away) = with_one_that_is_dropped();
    sim.pause_automation();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(1_000);
    let id = sim.start(failover(there, false)).expect("starts");
    sim.run_until(5_000, |sim| {
        matches!(sim.config().phase, ConfigPhase::Promoting { .. })
    });
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.nodes.revive(&node(AWAY));
    sim.run(5_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("running", HERE));
    let fix = format!(
        "cellctl shard failover {} --to {AWAY} --force --loss-max ENTRIES",
        Sim::shard()
    );
    assert_eq!(waits(&sim, id), ("nobody-answers", fix));
    assert_eq!(blocked(&sim, id).who, format!("{HERE}, {THERE}"));
    let other = sim.start(failover(away, true)).expect("it gives way");
    gave_way(&sim, id);
    sim.run(10_000);
    assert_eq!((state_of(&sim, other), sim.primary().as_str()), ("done", AWAY));
}

/// The planted omission: it is asked how long the person waits, and not how long the promotion has been under way.
#[test]
fn a_forced_failover_lets_a_promotion_be_answered_that_has_only_just_begun() {
    let (mut sim, there, away) = with_one_that_is_dropped();
    // The handover is not confirmed: when its time is over it becomes a promotion, to which both answer.
    sim.nodes.deaf.insert(node(THERE));
    sim.start(failover(there, false)).expect("starts");
    let hands_over = |sim: &Sim| matches!(sim.config().phase, ConfigPhase::Handover { .. });
    sim.run_until(5_000, hands_over);
    assert!(hands_over(&sim));
    let forced = sim.start(failover(away, true)).expect("it takes its place");
    sim.run(6_000);
    let effects = sim.effects();
    assert!(effects.contains(&"begin-promote"), "{effects:?}");
    assert!(effects.contains(&"finish-promote"), "{effects:?}");
    assert!(!effects.contains(&"begin-force"), "{effects:?}");
    assert_eq!(state_of(&sim, forced), "done", "another epoch has a primary");
}

pub(super) fn restore(sim: &mut Sim, to: &str) {
    let config = sim.config();
    let spec = RestoreSpec {
        shard: Sim::shard(),
        expected: config.generation,
        node: node(to),
        replica: fresh(),
        epoch: Epoch(config.epoch_max.0 + 1),
        erased: sim.state.left_out_digest(&Sim::shard()),
        copies_are_lost: true,
    };
    let command = Command::Backup(BackupCommand::RestoreShard(spec));
    sim.accept(operator(), "a disk is lost", command);
}

/// A standby that says that it is of no use is not made anew while it may be all that there is.
#[test]
fn a_standby_of_no_use_is_not_given_up_while_its_primary_does_not_serve() {
    let mut sim = Sim::with_standbys(&[THERE]);
    let standby = sim.config().standbys[0].replica;
    sim.nodes.unusable.insert(standby);
    // Its primary drops it, and is lost.
    let dropped = |sim: &Sim| sim.config().standbys[0].state == CopyState::CatchingUp;
    sim.pause_automation();
    sim.run_until(5_000, dropped);
    assert!(dropped(&sim));
    loses_its_disk(&mut sim, HERE);
    sim.set_automation(false);
    sim.run(10_000);
    assert!(sim.config().names(standby), "{:?}", sim.config());
    sim.nodes.empty.clear();
    sim.run(10_000);
    assert!(!sim.config().names(standby), "made anew");
}

/// It can never lead, by force either: were its node in the way of a restore, nobody could give the shard a primary.
#[test]
fn a_half_made_copy_keeps_nobody_from_a_restore() {
    let mut sim = Sim::new();
    sim.nodes.stuck.insert(node(THERE));
    let id = sim.start(a_move(THERE, 0)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Copy);
    let alive = |sim: &Sim| {
        let alive = sim.leader.alive(sim.now_ms * 1_000, &Sim::shard(), sim.config());
        alive.map(|copy| copy.node.to_string())
    };
    assert_eq!(alive(&sim).as_deref(), Some(HERE));
    loses_its_disk(&mut sim, HERE);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Cancel { id, expected })
        .expect("may be cancelled");
    sim.run(3_000);
    let (code, fix) = waits(&sim, id);
    assert_eq!(code, "primary-not-serving");
    assert!(fix.contains("cellctl backup restore"), "{fix}");
    assert!(sim.leader.is_heard(sim.now_ms * 1_000, &node(THERE)));
    assert_eq!(alive(&sim), None);
    restore(&mut sim, AWAY);
    sim.run(10_000);
    assert_eq!(sim.primary(), AWAY);
    is_clean(&sim);
}
