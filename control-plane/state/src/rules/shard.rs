//! The configuration of a shard, changed one command at a time: what [`shard_config`](crate::shard_config) decides,
//! under this world's law and on its nodes. Every change travels in the table.
//!
//! The primary's node proposes for itself; all else comes from the controller that leads. People ask for operations,
//! never for this.

use platform_model::matrix::Denied;
use platform_model::{CellId, CellState, Generation, NodeId, RegionId, ShardId};

use crate::changes::Changes;
use crate::command::{Author, Envelope};
use crate::limits::{COPIES_PER_NODE_MAX, EPOCHS_KEPT_MAX};
use crate::operation::{self, OperationRefusal};
use crate::plant::{Planted, planted};
use crate::refusal::Refusal;
use crate::rules::law;
use crate::shard_config::{
    self, ConfigCommand, ConfigPhase, ConfigPlants, ConfigRefusal, ConfigRules, Law, ShardConfig,
};
use crate::state::{EpochEntry, ShardRecord, State};

/// Changes the configuration of `shard` if it is at `expected`.
pub(crate) fn configure(
    state: &mut State,
    envelope: &Envelope,
    shard: &ShardId,
    expected: Generation,
    command: &ConfigCommand,
) -> Result<Changes, Refusal> {
    let config = served(state, shard)?;
    proposes_for_itself(&envelope.author, config, shard, command)?;
    operation::permits(state, shard, command)?;
    if let ConfigCommand::AddCopy { node, .. } = command {
        may_take_copy(state, shard, node)?;
    }
    if envelope.version < 2 && config.generation == expected {
        left_stays(config, command)?;
    }
    let mut config = config.clone();
    let rules = ConfigRules {
        law: &OfNodes { state, shard },
        plants: ConfigPlants::default(),
    };
    // Orders are numbered as the decisions on record are: the number of this one.
    let order = state.ledger.head().sequence + 1;
    shard_config::apply(&mut config, &rules, expected, order, command).map_err(|refusal| match refusal {
        ConfigRefusal::GenerationMismatch { have, expected } => Refusal::GenerationMismatch {
            record: format!("shard {shard}"),
            have,
            expected,
        },
        refusal => Refusal::Config(refusal),
    })?;
    let since_ms = state.time_ms;
    if let Some(record) = state.shards.get_mut(shard) {
        record.follow(config, since_ms);
    }
    operation::follow(state, shard, command);
    Ok(Changes {
        shards: [shard.clone()].into(),
        ..Changes::default()
    })
}

/// Up to version 1 nobody took what is left of a copy.
fn left_stays(config: &ShardConfig, command: &ConfigCommand) -> Result<(), Refusal> {
    match command {
        ConfigCommand::Take { replica, .. }
            if !config.names(*replica) && !matches!(config.phase, ConfigPhase::Promoting { .. }) =>
        {
            Err(ConfigRefusal::UnknownCopy(*replica).into())
        }
        _ => Ok(()),
    }
}

/// The configuration of a shard that has one.
pub(crate) fn served<'a>(state: &'a State, shard: &ShardId) -> Result<&'a ShardConfig, Refusal> {
    let record = state.shards.get(shard);
    let record = record.ok_or_else(|| Refusal::UnknownShard(shard.clone()))?;
    let config = record.config.as_ref();
    config.ok_or_else(|| Refusal::ShardUnserved(shard.clone()))
}

/// A node speaks for the primary that it runs, and only proposes.
fn proposes_for_itself(
    author: &Author,
    config: &ShardConfig,
    shard: &ShardId,
    command: &ConfigCommand,
) -> Result<(), Refusal> {
    match author {
        Author::Node { id, .. } if *id != config.primary.node => Err(Refusal::NotPrimary {
            node: id.clone(),
            shard: shard.clone(),
        }),
        Author::Node { .. } if !matches!(command, ConfigCommand::Propose { .. }) => Err(Refusal::NotYours {
            author: author.to_string(),
            subject: format!("shard {shard}"),
        }),
        _ => Ok(()),
    }
}

