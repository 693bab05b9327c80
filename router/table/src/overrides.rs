//! What the router learned from nodes that answered `moved`: bounded, expiring, never above the table's own epoch.
//!
//! Keyed by the hashes of names, so that an entry outlives a change of table and looking one up reads no text. Truth
//! stays at the nodes: a wrong entry (or two names of one hash) costs one more `moved`, never a wrong answer.

use std::collections::{HashMap, VecDeque};

use platform_model::{Epoch, NodeId, RegionId, ShardId};

use crate::decision::Place;
use crate::hash::node_key;
use crate::table::{NodeIndex, ShardIndex, Table};

/// What a node says in its `421`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub shard: ShardId,
    pub epoch: Epoch,
    pub node: NodeId,
}

/// A `moved` that is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedOverride {
    #[error("the node spoke of {said}, the request was for {asked}")]
    OtherShard { asked: ShardId, said: ShardId },
    #[error("the table does not know node {0}")]
    UnknownNode(NodeId),
    /// What the law forbids no node can say.
    #[error("{node} stands in {found:?}, where the law does not let {shard} be served")]
    Unlawful {
        shard: ShardId,
        node: NodeId,
        found: Option<RegionId>,
    },
    /// Neither a later epoch than the one held nor the node that the table names.
    #[error("{said} at {node} is not later than {held}")]
    NotLater { node: NodeId, said: Epoch, held: Epoch },
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// [`node_key`] of the node.
    node: u64,
    epoch: Epoch,
    expires_ms: u64,
}

/// Learned places.
#[derive(Debug)]
pub struct Overrides {
    capacity: usize,
    life_ms: u64,
    entries: HashMap<u64, Entry>,
    /// Oldest first; may name entries that were learned anew since.
    order: VecDeque<(u64, u64)>,
}

