//! The pools of all nodes, kept over changes of the table: a node that stays where it is keeps its connections.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use platform_model::{CellId, NodeId};
use router_table::Table;

use super::cell::Cell;
use super::pool::{NodePool, PoolSettings};

/// All cells and nodes that the table names. Those it no longer names are let go of; their requests end first.
pub struct Upstreams {
    settings: PoolSettings,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    cells: HashMap<CellId, Arc<Cell>>,
    nodes: HashMap<NodeId, Arc<NodePool>>,
}

impl Upstreams {
    pub fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            known: Mutex::default(),
        }
    }

    /// The pools of the table's nodes, in the order of [`Table::nodes`].
    pub fn pools_of(&self, table: &Table) -> Vec<Arc<NodePool>> {
        let mut known = self.known.lock();
        let mut next = Known::default();
        let mut pools = Vec::new();
        for (_, entry) in table.nodes() {
            let id = &entry.id;
            let cell = next.cells.entry(id.cell.clone()).or_insert_with(|| {
                let new = || Arc::new(Cell::new(id.cell.clone(), self.settings.in_flight_per_cell_max));
                known.cells.get(&id.cell).cloned().unwrap_or_else(new)
            });
            let pool = match known.nodes.get(id) {
                Some(pool) if (&pool.address, &pool.region) == (&entry.address, &entry.region) => {
                    Arc::clone(pool)
                }
                _ => Arc::new(NodePool::new(
                    id.clone(),
                    entry.address.clone(),
                    entry.region.clone(),
                    Arc::clone(cell),
                    self.settings.clone(),
                )),
            };
            next.nodes.insert(id.clone(), Arc::clone(&pool));
            pools.push(pool);
        }
        *known = next;
        pools
    }
}
