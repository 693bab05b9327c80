//! How many more copies fit, by region.

use std::collections::BTreeMap;

use control_plane_state::State;
use control_plane_state::limits::COPIES_PER_NODE_MAX;
use platform_model::{CellState, NodeId, RegionId};

use crate::place::Loads;

/// What the nodes of a region hold and may hold. Cordoned cells take nothing new, so their room counts for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadRoom {
    pub nodes: usize,
    pub copies: usize,
    pub copies_max: usize,
}

/// Of every region with a cell, without the nodes that `gone` names.
pub fn head_room(state: &State, gone: impl Fn(&NodeId) -> bool) -> BTreeMap<RegionId, HeadRoom> {
    let loads = Loads::of(state);
    let mut rooms: BTreeMap<RegionId, HeadRoom> = BTreeMap::new();
    for record in state.cells.values() {
        rooms.entry(record.region.clone()).or_default();
    }
    for node in state.nodes.keys().filter(|node| !gone(node)) {
        let Some(cell) = state.cells.get(&node.cell) else {
            continue;
        };
        let room = rooms.entry(cell.region.clone()).or_default();
        let copies = loads.on(node);
        room.nodes += 1;
        room.copies += copies;
        room.copies_max += match cell.state {
            CellState::Open => COPIES_PER_NODE_MAX,
            CellState::Cordoned => copies,
        };
    }
    rooms
}
