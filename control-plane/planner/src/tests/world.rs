//! Worlds for the tests: places, nodes, homes with their goals, and shards with copies in any state.

use std::collections::BTreeMap;

use control_plane_state::law::{InForce, SharedMatrix};
use control_plane_state::limits::OPERATIONS_KEPT_MAX;
use control_plane_state::operation::{OperationRecord, OperationState};
use control_plane_state::shard_config::{CopyState, ShardConfig, ShardCopy};
use control_plane_state::state::{CellRecord, HomeRecord, Made, NodeRecord, ShardRecord, SurvivalGoal};
use control_plane_state::{Author, Command, Envelope, Outcome, State, apply};
use platform_model::matrix::plain;
use platform_model::{
    CellState, Epoch, Generation, Incarnation, NodeId, ReplicaId, ShardId, Start, Survival, WorldId,
};

use crate::Observed;
use crate::repair::plan;

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().expect("a node")
}

pub(crate) fn shard(name: &str) -> ShardId {
    name.parse().expect("a shard")
}

/// A world with these nodes and a law: each jurisdiction with the regions where its people's data may be. The region of
/// a cell is its name without the number.
pub(crate) fn world(nodes: &[&str], law: &[(&str, &str, &[&str])]) -> State {
    let mut state = State::new(WorldId::new(&"a".repeat(64)).expect("an id"));
    state.made = Some(Made {
        time_ms: 1,
        common_host: "example.test".into(),
    });
    let law = plain::in_force(law, [1; 32], false);
    state.law.in_force = Some(InForce {
        revision: law.revision,
        since_ms: 1,
        matrix: SharedMatrix(law.matrix),
    });
    for name in nodes {
        add_node(&mut state, node(name));
    }
    state
}

pub(crate) fn add_node(state: &mut State, id: NodeId) {
    let (region, _) = id.cell.as_str().rsplit_once('-').expect("region and number");
    let cell = CellRecord {
        generation: Generation(1),
        region: region.parse().expect("a region"),
        state: CellState::Open,
    };
    state.cells.entry(id.cell.clone()).or_insert(cell);
    let record = NodeRecord {
        address: "a:1".into(),
        start: Start {
            incarnation: Incarnation(1),
            copy: 1,
            process: 1,
        },
        store: None,
    };
    state.nodes.insert(id, record);
}

pub(crate) fn home(state: &mut State, name: &str, goal: Survival) {
    let record = HomeRecord {
        shard_count: 4,
        host: name.replace('/', "-"),
        token_keys: Vec::new(),
        admitted: Default::default(),
        survival: SurvivalGoal {
            generation: Generation(1),
            goal,
        },
    };
    state.homes.insert(name.parse().expect("a home"), record);
}

pub(crate) fn cordon(state: &mut State, cell: &str) {
    let cell = state.cells.get_mut(&cell.parse().expect("a cell"));
    cell.expect("it is there").state = CellState::Cordoned;
}

/// A shard that is served since long, with standbys.
pub(crate) fn serve(state: &mut State, name: &str, primary: &str, standbys: &[(&str, CopyState)]) {
    let id = shard(name);
    let mut config = ShardConfig::new(node(primary), ReplicaId(fresh(state)), 600_000);
    config.unborn = false;
    for (index, (standby, copy_state)) in (1..).zip(standbys) {
        config.standbys.push(ShardCopy {
            node: node(standby),
            replica: ReplicaId(fresh(state) + index),
            state: *copy_state,
        });
    }
    let record = ShardRecord {
        generation: config.generation,
        cell: node(primary).cell,
        config: Some(config),
        epochs: Vec::new(),
    };
    state.shards.insert(id, record);
}

/// A number that no copy has.
fn fresh(state: &State) -> u128 {
    1_000 * (1 + state.shards.len() as u128)
}

pub(crate) fn config<'a>(state: &'a State, name: &str) -> &'a ShardConfig {
    state.shards[&shard(name)].config.as_ref().expect("served")
}

/// Starts what the plan says, as the controllers do, and lets each come to its end at once: the rules of the state have
/// the last word. Answers with how many steps there were.
pub(crate) fn carry_out(state: &mut State, observed: &Observed) -> usize {
    let plan = plan(state, observed);
    for command in plan.commands() {
        let author = Author::Controller {
            id: "spiffe://x/controller/1".into(),
        };
        let envelope = Envelope::new(author, 5, "", Command::Operation(command));
        let outcome = apply(state, &envelope).outcome;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        let id = state.operations.last;
        let record = state.operations.records[&id].clone();
        finish(state, &record);
        let record = state.operations.records.get_mut(&id).expect("just started");
        record.state = OperationState::Done;
        let surplus = state.operations.records.len().saturating_sub(OPERATIONS_KEPT_MAX);
        assert_eq!(surplus, 0, "small worlds");
    }
    plan.steps.len()
}

/// What a repair leaves behind.
fn finish(state: &mut State, record: &OperationRecord) {
    let shard = state.shards.get_mut(&record.shard).expect("it is there");
    let config = shard.config.as_mut().expect("served");
    if let (Some(node), Some(replica)) = (record.kind.target(), record.replica) {
        config.standbys.push(ShardCopy {
            node: node.clone(),
            replica,
            state: CopyState::InSync,
        });
    }
    config.standbys.retain(|copy| Some(copy.replica) != record.source);
    config.generation = config.generation.next();
    shard.generation = config.generation;
}

/// How often each word stands.
pub(crate) fn counted<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// An epoch ends here: the copy on this node leads.
pub(crate) fn lead(state: &mut State, name: &str, to: &NodeId) {
    let record = state.shards.get_mut(&shard(name)).expect("it is there");
    let config = record.config.as_mut().expect("served");
    let index = config.standbys.iter().position(|copy| copy.node == *to);
    let next = config.standbys.remove(index.expect("a standby"));
    let mut old = std::mem::replace(&mut config.primary, next);
    old.state = CopyState::CatchingUp;
    config.standbys.push(old);
    config.epoch = Epoch(config.epoch.0 + 1);
    config.generation = config.generation.next();
    record.generation = config.generation;
}
