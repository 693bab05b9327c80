//! What one command changes of the routing table: keys only, so that the delta costs time in the change and not in
//! the world.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::{
    CellId, CountryCode, Generation, HomeId, Jurisdiction, NodeId, RevokedIdentity, ShardId, TableDelta,
};

use crate::state::State;

/// Keys of records that a command touched; of what is removed, too.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub common_host: bool,
    pub countries: BTreeSet<CountryCode>,
    pub homes: BTreeSet<HomeId>,
    pub authorities: BTreeSet<Jurisdiction>,
    pub cells: BTreeSet<CellId>,
    pub nodes: BTreeSet<NodeId>,
    pub shards: BTreeSet<ShardId>,
    /// Another law is in force.
    pub law: bool,
    pub revocations: BTreeSet<RevokedIdentity>,
    pub break_glass: BTreeSet<u64>,
    /// A record has changed that the table does not show.
    pub hidden: bool,
}

impl Changes {
    /// These changes and those.
    pub fn add(&mut self, other: Self) {
        self.common_host |= other.common_host;
        self.hidden |= other.hidden;
        self.law |= other.law;
        self.countries.extend(other.countries);
        self.homes.extend(other.homes);
        self.authorities.extend(other.authorities);
        self.cells.extend(other.cells);
        self.nodes.extend(other.nodes);
        self.shards.extend(other.shards);
        self.revocations.extend(other.revocations);
        self.break_glass.extend(other.break_glass);
    }

    /// Whether the state changed at all.
    pub fn any(&self) -> bool {
        self.hidden || self.of_table()
    }

    /// Whether the table did.
    pub fn of_table(&self) -> bool {
        self.common_host
            || self.law
            || !(self.countries.is_empty()
                && self.homes.is_empty()
                && self.authorities.is_empty()
                && self.cells.is_empty()
                && self.nodes.is_empty()
                && self.shards.is_empty()
                && self.revocations.is_empty()
                && self.break_glass.is_empty())
    }

    /// The delta that leads from generation `from` to the state as it is now.
    pub fn delta(self, from: Generation, state: &State) -> TableDelta {
        let host = state.made.as_ref().map(|m| m.common_host.clone());
        TableDelta {
            from,
            to: state.table_generation,
            common_host: host.filter(|_| self.common_host),
            countries: pick(self.countries, |id| state.countries.get(id).cloned()),
            homes: pick(self.homes, |id| state.homes.get(id).map(|r| r.route())),
            authorities: pick(self.authorities, |id| {
                state.authorities.get(id).map(|r| r.shard_count)
            }),
            cells: pick(self.cells, |id| state.cells.get(id).map(|r| r.route())),
            nodes: pick(self.nodes, |id| state.nodes.get(id).map(|r| r.route())),
            shards: pick(self.shards, |id| state.shards.get(id).and_then(|r| r.route())),
            law: state.law.route().filter(|_| self.law),
            revocations: pick(self.revocations, |id| {
                state.trust.revocations.get(id).map(|r| r.until_ms)
            }),
            break_glass: pick(self.break_glass, |number| {
                state.trust.break_glass.get(number).map(|r| r.route())
            }),
        }
    }
}

fn pick<K: Ord, V>(keys: BTreeSet<K>, value: impl Fn(&K) -> Option<V>) -> BTreeMap<K, Option<V>> {
    keys.into_iter()
        .map(|key| {
            let value = value(&key);
            (key, value)
        })
        .collect()
}
