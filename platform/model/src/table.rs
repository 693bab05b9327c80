//! The routing table: home and shard -> cell, node, epoch. Kept by the controllers, followed by routers and nodes.
//!
//! This is the plain form. `router/table` compiles it into a dense one for look-ups.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::break_glass::BreakGlass;
use crate::id::{UserId, WorldId};
use crate::matrix::Matrix;
use crate::place::{CellId, CountryCode, HomeId, Jurisdiction, NodeId, RegionId};
use crate::replica_set::ReplicaSet;
use crate::revocation::RevokedIdentity;
use crate::shard::ShardId;
use crate::start::Start;
use crate::version::{Epoch, Generation, ReplicaId};

/// One version of the whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingTable {
    pub world: WorldId,
    pub generation: Generation,
    /// The host name that has no home: where every app begins.
    pub common_host: String,
    pub countries: BTreeMap<CountryCode, Jurisdiction>,
    pub homes: BTreeMap<HomeId, Home>,
    /// Number of directory shards of each authority.
    pub authorities: BTreeMap<Jurisdiction, u16>,
    pub cells: BTreeMap<CellId, Cell>,
    pub nodes: BTreeMap<NodeId, Node>,
    pub shards: BTreeMap<ShardId, ShardRoute>,
    /// Identities that nobody believes any more, each until so many milliseconds since 1970.
    pub revocations: BTreeMap<RevokedIdentity, u64>,
    /// Open windows of break-glass, by number.
    pub break_glass: BTreeMap<u64, BreakGlass>,
    /// The law that holds; `None`: none does, and nothing may be kept anywhere.
    pub law: Option<LawInForce>,
}

/// The law that holds now, as everybody looks it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawInForce {
    /// Counts what was ever in force, from 1: between its approval and its day a version holds in part only.
    pub revision: u64,
    pub matrix: Arc<Matrix>,
    /// Who has not had his table confirmed for longer takes nothing new and lets nothing cross, in milliseconds.
    pub matrix_age_max_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Fixed when the home is made.
    pub shard_count: u16,
    /// The home's own host name, given to apps with each token.
    pub host: String,
    /// Public keys under which the home's tokens are good, newest last.
    pub token_keys: Vec<TokenKey>,
}

/// The public half of a home's token key (Ed25519, RFC 8032).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// Key id, as in the token's header.
    pub kid: String,
    pub public: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub region: RegionId,
    pub state: CellState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellState {
    /// Takes users and shards.
    Open,
    /// Takes nothing new.
    Cordoned,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The advertised address, `host:port`.
    pub address: String,
    /// Its last start that the controllers know.
    pub start: Start,
}

/// Who serves a shard, since which epoch, and who else holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRoute {
    pub node: NodeId,
    pub epoch: Epoch,
    pub set: Arc<ReplicaSet>,
}

impl ShardRoute {
    /// Of a shard with one copy.
    pub fn single(node: NodeId, epoch: Epoch, replica: ReplicaId) -> Self {
        let set = Arc::new(ReplicaSet::single(replica));
        Self { node, epoch, set }
    }

    /// Every node that holds a copy or has one to erase, the primary's first; one may stand twice.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        let standbys = self.set.standbys.iter().map(|copy| &copy.node);
        let erased = self.set.erased.iter().map(|copy| &copy.node);
        std::iter::once(&self.node).chain(standbys).chain(erased)
    }

    /// The node that holds the copy of this name.
    pub fn node_of(&self, replica: ReplicaId) -> Option<&NodeId> {
        if self.set.primary == replica {
            return Some(&self.node);
        }
        self.set.standby(replica).map(|copy| &copy.node)
    }
}

/// What leads from one generation to the next. Absent in a map: unchanged; `None`: removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDelta {
    pub from: Generation,
    pub to: Generation,
    pub common_host: Option<String>,
    pub countries: BTreeMap<CountryCode, Option<Jurisdiction>>,
    pub homes: BTreeMap<HomeId, Option<Home>>,
    pub authorities: BTreeMap<Jurisdiction, Option<u16>>,
    pub cells: BTreeMap<CellId, Option<Cell>>,
    pub nodes: BTreeMap<NodeId, Option<Node>>,
    pub shards: BTreeMap<ShardId, Option<ShardRoute>>,
    /// A law once in force is followed by another, never by none.
    pub law: Option<LawInForce>,
    pub revocations: BTreeMap<RevokedIdentity, Option<u64>>,
    pub break_glass: BTreeMap<u64, Option<BreakGlass>>,
}

/// A delta that does not begin where the table stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table is at {have}, the delta begins at {from}: ask for a snapshot")]
pub struct DeltaGap {
    pub have: Generation,
    pub from: Generation,
}

