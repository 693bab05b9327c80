//! Random worlds: what every plan obeys, and that it comes to an end.

use control_plane_state::State;
use control_plane_state::shard_config::{CopyState, ShardConfig};
use platform_model::{CellState, NodeId, RegionId, ShardId, Survival};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::world::*;
use crate::plan::{PlanStep, Why};
use crate::plant::{PLANTED, Planted};
use crate::repair::plan;
use crate::simulate::{GoalAfter, Lose, Outcome, Thresholds, simulate};
use crate::{Observed, goal};

const CELLS: [&str; 7] = [
    "eu-central-1",
    "eu-central-2",
    "eu-central-3",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-west-1",
];
/// Of `eu` both regions, of `us` one: `us-west` is a region that the law knows for nobody's data but its own.
const LAW: [(&str, &str, &[&str]); 3] = [
    ("eu", "DE", &["eu-central", "eu-west"]),
    ("us", "US", &["us-east"]),
    ("xx", "CA", &["us-west"]),
];
const HOMES: [&str; 3] = ["eu/eu-central", "eu/eu-west", "us/us-east"];

/// Its home, its primary's node, and nodes and states of its standbys.
type Shard = (u8, u8, Vec<(u8, u8)>);

#[derive(Debug, Clone)]
struct Numbers {
    nodes: Vec<(u8, u8)>,
    cordoned: u8,
    goals: [u8; 3],
    shards: Vec<Shard>,
    silent: Vec<u8>,
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let nodes = proptest::collection::vec((0..7u8, 0..3u8), 1..12);
    let copies = proptest::collection::vec((any::<u8>(), 0..4u8), 0..4);
    let shards = proptest::collection::vec((0..4u8, any::<u8>(), copies), 1..12);
    let silent = proptest::collection::vec(any::<u8>(), 0..3);
    let goals = [0..3u8, 0..3u8, 0..3u8];
    (nodes, any::<u8>(), goals, shards, silent).prop_map(|(nodes, cordoned, goals, shards, silent)| Numbers {
        nodes,
        cordoned,
        goals,
        shards,
        silent,
    })
}

fn make(numbers: &Numbers) -> (State, Observed) {
    let mut state = world(&[], &LAW);
    for (cell, ordinal) in &numbers.nodes {
        let name = format!("{}/{ordinal}", CELLS[usize::from(*cell)]);
        add_node(&mut state, node(&name));
    }
    for (index, cell) in CELLS.iter().enumerate() {
        let there = state.cells.contains_key(&cell.parse().expect("a cell"));
        if there && numbers.cordoned >> index & 1 == 1 && index % 2 == 0 {
            cordon(&mut state, cell);
        }
    }
    for (name, goal) in HOMES.iter().zip(numbers.goals) {
        home(&mut state, name, Survival::ALL[usize::from(goal)]);
    }
    let nodes: Vec<String> = state.nodes.keys().map(ToString::to_string).collect();
    let pick = |number: u8| nodes[usize::from(number) % nodes.len()].clone();
    for (index, (home, primary, standbys)) in numbers.shards.iter().enumerate() {
        let name = match HOMES.get(usize::from(*home)) {
            Some(home) => format!("{home}/{index:03}"),
            None => format!("directory/eu/{index:03}"),
        };
        let states = [
            CopyState::Damaged,
            CopyState::Copying,
            CopyState::CatchingUp,
            CopyState::InSync,
        ];
        let primary = pick(*primary);
        let mut placed: Vec<(String, CopyState)> = Vec::new();
        for (place, state) in standbys {
            let place = pick(*place);
            if place != primary && placed.iter().all(|(known, _)| *known != place) {
                placed.push((place, states[usize::from(*state)]));
            }
        }
        let placed: Vec<(&str, CopyState)> = placed
            .iter()
            .map(|(node, state)| (node.as_str(), *state))
            .collect();
        serve(&mut state, &name, &primary, &placed);
    }
    let silent = numbers.silent.iter().map(|number| node(&pick(*number))).collect();
    let observed = Observed {
        silent,
        ..Observed::default()
    };
    (state, observed)
}

fn region(state: &State, node: &NodeId) -> RegionId {
    state.cells[&node.cell].region.clone()
}

