//! Nodes: a process says where it listens and how often it has started. A start that is not later than the one
//! known is refused, so that of two processes under one name only one is believed.

use platform_model::{Incarnation, NodeId};

use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{ADDRESS_BYTES_MAX, NODES_PER_CELL_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{placement, text};
use crate::state::{NodeRecord, State};

pub(crate) fn register(
    state: &mut State,
    author: &Author,
    node: &NodeId,
    address: &str,
    incarnation: Incarnation,
) -> Result<Changes, Refusal> {
    text(Text::Address, address, 1, ADDRESS_BYTES_MAX)?;
    attested(state, author, node)?;
    if node.ordinal >= NODES_PER_CELL_MAX {
        return Err(Refusal::Limit {
            what: Counted::NodesPerCell,
            max: usize::from(NODES_PER_CELL_MAX),
        });
    }
    if let Some(known) = state.nodes.get(node) {
        if known.incarnation == incarnation && known.address == address {
            return Ok(Changes::default());
        }
        if incarnation <= known.incarnation {
            let have = known.incarnation;
            return Err(Refusal::OldIncarnation {
                node: node.clone(),
                have,
                given: incarnation,
            });
        }
    }
    state.nodes.insert(
        node.clone(),
        NodeRecord {
            address: address.to_owned(),
            incarnation,
        },
    );
    let mut changes = Changes {
        nodes: [node.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::fill(state, &node.cell));
    Ok(changes)
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