impl Overrides {
    /// Room for `capacity` shards, each for `life_ms` milliseconds.
    pub fn new(capacity: usize, life_ms: u64) -> Self {
        Self {
            capacity: capacity.max(1),
            life_ms,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The learned place of a shard, if it is alive and later than the table's.
    pub fn find(&self, table: &Table, shard: ShardIndex, now_ms: u64) -> Option<Place> {
        if self.entries.is_empty() {
            return None;
        }
        let entry = self.entries.get(&table.shard_key(shard))?;
        let held = table.place(shard).map_or(Epoch(0), |place| place.epoch);
        let node = table.node_of_key(entry.node)?;
        let is_good = entry.expires_ms > now_ms && entry.epoch > held && is_lawful(table, shard, node);
        is_good.then_some(Place {
            shard,
            node,
            epoch: entry.epoch,
        })
    }

    /// Takes a node's word for where `asked` is served, and says where to send the request now.
    ///
    /// The node that the table names is believed at any epoch (its process may be ahead of or behind the table), but
    /// kept only if later: what is not later than the table is good for this request alone.
    ///
    /// # Errors
    /// [`RefusedOverride`]; nothing is learned.
    pub fn learn(
        &mut self,
        table: &Table,
        asked: ShardIndex,
        moved: Moved,
        now_ms: u64,
    ) -> Result<Place, RefusedOverride> {
        if moved.shard != *table.shard(asked) {
            return Err(RefusedOverride::OtherShard {
                asked: table.shard(asked).clone(),
                said: moved.shard,
            });
        }
        let Some(node) = table.node_index(&moved.node) else {
            return Err(RefusedOverride::UnknownNode(moved.node));
        };
        if !is_lawful(table, asked, node) {
            let found = table.node(node).region.clone();
            return Err(RefusedOverride::Unlawful {
                shard: moved.shard,
                node: moved.node,
                found,
            });
        }
        let named = table.place(asked);
        let learned = self.find(table, asked, now_ms);
        let held = learned.or(named).map_or(Epoch(0), |place| place.epoch);
        if moved.epoch <= held && named.is_none_or(|place| place.node != node) {
            return Err(RefusedOverride::NotLater {
                node: moved.node,
                said: moved.epoch,
                held,
            });
        }
        if moved.epoch > named.map_or(Epoch(0), |place| place.epoch) {
            let expires_ms = now_ms.saturating_add(self.life_ms);
            let entry = Entry {
                node: node_key(&moved.node),
                epoch: moved.epoch,
                expires_ms,
            };
            self.insert(table.shard_key(asked), entry);
        } else {
            self.entries.remove(&table.shard_key(asked));
        }
        Ok(Place {
            shard: asked,
            node,
            epoch: moved.epoch,
        })
    }

    fn insert(&mut self, shard: u64, entry: Entry) {
        self.order.push_back((shard, entry.expires_ms));
        self.entries.insert(shard, entry);
        // Each turn takes one from `order`, which holds at least one per entry: both stay bounded.
        while self.entries.len() > self.capacity || self.order.len() > 2 * self.capacity {
            let Some((oldest, expires_ms)) = self.order.pop_front() else {
                break;
            };
            if self
                .entries
                .get(&oldest)
                .is_some_and(|entry| entry.expires_ms == expires_ms)
            {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets what has expired; bounded by the number of entries.
    pub fn expire(&mut self, now_ms: u64) {
        self.entries.retain(|_, entry| entry.expires_ms > now_ms);
        self.order.retain(|(_, expires_ms)| *expires_ms > now_ms);
    }
}

/// Whether the law lets the shard be served where the node's cell stands; directories are no business of routers.
fn is_lawful(table: &Table, shard: ShardIndex, node: NodeIndex) -> bool {
    let region = table.node(node).region.as_ref();
    region.is_some_and(|region| table.may_serve_in(shard, region))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn table() -> Table {
        Table::compile(&sample::world(), &sample::region("eu-west"))
    }

    fn moved(table: &Table, shard: u32, epoch: u64, node: &str) -> Moved {
        let shard = table.shard(ShardIndex(shard)).clone();
        Moved {
            shard,
            epoch: Epoch(epoch),
            node: node.parse().expect("a node"),
        }
    }

    #[test]
    fn only_a_later_epoch_or_the_tables_own_node_is_followed() {
        let (table, mut overrides) = (table(), Overrides::new(8, 1_000));
        let mut learn =
            |epoch, node| overrides.learn(&table, ShardIndex(0), moved(&table, 0, epoch, node), 0);
        assert!(matches!(
            learn(9, "mars-1/0"),
            Err(RefusedOverride::UnknownNode(_))
        ));
        assert!(matches!(
            learn(1, "eu-central-2/0"),
            Err(RefusedOverride::NotLater { .. })
        ));
        assert_eq!(learn(4, "eu-central-2/0").expect("later").epoch, Epoch(4));
        assert!(matches!(
            learn(4, "eu-central-2/0"),
            Err(RefusedOverride::NotLater { .. })
        ));
        assert_eq!(
            learn(1, "eu-central-1/0").expect("the table's node").epoch,
            Epoch(1)
        );
        assert!(
            overrides.is_empty(),
            "what is not later than the table is not kept"
        );
    }

    #[test]
    fn a_moved_to_where_the_law_forbids_it_is_not_followed() {
        let (table, mut overrides) = (table(), Overrides::new(8, 1_000));
        let abroad = moved(&table, 0, 9, "us-east-1/0");
        let refused = overrides.learn(&table, ShardIndex(0), abroad, 0);
        assert!(
            matches!(refused, Err(RefusedOverride::Unlawful { .. })),
            "{refused:?}"
        );
        assert!(overrides.is_empty());
        let lawful = moved(&table, 0, 9, "eu-west-1/0");
        overrides
            .learn(&table, ShardIndex(0), lawful, 0)
            .expect("the law lets it be there");
    }

    #[test]
    fn without_a_law_a_moved_is_followed_within_the_homes_region_only() {
        let mut world = sample::world();
        world.law = None;
        let (table, mut overrides) = (
            Table::compile(&world, &sample::region("eu-west")),
            Overrides::new(8, 1_000),
        );
        let refused = overrides.learn(&table, ShardIndex(0), moved(&table, 0, 9, "eu-west-1/0"), 0);
        assert!(
            matches!(refused, Err(RefusedOverride::Unlawful { .. })),
            "{refused:?}"
        );
        let home = moved(&table, 0, 9, "eu-central-2/0");
        overrides.learn(&table, ShardIndex(0), home, 0).expect("at home");
    }

    #[test]
    fn what_was_learned_of_a_cell_that_is_elsewhere_by_now_is_not_used() {
        let (old, mut overrides) = (table(), Overrides::new(8, 1_000));
        let said = moved(&old, 0, 4, "eu-central-2/0");
        overrides.learn(&old, ShardIndex(0), said, 0).expect("later");
        let mut world = sample::world();
        let cell = world
            .cells
            .get_mut(&"eu-central-2".parse().expect("a cell"))
            .expect("known");
        cell.region = sample::region("us-east");
        let new = Table::compile(&world, &sample::region("eu-west"));
        assert_eq!(overrides.find(&new, ShardIndex(0), 0), None);
    }

    #[test]
    fn a_moved_about_another_shard_is_not_followed() {
        let (table, mut overrides) = (table(), Overrides::new(8, 1_000));
        let said = moved(&table, 1, 9, "eu-central-2/0");
        assert!(matches!(
            overrides.learn(&table, ShardIndex(0), said, 0),
            Err(RefusedOverride::OtherShard { .. })
        ));
    }

    #[test]
    fn the_table_wins_once_it_is_as_late() {
        let (old, mut overrides) = (table(), Overrides::new(8, 1_000));
        overrides
            .learn(&old, ShardIndex(0), moved(&old, 0, 4, "eu-central-2/0"), 0)
            .expect("later");
        let mut world = sample::world();
        world
            .shards
            .get_mut(old.shard(ShardIndex(0)))
            .expect("known")
            .epoch = Epoch(4);
        let new = Table::compile(&world, &sample::region("eu-west"));
        assert_eq!(overrides.find(&new, ShardIndex(0), 0), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let (table, mut overrides) = (table(), Overrides::new(3, 1_000));
        for round in 0..10u64 {
            for shard in 0..8u32 {
                let said = moved(&table, shard, 10 + round, "eu-central-2/0");
                overrides
                    .learn(&table, ShardIndex(shard), said, round)
                    .expect("later");
                assert!(overrides.len() <= 3 && overrides.order.len() <= 6);
            }
        }
        assert_eq!(overrides.find(&table, ShardIndex(0), 20), None);
        assert!(overrides.find(&table, ShardIndex(7), 20).is_some());
        overrides.expire(10_000);
        assert!(overrides.is_empty() && overrides.order.is_empty());
    }
}