/// Where the data of a shard may be, straight from [`LAW`].
fn lawful(shard: &ShardId, region: &RegionId) -> bool {
    let own = LAW
        .iter()
        .find(|(name, _, _)| *name == shard.jurisdiction().as_str());
    own.is_some_and(|(_, _, regions)| regions.contains(&region.as_str()))
}

/// All nodes that could take the copy, found by trying every one.
fn able<'a>(
    state: &'a State,
    observed: &'a Observed,
    shard: &'a ShardId,
    config: &'a ShardConfig,
) -> impl Iterator<Item = &'a NodeId> {
    let goal = goal::of_shard(state, shard);
    state.nodes.keys().filter(move |node| {
        let (at, home) = (region(state, node), region(state, &config.primary.node));
        let wanted = match goal {
            Survival::None => false,
            Survival::Zone => node.cell != config.primary.node.cell && at == home,
            Survival::Region => at != home,
        };
        let open = state.cells[&node.cell].state == CellState::Open;
        let free = config.copies().all(|copy| copy.node != **node);
        wanted && open && free && lawful(shard, &at) && !observed.silent.contains(*node)
    })
}

fn check_step(state: &State, observed: &Observed, step: &PlanStep) -> Result<(), TestCaseError> {
    let config = state.shards[&step.shard].config.as_ref().expect("served");
    prop_assert_eq!(step.expected, config.generation);
    if let Some(to) = &step.add {
        let goal = goal::of_shard(state, &step.shard);
        let needed = !met(state, observed, &step.shard, goal);
        prop_assert!(needed, "{} needs nothing", step.shard);
        let mut able = able(state, observed, &step.shard, config);
        prop_assert!(able.any(|node| node == to), "{} may not take {}", to, step.shard);
    }
    if let Some(replica) = step.remove {
        let copy = config.standby(replica).expect("a standby");
        let gone = observed.silent.contains(&copy.node) && step.add.is_some();
        let unlawful = !lawful(&step.shard, &region(state, &copy.node));
        prop_assert!(gone || (unlawful && step.why == Why::Unlawful), "{:?}", step);
    }
    Ok(())
}

/// What a goal means, straight from the words: a standby that is whole or coming, heard, lawful, and far enough.
fn met(state: &State, observed: &Observed, shard: &ShardId, goal: Survival) -> bool {
    let config = state.shards[shard].config.as_ref().expect("served");
    let home = &config.primary.node;
    let far = |node: &NodeId| match goal {
        Survival::None => true,
        Survival::Zone => node.cell != home.cell,
        Survival::Region => region(state, node) != region(state, home),
    };
    let mut good = config.standbys.iter().filter(|copy| {
        let there = copy.state != CopyState::Damaged && !observed.silent.contains(&copy.node);
        there && lawful(shard, &region(state, &copy.node)) && far(&copy.node)
    });
    goal == Survival::None || good.next().is_some()
}

fn sound(numbers: &Numbers) -> Result<(), TestCaseError> {
    let (mut state, observed) = make(numbers);
    let first = plan(&state, &observed);
    prop_assert_eq!(&plan(&state.clone(), &observed.clone()), &first);
    for step in &first.steps {
        check_step(&state, &observed, step)?;
    }
    for unmet in &first.unmet {
        let config = state.shards[&unmet.shard].config.as_ref().expect("served");
        let mut left = able(&state, &observed, &unmet.shard, config);
        prop_assert!(left.next().is_none(), "{:?} could be met", unmet);
    }
    let mut rounds = 0;
    while carry_out(&mut state, &observed) > 0 {
        rounds += 1;
        prop_assert!(rounds <= 8, "it never ends");
    }
    for (shard, record) in &state.shards {
        let config = record.config.as_ref().expect("served");
        let leads = !observed.silent.contains(&config.primary.node);
        let met = met(&state, &observed, shard, goal::of_shard(&state, shard));
        let able = able(&state, &observed, shard, config).next().is_some();
        prop_assert!(!leads || met || !able, "{} stays below its goal", shard);
        for copy in config.standbys.iter().filter(|_| leads) {
            prop_assert!(
                lawful(shard, &region(&state, &copy.node)),
                "{} stays on {}",
                shard,
                copy.node
            );
        }
    }
    Ok(())
}

