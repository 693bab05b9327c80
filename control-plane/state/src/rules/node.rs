//! Nodes: a process says where it listens and which start it is. A start that is not later than the one known is
//! refused, so that of two processes under one name only one is believed; one on other data is refused, so that an
//! empty disk under an old name serves nothing.

use platform_model::shared_store::ENGINE_BYTES_MAX;
use platform_model::{NodeId, SharedStore};

use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{ADDRESS_BYTES_MAX, NODES_MAX, NODES_PER_CELL_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, placement, text};
use crate::state::{NodeRecord, State};

pub(crate) fn register(
    state: &mut State,
    author: &Author,
    node: &NodeId,
    record: NodeRecord,
) -> Result<Changes, Refusal> {
    text(Text::Address, &record.address, 1, ADDRESS_BYTES_MAX)?;
    let start = record.start;
    attested(state, author, node)?;
    if node.ordinal >= NODES_PER_CELL_MAX {
        return Err(Refusal::Limit {
            what: Counted::NodesPerCell,
            max: usize::from(NODES_PER_CELL_MAX),
        });
    }
    if let Some(known) = state.nodes.get(node) {
        if *known == record {
            return Ok(Changes::default());
        }
        if known.start.copy != start.copy {
            return Err(Refusal::OtherData { node: node.clone() });
        }
        if start == known.start || !start.may_follow(&known.start) {
            return Err(Refusal::OldIncarnation {
                node: node.clone(),
                have: known.start.incarnation,
                given: start.incarnation,
            });
        }
    }
    on_the_cells_store(state, node, record.store.as_ref())?;
    if !state.nodes.contains_key(node) {
        count(Counted::Nodes, state.nodes.len() + 1, NODES_MAX)?;
    }
    state.nodes.insert(node.clone(), record);
    let mut changes = Changes {
        nodes: [node.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::fill_unasked(state, &node.cell));
    Ok(changes)
}

/// A cell has one store, if its nodes share one: on another lies other data, and what was there would seem lost.
fn on_the_cells_store(state: &State, node: &NodeId, store: Option<&SharedStore>) -> Result<(), Refusal> {
    let Some(given) = store else { return Ok(()) };
    text(Text::Engine, &given.engine, 1, ENGINE_BYTES_MAX)?;
    let others = state
        .nodes
        .iter()
        .filter(|(id, _)| id.cell == node.cell && *id != node);
    let mut stores = others.filter_map(|(_, record)| record.store.as_ref());
    match stores.find(|have| *have != given) {
        Some(have) => Err(Refusal::ForeignStore {
            node: node.clone(),
            have: have.clone(),
            given: given.clone(),
        }),
        None => Ok(()),
    }
}

/// The cell is known, and the certificate says that the process stands in the cell's region.
fn attested(state: &State, author: &Author, node: &NodeId) -> Result<(), Refusal> {
    let cell = state
        .cells
        .get(&node.cell)
        .ok_or_else(|| Refusal::UnknownCell(node.cell.clone()))?;
    match author {
        Author::Node { region, .. } if *region != cell.region => Err(Refusal::WrongRegion {
            node: node.clone(),
            certified: region.clone(),
            wanted: cell.region.clone(),
        }),
        _ => Ok(()),
    }
}
