//! Operations whose new primary is lost before the old copy is out: each comes to an end by itself, and erases nothing.

use control_plane_state::operation::{OperationState, Step};
use control_plane_state::shard_config::CopyState;
use platform_model::thresholds::REPAIR_AFTER_MS;

use super::operations::{a_move, blocked, is_clean, state_of};
use super::*;

const HERE: &str = "eu-central-1/0";
const BESIDE: &str = "eu-central-1/1";
const THERE: &str = "eu-central-2/0";
const AWAY: &str = "eu-west-1/0";

fn go_on(sim: &mut Sim) {
    let expected = sim.state.automation.generation;
    let command = Command::SetAutomation {
        paused: false,
        expected,
    };
    sim.accept(operator(), "the drill is over", command);
}

/// Why an operation has failed.
fn why(sim: &Sim, id: OperationId) -> &str {
    let OperationState::Failed { why } = &sim.operation(id).state else {
        panic!("{:?}", sim.operation(id))
    };
    why
}

/// Its old copy leads again, and nothing but the end of the operation lets anything else be begun on the shard. What the
/// move made holds all that was acknowledged until then: it stays.
#[test]
fn a_move_whose_new_node_dies_in_its_window_ends_and_its_copy_stays() {
    let mut sim = Sim::new();
    let id = sim.start(a_move(THERE, 60_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    assert_eq!(sim.primary(), THERE);
    let made = sim.config().primary.replica;
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.amnesia_after = Some(3);
    sim.run(20_000);
    assert!(why(&sim, id).contains("failover"), "{:?}", sim.operation(id));
    assert_eq!(sim.primary(), HERE);
    assert!(sim.config().standby(made).is_some());
    sim.nodes.revive(&node(THERE));
    sim.run(2_000);
    assert!(
        sim.config().is_candidate(made),
        "it has come back: {:?}",
        sim.config()
    );
    assert_eq!(sim.nodes.erased, []);
    is_clean(&sim);
    sim.start(a_move(AWAY, 0)).expect("another may begin");
}

#[test]
fn a_paused_move_that_a_failover_turned_back_waits_for_who_paused_it() {
    let mut sim = Sim::new();
    let id = sim.start(a_move(THERE, 60_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Pause { id, expected })
        .expect("may be paused");
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(5_000);
    assert_eq!((sim.primary().as_str(), blocked(&sim, id).code), (HERE, "paused"));
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Resume { id, expected })
        .expect("goes on");
    sim.run(5_000);
    assert!(why(&sim, id).contains("failover"), "{:?}", sim.operation(id));
}

/// Nobody may fail over, and the window ends meanwhile: the old copy may be all that is left of the shard.
#[test]
fn the_old_copy_of_a_move_stays_while_nobody_hears_who_leads() {
    let mut sim = Sim::new();
    let old = sim.config().primary.replica;
    let id = sim.start(a_move(THERE, 2_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    sim.pause_automation();
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(20_000);
    assert_eq!(sim.operation(id).step, Step::RemoveStandby);
    assert_eq!(blocked(&sim, id).code, "primary-silent");
    let copy = sim.config().standby(old).expect("it stands");
    assert_eq!(copy.state, CopyState::InSync);
    assert_eq!(sim.nodes.erased, []);
    go_on(&mut sim);
    sim.run(10_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("failed", HERE));
}

#[test]
fn a_repair_whose_copy_that_was_to_go_leads_now_has_failed() {
    let mut sim = Sim::with_standbys(&[THERE]);
    let goes = sim.config().standbys[0].replica;
    sim.pause_automation();
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(2_000);
    let kind = OperationKind::Repair {
        add: None,
        remove: Some(goes),
    };
    let id = sim.start(kind).expect("starts");
    sim.run(2_000);
    assert_eq!(blocked(&sim, id).code, "primary-silent");
    go_on(&mut sim);
    sim.run(5_000);
    assert_eq!(sim.primary(), THERE);
    assert!(why(&sim, id).contains("lead"), "{:?}", sim.operation(id));
}

/// A shard is moved to a cell whose nodes share a store, and the node that took it dies at any moment after that.
#[test]
fn a_move_to_a_shared_store_ends_whenever_its_new_node_dies() {
    for (pace, after) in (0..5).flat_map(|pace| (0..20).map(move |after| (pace, after))) {
        let mut sim = moved_to_a_shared_store(1_000);
        let id = sim.state.operations.last;
        // Its reports come at any time between those of the others.
        sim.reported_ms.insert(node(HERE), sim.now_ms - pace * TICK_MS);
        sim.run(after * 2 * TICK_MS);
        sim.nodes.kill(&node(HERE), sim.now_ms);
        let took = sim.run_until(10_000, |sim| {
            !sim.operation(id).state.is_active() && sim.primary() == BESIDE
        });
        let record = sim.operation(id);
        assert_eq!(record.state, OperationState::Done, "{pace} {after}: {record:?}");
        assert!(took < 5_000, "{pace} {after}: {took} ms");
        assert_eq!(sim.primary(), BESIDE, "{pace} {after}: taken over");
        let back = sim.start(a_move(AWAY, 0)).expect("it may go back");
        sim.run_until(20_000, |sim| !sim.operation(back).state.is_active());
        assert_eq!((state_of(&sim, back), sim.primary().as_str()), ("done", AWAY));
    }
}

/// The old copy's node reports before the tick that finds the new one's missing.
#[test]
fn an_old_copy_that_tells_first_does_not_lead_again_where_another_node_takes_over() {
    let mut sim = moved_to_a_shared_store(60_000);
    let dead = node(HERE);
    sim.nodes.kill(&dead, sim.now_ms);
    for _ in 0..4 {
        sim.now_ms += REPORT_EVERY_MS;
        let table = sim.state.table();
        for id in NODES.iter().map(|id| node(id)).filter(|id| *id != dead) {
            let report = sim.nodes.report(&id, &table, sim.now_ms);
            let acts = sim.leader.hear(sim.now_ms * 1_000, &sim.state, &report);
            sim.carry_out(acts);
        }
    }
    sim.run(2_000);
    assert_eq!(sim.primary(), BESIDE);
    assert!(!sim.effects().contains(&"begin-promote"), "{:?}", sim.effects());
}

/// The store is there, and whoever shares it can erase what its node would have erased.
#[test]
fn a_move_out_of_a_shared_store_ends_though_the_old_copys_node_dies_before_it_has_erased() {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let (old, holder) = (sim.config().primary.replica, sim.primary());
    let other = if holder == HERE { BESIDE } else { HERE };
    let id = sim.start(a_move(AWAY, 0)).expect("starts");
    sim.run_until(20_000, |sim| !sim.config().left.is_empty());
    sim.nodes.kill(&node(&holder), sim.now_ms);
    sim.run(5_000);
    assert_eq!(state_of(&sim, id), "done", "{:?}", sim.operation(id));
    assert_eq!(sim.nodes.erased, [(node(other), old)]);
    is_clean(&sim);
}

/// In the window of a move from outside to a node of such a cell.
fn moved_to_a_shared_store(window_ms: u64) -> Sim {
    let mut sim = Sim::sharing(&["eu-central-1"]);
    let out = sim.start(a_move(AWAY, 0)).expect("starts");
    sim.run_until(20_000, |sim| !sim.operation(out).state.is_active());
    assert_eq!((state_of(&sim, out), sim.primary().as_str()), ("done", AWAY));
    let id = sim.start(a_move(HERE, window_ms)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    assert_eq!(sim.primary(), HERE);
    sim.committed.clear();
    sim
}

/// A repair that is cancelled while the copy that it made is all that is left: that one leads, before the repair is
/// cancelled or after, and nothing is taken back.
#[test]
fn a_repair_whose_new_copy_leads_before_it_is_taken_back_ends() {
    for cancelled_first in [true, false] {
        let mut sim = Sim::new();
        let (add, remove) = (Some(node(THERE)), None);
        let id = sim.start(OperationKind::Repair { add, remove }).expect("starts");
        sim.run_until(20_000, |sim| sim.operation(id).step == Step::CatchUp);
        let expected = sim.operation(id).generation;
        sim.order(OperationCommand::Pause { id, expected })
            .expect("may be paused");
        sim.run(2_000);
        let made = sim.operation(id).replica.expect("it makes one");
        assert!(sim.config().is_candidate(made));
        if cancelled_first {
            sim.pause_automation();
        }
        sim.nodes.kill(&node(HERE), sim.now_ms);
        sim.run(5_000);
        let expected = sim.operation(id).generation;
        sim.order(OperationCommand::Cancel { id, expected })
            .expect("may be cancelled");
        if cancelled_first {
            sim.run(2_000);
            assert_eq!(blocked(&sim, id).code, "primary-silent");
            go_on(&mut sim);
        }
        sim.run(10_000);
        assert_eq!(sim.primary(), THERE);
        assert!(why(&sim, id).contains("lead"), "{:?}", sim.operation(id));
        assert_eq!(sim.nodes.erased, []);
        is_clean(&sim);
    }
}

/// Whoever asked for the way back cannot let the move go on either: what it made leads no more.
#[test]
fn a_way_back_ends_when_a_third_copy_leads_and_the_old_one_is_not_in_sync() {
    let mut sim = Sim::with_standbys(&[AWAY]);
    let id = sim.start(a_move(THERE, 60_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    assert_eq!(sim.primary(), THERE);
    // The old copy is made anew, and does not become whole.
    let old = sim.operation(id).source.expect("it led");
    sim.nodes.stuck.insert(node(HERE));
    sim.nodes.unusable.insert(old);
    sim.run(3_000);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Reverse { id, expected })
        .expect("may be reversed");
    sim.run(1_000);
    assert_eq!(blocked(&sim, id).code, "source-not-in-sync");
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(10_000);
    assert_eq!(sim.primary(), AWAY);
    assert!(why(&sim, id).contains("another copy"), "{:?}", sim.operation(id));
}

/// What it was to take out stays, and another repair can begin.
#[test]
fn a_repair_whose_new_copy_is_lost_before_the_old_one_leaves_ends() {
    let mut sim = Sim::with_standbys(&[AWAY]);
    let old = sim.config().standbys[0].replica;
    let (add, remove) = (Some(node(THERE)), Some(old));
    let id = sim.start(OperationKind::Repair { add, remove }).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::RemoveStandby);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Pause { id, expected })
        .expect("may be paused");
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(2_000);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Resume { id, expected })
        .expect("goes on");
    sim.run(1_000);
    let waits = blocked(&sim, id);
    assert_eq!((waits.code, waits.fix), ("new-copy-not-in-sync", None));
    sim.run(REPAIR_AFTER_MS);
    assert!(why(&sim, id).contains("is lost"), "{:?}", sim.operation(id));
    assert!(sim.config().is_candidate(old));
    assert_eq!(sim.nodes.erased, []);
    sim.start(a_move(BESIDE, 0)).expect("another may begin");
}

/// One that only fell behind is no reason to give the way back up.
#[test]
fn a_way_back_waits_for_an_old_copy_that_comes_back_though_a_third_leads() {
    let mut sim = Sim::with_standbys(&[BESIDE, AWAY]);
    let id = sim.start(a_move(THERE, 60_000)).expect("starts");
    sim.run_until(20_000, |sim| sim.operation(id).step == Step::Window);
    sim.nodes.kill(&node(HERE), sim.now_ms);
    sim.run(2_000);
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Reverse { id, expected })
        .expect("may be reversed");
    sim.run(1_000);
    let waits = blocked(&sim, id);
    let resume = format!("cellctl operation resume {id}");
    assert_eq!((waits.code, waits.fix), ("source-not-in-sync", Some(resume)));
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(10_000);
    assert!(
        [BESIDE, AWAY].contains(&sim.primary().as_str()),
        "{:?}",
        sim.config()
    );
    let waits = blocked(&sim, id);
    assert_eq!((waits.code, waits.fix), ("source-not-in-sync", None));
    sim.nodes.revive(&node(HERE));
    sim.run(10_000);
    assert_eq!((state_of(&sim, id), sim.primary().as_str()), ("reversed", HERE));
}

/// It was retired just before: it does not stay so.
#[test]
fn what_a_failed_repair_has_retired_comes_back_in_sync() {
    let mut sim = Sim::with_standbys(&[AWAY]);
    let old = sim.config().standbys[0].replica;
    let (add, remove) = (Some(node(THERE)), Some(old));
    let id = sim.start(OperationKind::Repair { add, remove }).expect("starts");
    sim.run_until(20_000, |sim| !sim.config().retiring.is_empty());
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Pause { id, expected })
        .expect("may be paused");
    sim.nodes.kill(&node(THERE), sim.now_ms);
    sim.run(2_000);
    assert!(!sim.config().is_candidate(old), "it was to leave");
    let expected = sim.operation(id).generation;
    sim.order(OperationCommand::Resume { id, expected })
        .expect("goes on");
    sim.run(REPAIR_AFTER_MS + 5_000);
    assert!(why(&sim, id).contains("is lost"), "{:?}", sim.operation(id));
    assert!(sim.config().is_candidate(old), "{:?}", sim.config());
}
