//! What repair does for one shard, and what it leaves alone.

use control_plane_state::limits::COPIES_PER_NODE_MAX;
use control_plane_state::shard_config::CopyState;
use platform_model::Survival;
use platform_model::thresholds::ROOM_LEFT_MIB;

use super::world::*;
use crate::plan::Why;
use crate::repair::{plan, plan_shard};
use crate::{Infeasible, Observed, Plan};

const EU: (&str, &str, &[&str]) = ("eu", "DE", &["eu-central", "eu-west"]);
const US: (&str, &str, &[&str]) = ("us", "US", &["us-east"]);
const NODES: [&str; 5] = [
    "eu-central-1/0",
    "eu-central-1/1",
    "eu-central-2/0",
    "eu-west-1/0",
    "us-east-1/0",
];
const ONE: &str = "eu/eu-central/000";

fn with_goal(goal: Survival) -> control_plane_state::State {
    let mut state = world(&NODES, &[EU, US]);
    home(&mut state, "eu/eu-central", goal);
    serve(&mut state, ONE, "eu-central-1/0", &[]);
    state
}

fn adds(plan: &Plan) -> Vec<String> {
    let nodes = plan.steps.iter().filter_map(|step| step.add.as_ref());
    nodes.map(ToString::to_string).collect()
}

fn unmet(plan: &Plan) -> Infeasible {
    assert!(plan.steps.is_empty(), "{plan:?}");
    plan.unmet
        .first()
        .expect("a goal that is not met")
        .infeasible
        .clone()
}

fn nobody() -> Observed {
    Observed::default()
}

fn silent(names: &[&str]) -> Observed {
    Observed {
        silent: names.iter().map(|name| node(name)).collect(),
        ..nobody()
    }
}

#[test]
fn a_standby_goes_where_the_goal_asks() {
    let goals = [
        (Survival::None, vec![]),
        (Survival::Zone, vec!["eu-central-2/0".to_owned()]),
        (Survival::Region, vec!["eu-west-1/0".to_owned()]),
    ];
    for (goal, wanted) in goals {
        let mut state = with_goal(goal);
        let plan = plan(&state, &nobody());
        assert_eq!(adds(&plan), wanted, "{goal}");
        assert!(plan.unmet.is_empty());
        carry_out(&mut state, &nobody());
        assert_eq!(carry_out(&mut state, &nobody()), 0, "{goal}: then all is well");
    }
}

#[test]
fn a_copy_that_is_on_its_way_is_not_made_twice() {
    for coming in [CopyState::Copying, CopyState::CatchingUp, CopyState::InSync] {
        let mut state = with_goal(Survival::Zone);
        serve(&mut state, ONE, "eu-central-1/0", &[("eu-central-2/0", coming)]);
        assert!(plan(&state, &nobody()).steps.is_empty(), "{coming:?}");
    }
    let mut state = with_goal(Survival::Zone);
    serve(
        &mut state,
        ONE,
        "eu-central-1/0",
        &[("eu-west-1/0", CopyState::InSync)],
    );
    assert!(
        plan(&state, &nobody()).steps.is_empty(),
        "far is another cell too"
    );
    let mut state = with_goal(Survival::Zone);
    serve(
        &mut state,
        ONE,
        "eu-central-1/0",
        &[("eu-central-1/1", CopyState::InSync)],
    );
    assert_eq!(
        adds(&plan(&state, &nobody())),
        ["eu-central-2/0"],
        "the same cell is not"
    );
}

#[test]
fn a_silent_standby_is_made_anew_elsewhere_and_then_taken_out() {
    let mut state = with_goal(Survival::Zone);
    add_node(&mut state, node("eu-central-2/1"));
    serve(
        &mut state,
        ONE,
        "eu-central-1/0",
        &[("eu-central-2/0", CopyState::InSync)],
    );
    let gone = config(&state, ONE).standbys[0].replica;
    let plan = plan(&state, &silent(&["eu-central-2/0"]));
    assert_eq!(adds(&plan), ["eu-central-2/1"]);
    assert_eq!(plan.steps[0].remove, Some(gone));
    assert_eq!(plan.steps[0].why, Why::Silent(Survival::Zone));
    let alone = silent(&["eu-central-2/0", "eu-central-2/1"]);
    assert_eq!(
        unmet(&crate::repair::plan(&state, &alone)),
        Infeasible::NoNode("eu-central-2".parse().expect("a cell")),
        "and it is not taken out for nothing"
    );
    let primary = silent(&["eu-central-1/0"]);
    assert!(
        crate::repair::plan(&state, &primary).steps.is_empty(),
        "a failover comes first"
    );
}

