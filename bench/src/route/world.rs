//! Worlds of any size: homes, each in a region of its own, with cells of one node among which its shards go round.

use anyhow::{Context, Result};
use platform_model::{
    Cell, CellState, Epoch, Generation, Home, HomeId, Incarnation, Node, NodeId, RegionId, RoutingTable,
    ShardId, ShardRoute, Start, WorldId,
};
use router_table::{Moved, Overrides, ShardIndex, Table};

/// The host name of every app's first request.
pub const COMMON_HOST: &str = "meridian.test";
const TABLE_EPOCH: Epoch = Epoch(1);
const LEARNED_EPOCH: Epoch = Epoch(2);
/// What was learned outlives the run.
const LEARNED_LIFE_MS: u64 = u64::MAX / 2;

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// A multiple of the homes, one node each.
    pub cells: u16,
    pub homes: u16,
    pub shards_per_home: u16,
}

impl Shape {
    pub fn shards(self) -> usize {
        usize::from(self.homes) * usize::from(self.shards_per_home)
    }

    /// Ordinal, within its home's region, of the cell that serves a shard.
    fn cell_of(self, shard: u16) -> u16 {
        shard % (self.cells / self.homes).max(1)
    }
}

/// A compiled world.
pub struct World {
    pub table: Table,
    /// Names that share no memory with the table's, as those read from a token.
    pub homes: Vec<HomeId>,
    shape: Shape,
}

impl World {
    /// # Errors
    /// A name is no name.
    pub fn build(shape: Shape) -> Result<Self> {
        let homes = (0..shape.homes).map(home).collect::<Result<Vec<_>>>()?;
        let mut plain = RoutingTable::empty(WorldId::new(&"a".repeat(64))?);
        plain.generation = Generation(1);
        plain.common_host = COMMON_HOST.to_owned();
        for home in &homes {
            settle(&mut plain, home, shape)?;
        }
        let own_region = homes.first().context("a world has a home")?.region.clone();
        Ok(Self {
            table: Table::compile(&plain, &own_region),
            homes: (0..shape.homes).map(home).collect::<Result<Vec<_>>>()?,
            shape,
        })
    }

    /// What a router knows once every shard's node has said that the shard is at the next cell of its home.
    ///
    /// # Errors
    /// The table follows none of it.
    pub fn learn_all(&self) -> Result<Overrides> {
        let mut overrides = Overrides::new(self.shape.shards(), LEARNED_LIFE_MS);
        for (shard, number) in self.table.shards().iter().zip(0..) {
            let ShardId::Root { home, index } = shard else {
                continue;
            };
            let moved = Moved {
                shard: shard.clone(),
                epoch: LEARNED_EPOCH,
                node: node(&home.region, self.shape.cell_of(index + 1))?,
            };
            overrides.learn(&self.table, ShardIndex(number), moved, 0)?;
        }
        Ok(overrides)
    }
}

/// Every tenth region lies under another law.
fn home(number: u16) -> Result<HomeId> {
    Ok(format!("law-{}/region-{number:03}", number % 10).parse()?)
}

fn node(region: &RegionId, cell: u16) -> Result<NodeId> {
    Ok(format!("{region}-{cell}/0").parse()?)
}

/// Adds one home with its cells, nodes and shards.
fn settle(plain: &mut RoutingTable, home: &HomeId, shape: Shape) -> Result<()> {
    for cell in 0..shape.cells / shape.homes {
        let node = node(&home.region, cell)?;
        let open = Cell {
            region: home.region.clone(),
            state: CellState::Open,
        };
        plain.cells.insert(node.cell.clone(), open);
        let address = Node {
            address: format!("{}.{}.internal:7443", node.cell, home.region),
            start: Start {
                incarnation: Incarnation(1),
                copy: 1,
                process: 1,
            },
        };
        plain.nodes.insert(node, address);
    }
    for index in 0..shape.shards_per_home {
        let route = ShardRoute::single(
            node(&home.region, shape.cell_of(index))?,
            TABLE_EPOCH,
            platform_model::ReplicaId(7),
        );
        let shard = ShardId::Root {
            home: home.clone(),
            index,
        };
        plain.shards.insert(shard, route);
    }
    let settled = Home {
        shard_count: shape.shards_per_home,
        host: format!("{}.{COMMON_HOST}", home.host_label()),
        token_keys: Vec::new(),
    };
    plain.homes.insert(home.clone(), settled);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        cells: 6,
        homes: 2,
        shards_per_home: 8,
    };

    #[test]
    fn a_world_has_its_shape_and_no_shard_without_a_node() {
        let world = World::build(SHAPE).expect("sound names");
        assert_eq!((world.table.shards().len(), world.table.nodes().count()), (16, 6));
        assert_eq!(world.table.homes().len(), 2);
        let places = (0..16).map(|shard| world.table.place(ShardIndex(shard)).expect("placed").node);
        let nodes: std::collections::BTreeSet<_> = places.collect();
        assert_eq!(nodes.len(), 6, "every cell serves");
    }

    #[test]
    fn all_that_moved_is_learned_and_found_from_a_smaller_world_of_the_same_names() {
        let overrides = World::build(SHAPE)
            .expect("sound names")
            .learn_all()
            .expect("followed");
        assert_eq!(overrides.len(), 16);
        let smaller = World::build(Shape {
            shards_per_home: 4,
            ..SHAPE
        });
        let smaller = smaller.expect("sound names");
        for shard in (0..8).map(ShardIndex) {
            let learned = overrides.find(&smaller.table, shard, 1).expect("learned");
            let told = smaller.table.place(shard).expect("placed");
            assert!(learned.epoch > told.epoch && learned.node != told.node);
        }
    }
}