impl RoutingTable {
    /// A table that knows nothing yet, generation 0.
    pub fn empty(world: WorldId) -> Self {
        Self {
            world,
            generation: Generation(0),
            common_host: String::new(),
            countries: BTreeMap::new(),
            homes: BTreeMap::new(),
            authorities: BTreeMap::new(),
            cells: BTreeMap::new(),
            nodes: BTreeMap::new(),
            shards: BTreeMap::new(),
            law: None,
            revocations: BTreeMap::new(),
            break_glass: BTreeMap::new(),
        }
    }

    /// The matrix in force.
    pub fn matrix(&self) -> Option<&Matrix> {
        self.law.as_ref().map(|law| law.matrix.as_ref())
    }

    /// The shard that owns a person of `home`; `None` if there is no such home.
    pub fn shard_of_user(&self, home: &HomeId, user: UserId) -> Option<ShardId> {
        self.homes
            .get(home)
            .map(|h| ShardId::of_user(home, h.shard_count, user))
    }

    /// The directory shard of `authority` that holds claims with this digest.
    pub fn shard_of_claim(&self, authority: &Jurisdiction, digest: &[u8]) -> Option<ShardId> {
        self.authorities.get(authority).map(|count| ShardId::Directory {
            authority: authority.clone(),
            index: crate::shard::directory_index(digest, *count),
        })
    }

    /// The node that serves `shard`, with its route.
    pub fn primary_of(&self, shard: &ShardId) -> Option<(&ShardRoute, &Node)> {
        let route = self.shards.get(shard)?;
        Some((route, self.nodes.get(&route.node)?))
    }

    /// What leads from `self` to `next`.
    pub fn delta_to(&self, next: &Self) -> TableDelta {
        TableDelta {
            from: self.generation,
            to: next.generation,
            common_host: (self.common_host != next.common_host).then(|| next.common_host.clone()),
            countries: changes(&self.countries, &next.countries),
            homes: changes(&self.homes, &next.homes),
            authorities: changes(&self.authorities, &next.authorities),
            cells: changes(&self.cells, &next.cells),
            nodes: changes(&self.nodes, &next.nodes),
            shards: changes(&self.shards, &next.shards),
            law: next.law.clone().filter(|law| self.law.as_ref() != Some(law)),
            revocations: changes(&self.revocations, &next.revocations),
            break_glass: changes(&self.break_glass, &next.break_glass),
        }
    }

    /// Applies a delta in place.
    ///
    /// # Errors
    /// [`DeltaGap`] when the delta begins elsewhere; the table is unchanged.
    pub fn apply(&mut self, delta: TableDelta) -> Result<(), DeltaGap> {
        if delta.from != self.generation {
            return Err(DeltaGap {
                have: self.generation,
                from: delta.from,
            });
        }
        if let Some(host) = delta.common_host {
            self.common_host = host;
        }
        change(&mut self.countries, delta.countries);
        change(&mut self.homes, delta.homes);
        change(&mut self.authorities, delta.authorities);
        change(&mut self.cells, delta.cells);
        change(&mut self.nodes, delta.nodes);
        change(&mut self.shards, delta.shards);
        if let Some(law) = delta.law {
            self.law = Some(law);
        }
        change(&mut self.revocations, delta.revocations);
        change(&mut self.break_glass, delta.break_glass);
        self.generation = delta.to;
        Ok(())
    }
}

fn changes<K: Ord + Clone, V: PartialEq + Clone>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
) -> BTreeMap<K, Option<V>> {
    let set = new
        .iter()
        .filter(|(k, v)| old.get(*k) != Some(v))
        .map(|(k, v)| (k.clone(), Some(v.clone())));
    let removed = old
        .keys()
        .filter(|k| !new.contains_key(*k))
        .map(|k| (k.clone(), None));
    set.chain(removed).collect()
}

fn change<K: Ord, V>(map: &mut BTreeMap<K, V>, changes: BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(generation: u64) -> RoutingTable {
        let world = WorldId::new(&"a".repeat(64)).expect("an id");
        RoutingTable {
            generation: Generation(generation),
            ..RoutingTable::empty(world)
        }
    }

    #[test]
    fn a_delta_leads_from_one_table_to_the_next() {
        let mut old = table(1);
        old.countries
            .insert("FR".parse().expect("a country"), "eu".parse().expect("a place"));
        let mut new = table(2);
        new.countries
            .insert("DE".parse().expect("a country"), "eu".parse().expect("a place"));
        let delta = old.delta_to(&new);
        old.apply(delta.clone()).expect("begins at 1");
        assert_eq!(old, new);
        assert_eq!(
            old.apply(delta),
            Err(DeltaGap {
                have: Generation(2),
                from: Generation(1)
            })
        );
    }
}