#[test]
fn where_no_copy_may_be_the_rule_is_named() {
    let mut state = world(&NODES, &[EU, US]);
    home(&mut state, "us/us-east", Survival::Region);
    serve(&mut state, "us/us-east/000", "us-east-1/0", &[]);
    let Infeasible::Law { rule, region, .. } = unmet(&plan(&state, &nobody())) else {
        panic!("not the law")
    };
    assert_eq!((rule.as_str(), region.as_str()), ("stays", "eu-west"));
    let mut state = world(&["us-east-1/0"], &[EU, US]);
    home(&mut state, "us/us-east", Survival::Region);
    serve(&mut state, "us/us-east/000", "us-east-1/0", &[]);
    assert!(
        matches!(unmet(&plan(&state, &nobody())), Infeasible::Law { .. }),
        "also where there is no cell yet"
    );
    state.law.in_force = None;
    assert_eq!(unmet(&plan(&state, &nobody())), Infeasible::NoOtherRegion);
}

#[test]
fn what_a_person_can_help_is_said_before_what_he_cannot() {
    let mut state = with_goal(Survival::Region);
    cordon(&mut state, "eu-west-1");
    assert_eq!(
        unmet(&plan(&state, &nobody())),
        Infeasible::Cordoned("eu-west-1".parse().expect("a cell")),
        "the law forbids only the other one"
    );
    let mut state = with_goal(Survival::Zone);
    state.cells.remove(&"eu-central-2".parse().expect("a cell"));
    assert_eq!(
        unmet(&plan(&state, &nobody())),
        Infeasible::NoOtherCell("eu-central".parse().expect("a region"))
    );
}

#[test]
fn a_full_node_takes_nothing() {
    let mut state = with_goal(Survival::Region);
    for index in 0..COPIES_PER_NODE_MAX {
        serve(&mut state, &format!("eu/eu-west/{index:03}"), "eu-west-1/0", &[]);
    }
    let one = shard(ONE);
    let full = plan_shard(&state, &nobody(), &one);
    assert!(matches!(unmet(&full), Infeasible::NoRoom { .. }));
    add_node(&mut state, node("eu-west-1/1"));
    assert_eq!(adds(&plan_shard(&state, &nobody(), &one)), ["eu-west-1/1"]);
}

#[test]
fn a_disk_without_room_takes_nothing_and_one_of_which_nobody_tells_does() {
    let mut state = with_goal(Survival::Region);
    let one = shard(ONE);
    let observed = |free: &[(&str, u64)]| Observed {
        bytes: [(one.clone(), 1 << 30)].into(),
        free: free.iter().map(|(name, mib)| (node(name), mib << 20)).collect(),
        ..Observed::default()
    };
    let enough = (1 << 10) + ROOM_LEFT_MIB;
    let full = observed(&[("eu-west-1/0", enough - 1)]);
    let cell = "eu-west-1".parse().expect("a cell");
    assert_eq!(
        unmet(&plan_shard(&state, &full, &one)),
        Infeasible::DiskFull(cell)
    );
    assert_eq!(unmet(&plan_shard(&state, &full, &one)).code(), "no-room");
    let fits = observed(&[("eu-west-1/0", enough)]);
    assert_eq!(adds(&plan_shard(&state, &fits, &one)), ["eu-west-1/0"]);
    add_node(&mut state, node("eu-west-1/1"));
    assert_eq!(adds(&plan_shard(&state, &full, &one)), ["eu-west-1/1"]);
}

#[test]
fn a_standby_that_no_goal_asks_for_is_told_and_the_least_of_them_first() {
    let spare = |goal, standbys: &[(&str, CopyState)]| {
        let mut state = world(&NODES, &[EU, US]);
        home(&mut state, "eu/eu-central", goal);
        serve(&mut state, ONE, "eu-central-1/0", standbys);
        let plan = plan(&state, &nobody());
        assert!(plan.steps.is_empty(), "nothing takes it out by itself: {plan:?}");
        plan.surplus.first().map(|surplus| surplus.node.to_string())
    };
    let (near, far) = ("eu-central-2/0", "eu-west-1/0");
    let (in_sync, behind) = (CopyState::InSync, CopyState::CatchingUp);
    assert_eq!(spare(Survival::Region, &[(far, in_sync)]), None);
    assert_eq!(spare(Survival::None, &[(far, in_sync)]).as_deref(), Some(far));
    let both = [(near, in_sync), (far, in_sync)];
    assert_eq!(spare(Survival::Region, &both).as_deref(), Some(near));
    let far_behind = [(near, in_sync), (far, behind)];
    assert_eq!(spare(Survival::Zone, &far_behind).as_deref(), Some(far));
}

