//! What the loss of a node, a cell or a region would do.

use control_plane_state::shard_config::CopyState;
use platform_model::Survival;

use super::world::*;
use crate::simulate::{Fate, GoalAfter, Lose, Loss, Outcome, Stopped, Thresholds, simulate};
use crate::{Infeasible, Observed};

const THRESHOLDS: Thresholds = Thresholds {
    lease_ms: 600,
    report_every_ms: 250,
    missing_ms: 600,
    tick_ms: 50,
    retry_ms: 100,
    async_lag_entries: 24,
};
const EU: (&str, &str, &[&str]) = ("eu", "DE", &["eu-central", "eu-west"]);
const US: (&str, &str, &[&str]) = ("us", "US", &["us-east"]);
const NODES: [&str; 4] = ["eu-central-1/0", "eu-central-2/0", "eu-west-1/0", "us-east-1/0"];
const ONE: &str = "eu/eu-central/000";

fn with(standbys: &[(&str, CopyState)], goal: Survival) -> control_plane_state::State {
    let mut state = world(&NODES, &[EU, US]);
    home(&mut state, "eu/eu-central", goal);
    serve(&mut state, ONE, "eu-central-1/0", standbys);
    state
}

fn cell(name: &str) -> Lose {
    Lose::Cell(name.parse().expect("a cell"))
}

fn fate(state: &control_plane_state::State, lose: &Lose) -> Fate {
    let simulation = simulate(state, &Observed::default(), lose, &THRESHOLDS);
    simulation.shards[&shard(ONE)].clone()
}

#[test]
fn a_shard_with_a_standby_in_sync_fails_over_without_loss_of_what_was_sync() {
    let state = with(&[("eu-central-2/0", CopyState::InSync)], Survival::Zone);
    for lose in [cell("eu-central-1"), Lose::Node(node("eu-central-1/0"))] {
        let fate = fate(&state, &lose);
        let to = node("eu-central-2/0");
        assert_eq!(fate.outcome, Outcome::FailsOver { to });
        assert_eq!(fate.loss, Loss::Async { entries_max: 24 });
        assert_eq!(fate.rto_ms, Some(600 + 250 + 50 + 100));
        assert_eq!(fate.rules, ["at-home"], "the rule that lets it lead");
    }
    let lost = fate(&state, &cell("eu-central-1")).after;
    let none = Infeasible::NoNode("eu-central-1".parse().expect("a cell"));
    assert_eq!(lost, GoalAfter::Infeasible(none), "no third cell");
}

#[test]
fn who_loses_a_standby_serves_on() {
    let state = with(&[("eu-west-1/0", CopyState::InSync)], Survival::Region);
    let fate = fate(&state, &Lose::Region("eu-west".parse().expect("a region")));
    assert_eq!(
        (fate.outcome, fate.rto_ms, fate.loss),
        (Outcome::ServesOn, Some(0), Loss::None)
    );
    assert!(matches!(fate.after, GoalAfter::Infeasible(_)), "{:?}", fate.after);
}

#[test]
fn who_has_one_copy_loses_everything_and_who_has_half_a_one_stops() {
    let state = with(&[], Survival::None);
    let fate_of = |state: &_| fate(state, &cell("eu-central-1"));
    let alone = fate_of(&state);
    assert_eq!((alone.outcome, alone.loss), (Outcome::Lost, Loss::Everything));
    for half in [CopyState::Damaged, CopyState::Copying, CopyState::CatchingUp] {
        let state = with(&[("eu-central-2/0", half)], Survival::Zone);
        let stopped = fate_of(&state);
        assert_eq!(stopped.outcome, Outcome::Stops(Stopped::NobodyInSync), "{half:?}");
        assert_eq!((stopped.loss, stopped.rto_ms), (Loss::Unknown, None));
    }
}

#[test]
fn a_standby_where_it_may_not_lead_helps_nobody() {
    let mut state = with(&[("us-east-1/0", CopyState::InSync)], Survival::Region);
    let fate = fate(&state, &cell("eu-central-1"));
    assert_eq!(fate.outcome, Outcome::Stops(Stopped::NobodyLawful));
    state.law.in_force = None;
    let lawless = super::loss::fate(&state, &cell("eu-central-1"));
    assert_eq!(lawless.outcome, Outcome::Stops(Stopped::NobodyLawful));
}

#[test]
fn without_controllers_nobody_is_promoted() {
    let state = with(&[("eu-west-1/0", CopyState::InSync)], Survival::Region);
    let region = |name: &str| name.parse().expect("a region");
    let lose = Lose::Region(region("eu-central"));
    let stand = |regions: &[&str]| Observed {
        controllers: regions.iter().map(|name| region(name)).collect(),
        ..Observed::default()
    };
    let most_gone = stand(&["eu-central", "eu-central", "eu-west"]);
    let simulation = simulate(&state, &most_gone, &lose, &THRESHOLDS);
    assert_eq!(simulation.controllers, Some(false));
    let fate = &simulation.shards[&shard(ONE)];
    assert_eq!(fate.outcome, Outcome::Stops(Stopped::NoControllers));
    let spread = stand(&["eu-central", "us-east", "eu-west"]);
    let simulation = simulate(&state, &spread, &lose, &THRESHOLDS);
    let to = node("eu-west-1/0");
    assert_eq!(simulation.shards[&shard(ONE)].outcome, Outcome::FailsOver { to });
}

#[test]
fn homes_are_counted_and_room_is_what_is_left() {
    let mut state = with(&[("eu-central-2/0", CopyState::InSync)], Survival::Zone);
    serve(
        &mut state,
        "eu/eu-central/001",
        "eu-central-2/0",
        &[("eu-central-1/0", CopyState::InSync)],
    );
    serve(&mut state, "eu/eu-central/002", "eu-central-1/0", &[]);
    serve(&mut state, "eu/eu-central/003", "eu-west-1/0", &[]);
    cordon(&mut state, "eu-west-1");
    let simulation = simulate(&state, &Observed::default(), &cell("eu-central-1"), &THRESHOLDS);
    assert_eq!(
        simulation.shards.len(),
        3,
        "who has no copy there is not concerned"
    );
    let toll = &simulation.homes[&"eu/eu-central".parse().expect("a home")];
    assert_eq!(
        (toll.shards, toll.fail_over, toll.serve_on, toll.lost),
        (4, 1, 1, 1)
    );
    let room = |name: &str| &simulation.head_room[&name.parse().expect("a region")];
    assert_eq!((room("eu-central").nodes, room("eu-central").copies), (1, 2));
    assert_eq!(room("eu-west").copies_max, 1, "cordoned: no more than it has");
}

/// What is foretold is what the protocol's records then say: the successor could lead, and afterwards the goal stands
/// as it was said.
#[test]
fn the_goal_afterwards_is_what_repair_then_does() {
    let mut state = with(&[("eu-central-2/0", CopyState::InSync)], Survival::Region);
    let lose = cell("eu-central-1");
    let fate = fate(&state, &lose);
    let GoalAfter::AfterRepair { on } = fate.after else {
        panic!("{:?}", fate.after)
    };
    let Outcome::FailsOver { to } = fate.outcome else {
        panic!("{:?}", fate.outcome)
    };
    lead(&mut state, ONE, &to);
    let silent = [node("eu-central-1/0")].into();
    let observed = Observed {
        silent,
        ..Observed::default()
    };
    let plan = crate::repair::plan(&state, &observed);
    assert_eq!(plan.steps[0].add.as_ref(), Some(&on));
}