/// Whether `node` may take a new copy of `shard`: the law first, then whether it is there and its cell open.
pub(crate) fn may_take_copy(state: &State, shard: &ShardId, node: &NodeId) -> Result<(), Refusal> {
    let cell = state.cells.get(&node.cell);
    let cell = cell.ok_or_else(|| Refusal::UnknownCell(node.cell.clone()))?;
    by_law(
        state,
        shard,
        &node.cell,
        law::may_stand_by(&state.law, shard, &cell.region),
    )?;
    if !state.nodes.contains_key(node) {
        return Err(Refusal::UnknownNode(node.clone()));
    }
    if cell.state == CellState::Cordoned {
        return Err(Refusal::CellCordoned(node.cell.clone()));
    }
    let copies = copies_on(state, node);
    if copies >= COPIES_PER_NODE_MAX {
        let (node, max) = (node.clone(), COPIES_PER_NODE_MAX);
        return Err(OperationRefusal::NoRoom { node, copies, max }.into());
    }
    Ok(())
}

/// Whether the store that `node` shares, if it does, has room for a copy of `shard`: it holds a shard once.
pub(crate) fn store_is_free(
    state: &State,
    shard: &ShardId,
    config: &ShardConfig,
    node: &NodeId,
) -> Result<(), Refusal> {
    let rules = ConfigRules {
        law: &OfNodes { state, shard },
        plants: ConfigPlants::default(),
    };
    shard_config::store_is_free(config, &rules, node).map_err(Refusal::Config)
}

/// Whether `node` may lead `shard`, by law.
pub(crate) fn may_lead(state: &State, shard: &ShardId, node: &NodeId) -> Result<(), Refusal> {
    let cell = state.cells.get(&node.cell);
    let cell = cell.ok_or_else(|| Refusal::UnknownCell(node.cell.clone()))?;
    by_law(
        state,
        shard,
        &node.cell,
        law::may_keep(&state.law, shard, &cell.region),
    )
}

/// What the law says, as a refusal.
fn by_law(
    state: &State,
    shard: &ShardId,
    cell: &CellId,
    says: Result<(), Option<Denied>>,
) -> Result<(), Refusal> {
    match (says, state.cells.get(cell)) {
        (Ok(()), _) => Ok(()),
        _ if planted(Planted::LawNotAsked) => Ok(()),
        (Err(Some(denied)), Some(record)) => Err(Refusal::law_forbids(
            &state.law,
            shard,
            cell,
            &record.region,
            &denied,
        )),
        (Err(_), _) => Err(Refusal::NoLaw),
    }
}

/// Copies that a node holds, or is to hold.
pub(crate) fn copies_on(state: &State, node: &NodeId) -> usize {
    let configs = state.shards.values().filter_map(|record| record.config.as_ref());
    configs
        .filter(|config| config.copies().any(|copy| copy.node == *node))
        .count()
}

/// The law in force, asked for nodes.
struct OfNodes<'a> {
    state: &'a State,
    shard: &'a ShardId,
}

impl OfNodes<'_> {
    fn region(&self, node: &NodeId) -> Option<&RegionId> {
        self.state.cells.get(&node.cell).map(|cell| &cell.region)
    }
}

impl Law for OfNodes<'_> {
    fn may_hold(&self, node: &NodeId) -> bool {
        let lawful = |region| law::may_stand_by(&self.state.law, self.shard, region).is_ok();
        self.region(node).is_some_and(lawful) || planted(Planted::LawNotAsked)
    }

    fn shares(&self, one: &NodeId, other: &NodeId) -> bool {
        self.state.share_a_store(one, other)
    }

    fn may_lead(&self, node: &NodeId) -> bool {
        let lawful = |region| law::may_keep(&self.state.law, self.shard, region).is_ok();
        self.region(node).is_some_and(lawful)
    }
}

impl ShardRecord {
    /// Stands as `config` says from here on.
    pub(crate) fn follow(&mut self, config: ShardConfig, since_ms: u64) {
        if self.epoch() != config.epoch {
            self.epochs.push(EpochEntry {
                epoch: config.epoch,
                node: config.primary.node.clone(),
                since_ms,
            });
            let surplus = self.epochs.len().saturating_sub(EPOCHS_KEPT_MAX);
            self.epochs.drain(..surplus);
        }
        self.cell = config.primary.node.cell.clone();
        self.generation = config.generation;
        self.config = Some(config);
    }
}