#[test]
fn an_unlawful_standby_is_taken_out_even_if_it_is_the_last() {
    let narrow: (&str, &str, &[&str]) = ("eu", "DE", &["eu-central"]);
    let mut state = world(&NODES, &[narrow, US]);
    home(&mut state, "eu/eu-central", Survival::Region);
    serve(
        &mut state,
        ONE,
        "eu-central-1/0",
        &[("us-east-1/0", CopyState::InSync)],
    );
    let first = plan(&state, &nobody());
    assert_eq!(first.steps[0].why, Why::Unlawful);
    assert_eq!(adds(&first), Vec::<String>::new());
    carry_out(&mut state, &nobody());
    assert!(config(&state, ONE).standbys.is_empty());
    assert!(matches!(unmet(&plan(&state, &nobody())), Infeasible::Law { .. }));
    serve(&mut state, ONE, "us-east-1/0", &[]);
    let plan = plan(&state, &nobody());
    assert_eq!(plan.violations.len(), 1, "a primary stays, and everybody is told");
}

#[test]
fn a_directory_shard_survives_what_its_homes_do() {
    let mut state = with_goal(Survival::Region);
    home(&mut state, "eu/eu-west", Survival::None);
    serve(&mut state, "directory/eu/000", "eu-central-1/0", &[]);
    serve(&mut state, "eu/eu-west/000", "eu-west-1/0", &[]);
    let plan = plan(&state, &nobody());
    let shards: Vec<String> = plan.steps.iter().map(|step| step.shard.to_string()).collect();
    assert_eq!(shards.len(), 2, "{shards:?}");
    assert!(shards.contains(&"directory/eu/000".to_owned()));
}

#[test]
fn many_shards_are_spread_over_equal_nodes() {
    let mut state = with_goal(Survival::Zone);
    for ordinal in 1..4 {
        add_node(&mut state, node(&format!("eu-central-2/{ordinal}")));
    }
    for index in 1..80 {
        serve(
            &mut state,
            &format!("eu/eu-central/{index:03}"),
            "eu-central-1/0",
            &[],
        );
    }
    let plan = plan(&state, &nobody());
    let nodes = adds(&plan);
    let counts = counted(nodes.iter().map(String::as_str));
    assert_eq!(counts.len(), 4);
    assert!(counts.values().all(|count| *count == 20), "{counts:?}");
}

#[test]
fn a_plan_holds_until_what_it_was_decided_upon_changes() {
    let mut state = with_goal(Survival::Zone);
    let first = plan(&state, &nobody());
    let hash = first.hash();
    assert_eq!(
        plan(&state, &nobody()).hash(),
        hash,
        "the same, on every controller"
    );
    serve(&mut state, "eu/eu-west/003", "eu-west-1/0", &[]);
    assert_eq!(first.still_holds(&state), Ok(()), "that is nobody's business");
    let mut other = state.clone();
    other.shards.get_mut(&shard(ONE)).expect("there").generation.0 += 1;
    assert_eq!(
        first.still_holds(&other).map_err(|c| c.record),
        Err(format!("shard/{ONE}"))
    );
    let mut other = state.clone();
    other.law.in_force.as_mut().expect("a law").revision += 1;
    assert!(first.still_holds(&other).is_err());
    assert_ne!(plan(&other, &nobody()).hash(), hash);
    let cell = "eu-central-2".parse().expect("a cell");
    state.cells.get_mut(&cell).expect("there").generation.0 += 1;
    assert!(first.still_holds(&state).is_err());
}

#[test]
fn a_move_goes_to_the_node_with_the_most_room() {
    use crate::place::{NoTarget, move_target};
    let mut state = with_goal(Survival::None);
    add_node(&mut state, node("eu-central-2/1"));
    serve(&mut state, "eu/eu-central/001", "eu-central-2/0", &[]);
    let cell = |name: &str| name.parse().expect("a cell");
    let to = |name: &str| move_target(&state, &nobody(), &shard(ONE), &cell(name));
    assert_eq!(to("eu-central-2"), Ok(node("eu-central-2/1")));
    assert_eq!(to("mars-1"), Err(NoTarget::UnknownCell(cell("mars-1"))));
    assert!(matches!(
        to("us-east-1"),
        Err(NoTarget::Infeasible(Infeasible::Law { .. }))
    ));
    let unserved = move_target(&state, &nobody(), &shard("eu/eu-central/009"), &cell("eu-west-1"));
    assert!(matches!(unserved, Err(NoTarget::Unserved(_))));
}