/// Of the world as it is, and as it is once it was repaired.
fn survives(numbers: &Numbers, lost: u8) -> Result<(), TestCaseError> {
    let (mut state, _) = make(numbers);
    survive(&mut state, lost)?;
    for _ in 0..8 {
        carry_out(&mut state, &Observed::default());
    }
    survive(&mut state, lost)
}

/// Every copy that is not damaged has come in sync; then something is lost.
fn survive(state: &mut State, lost: u8) -> Result<(), TestCaseError> {
    let configs = state
        .shards
        .values_mut()
        .filter_map(|record| record.config.as_mut());
    for copy in configs.flat_map(|config| &mut config.standbys) {
        if copy.state != CopyState::Damaged {
            copy.state = CopyState::InSync;
        }
    }
    let (state, all) = (&*state, Observed::default());
    let cell: platform_model::CellId = CELLS[usize::from(lost)].parse().expect("a cell");
    let (at, _) = cell.as_str().rsplit_once('-').expect("region and number");
    let loses = [
        (Survival::Zone, Lose::Cell(cell.clone())),
        (Survival::Region, Lose::Region(at.parse().expect("a region"))),
    ];
    let thresholds = Thresholds {
        lease_ms: 600,
        report_every_ms: 250,
        missing_ms: 600,
        tick_ms: 50,
        retry_ms: 100,
        async_lag_entries: 24,
    };
    for (size, lose) in loses {
        let simulation = simulate(state, &all, &lose, &thresholds);
        for (shard, fate) in &simulation.shards {
            let goal = goal::of_shard(state, shard);
            let met = met(state, &all, shard, goal);
            let survives = matches!(fate.outcome, Outcome::ServesOn | Outcome::FailsOver { .. });
            prop_assert!(!met || goal < size || survives, "{}: {:?}", shard, fate);
            if let Outcome::FailsOver { to } = &fate.outcome {
                prop_assert!(lawful(shard, &region(state, to)), "{} led by {}", shard, to);
            }
            prop_assert!(survives || fate.after == GoalAfter::Waits);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_lawful_complete_and_comes_to_an_end(numbers in numbers()) {
        sound(&numbers)?;
    }

    /// What is there already is left alone, and one more node changes nothing for those that need nothing.
    #[test]
    fn what_is_well_is_left_alone(numbers in numbers(), more in 0..7u8) {
        let (mut state, observed) = make(&numbers);
        for _ in 0..8 {
            carry_out(&mut state, &observed);
        }
        let met = |state: &State, shard: &ShardId| {
            let config = state.shards[shard].config.as_ref().expect("served");
            goal::is_met(state, &observed.silent, shard, config, goal::of_shard(state, shard))
        };
        let well: Vec<ShardId> = state.shards.keys().filter(|shard| met(&state, shard)).cloned().collect();
        add_node(&mut state, node(&format!("{}/9", CELLS[usize::from(more)])));
        let after = plan(&state, &observed);
        for step in &after.steps {
            prop_assert!(!well.contains(&step.shard), "{:?}", step);
        }
    }

    /// A shard at its goal loses nothing that was sync, whatever of that size is lost.
    #[test]
    fn who_is_at_his_goal_survives_it(numbers in numbers(), lost in 0..7u8) {
        survives(&numbers, lost)?;
    }
}

/// Each rule left out is seen by one of the two.
#[test]
fn a_rule_left_out_is_seen() {
    for bug in [
        Planted::LawNotAsked,
        Planted::CordonIgnored,
        Planted::SilentTaken,
        Planted::AllIsWell,
        Planted::OnItsWayForgotten,
        Planted::AnybodyLeads,
    ] {
        let config = Config {
            cases: 4_000,
            failure_persistence: None,
            max_shrink_iters: 16,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, rng);
        PLANTED.set(Some(bug));
        let found = runner.run(&(numbers(), 0..7u8), |(numbers, lost)| {
            sound(&numbers)?;
            survives(&numbers, lost)
        });
        PLANTED.set(None);
        assert!(found.is_err(), "{bug:?} was not seen");
    }
}
