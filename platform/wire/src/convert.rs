//! The routing table between the wire's messages and the model's types.
//!
//! Out is infallible; in checks every field, and a record that stands twice is refused.

mod set;
mod start;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;

use platform_model::matrix::{InvalidMatrix, Matrix};
use platform_model::{
    Cell, CellState, Epoch, Generation, Home, InvalidId, LawInForce, Node, RoutingTable, ShardRoute,
    TableDelta, TokenKey,
};

use crate::pb;

/// A table or delta that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTable {
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("the table has no `{field}`")]
    Missing { field: &'static str },
    #[error("`{key}` stands twice")]
    Twice { key: String },
    #[error("shard count {count} of `{owner}` is not between 1 and 65535")]
    ShardCount { owner: String, count: u32 },
    #[error("state {state} of cell `{cell}` is not known")]
    CellState { cell: String, state: i32 },
    #[error("token key `{kid}` has {bytes} bytes, not 32")]
    KeyLength { kid: String, bytes: usize },
    #[error("the delta leads from {from} to {to}, not forward")]
    Backward { from: Generation, to: Generation },
    #[error("shard `{shard}`: {fault}")]
    ReplicaSet { shard: String, fault: SetFault },
    #[error("the law of the table cannot be read")]
    Law(#[from] InvalidMatrix),
}

impl From<&RoutingTable> for pb::Table {
    fn from(table: &RoutingTable) -> Self {
        let records = pb::Records {
            countries: table.countries.iter().map(country).collect(),
            homes: table.homes.iter().map(home).collect(),
            authorities: table.authorities.iter().map(authority).collect(),
            cells: table.cells.iter().map(cell).collect(),
            nodes: table.nodes.iter().map(node).collect(),
            shards: table.shards.iter().map(route).collect(),
            revocations: table.revocations.iter().map(trust::revocation).collect(),
            break_glass: table.break_glass.iter().map(trust::window).collect(),
        };
        Self {
            world: table.world.to_string(),
            generation: table.generation.0,
            common_host: table.common_host.clone(),
            records: Some(records),
            law: table.law.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<pb::Table> for RoutingTable {
    type Error = InvalidTable;

    fn try_from(wire: pb::Table) -> Result<Self, InvalidTable> {
        let records = wire.records.ok_or(InvalidTable::Missing { field: "records" })?;
        Ok(Self {
            world: wire.world.parse()?,
            generation: Generation(wire.generation),
            common_host: wire.common_host,
            countries: map(records.countries, read_country)?,
            homes: map(records.homes, read_home)?,
            authorities: map(records.authorities, read_authority)?,
            cells: map(records.cells, read_cell)?,
            nodes: map(records.nodes, read_node)?,
            shards: map(records.shards, read_route)?,
            law: wire.law.map(TryInto::try_into).transpose()?,
            revocations: map(records.revocations, trust::read_revocation)?,
            break_glass: map(records.break_glass, trust::read_window)?,
        })
    }
}

impl From<&TableDelta> for pb::Delta {
    fn from(delta: &TableDelta) -> Self {
        let set = pb::Records {
            countries: present(&delta.countries).map(country).collect(),
            homes: present(&delta.homes).map(home).collect(),
            authorities: present(&delta.authorities).map(authority).collect(),
            cells: present(&delta.cells).map(cell).collect(),
            nodes: present(&delta.nodes).map(node).collect(),
            shards: present(&delta.shards).map(route).collect(),
            revocations: present(&delta.revocations).map(trust::revocation).collect(),
            break_glass: present(&delta.break_glass).map(trust::window).collect(),
        };
        let removed = pb::Removed {
            countries: absent(&delta.countries),
            homes: absent(&delta.homes),
            authorities: absent(&delta.authorities),
            cells: absent(&delta.cells),
            nodes: absent(&delta.nodes),
            shards: absent(&delta.shards),
            revocations: absent(&delta.revocations),
            break_glass: trust::closed(&delta.break_glass),
        };
        Self {
            from: delta.from.0,
            to: delta.to.0,
            common_host: delta.common_host.clone(),
            set: Some(set),
            removed: Some(removed),
            law: delta.law.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<pb::Delta> for TableDelta {
    type Error = InvalidTable;

    fn try_from(wire: pb::Delta) -> Result<Self, InvalidTable> {
        let (from, to) = (Generation(wire.from), Generation(wire.to));
        if to <= from {
            return Err(InvalidTable::Backward { from, to });
        }
        let (set, removed) = (wire.set.unwrap_or_default(), wire.removed.unwrap_or_default());
        Ok(Self {
            from,
            to,
            common_host: wire.common_host,
            countries: changes(set.countries, removed.countries, read_country)?,
            homes: changes(set.homes, removed.homes, read_home)?,
            authorities: changes(set.authorities, removed.authorities, read_authority)?,
            cells: changes(set.cells, removed.cells, read_cell)?,
            nodes: changes(set.nodes, removed.nodes, read_node)?,
            shards: changes(set.shards, removed.shards, read_route)?,
            revocations: changes(set.revocations, removed.revocations, trust::read_revocation)?,
            break_glass: trust::read_windows(set.break_glass, &removed.break_glass)?,
            law: wire.law.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<&LawInForce> for pb::Law {
    fn from(law: &LawInForce) -> Self {
        Self {
            revision: law.revision,
            matrix: law.matrix.to_bytes(),
            matrix_age_max_ms: law.matrix_age_max_ms,
        }
    }
}

impl TryFrom<pb::Law> for LawInForce {
    type Error = InvalidTable;

    fn try_from(wire: pb::Law) -> Result<Self, InvalidTable> {
        Ok(Self {
            revision: wire.revision,
            matrix: Arc::new(Matrix::from_bytes(&wire.matrix)?),
            matrix_age_max_ms: wire.matrix_age_max_ms,
        })
    }
}

impl From<&TokenKey> for pb::TokenKey {
    fn from(key: &TokenKey) -> Self {
        Self {
            kid: key.kid.clone(),
            public: key.public.to_vec(),
        }
    }
}

impl TryFrom<pb::TokenKey> for TokenKey {
    type Error = InvalidTable;

    fn try_from(wire: pb::TokenKey) -> Result<Self, InvalidTable> {
        let bytes = wire.public.len();
        match wire.public.try_into() {
            Ok(public) => Ok(Self {
                kid: wire.kid,
                public,
            }),
            Err(_) => Err(InvalidTable::KeyLength { kid: wire.kid, bytes }),
        }
    }
}

pub use set::{SetFault, copy_state, name as replica_name, read_copy_state, read_name as read_replica_name};
pub use start::read_start;
pub(crate) use trust::read_number_and_window as read_window;

/// The wire's number of a cell's state.
pub fn cell_state(state: CellState) -> pb::CellState {
    match state {
        CellState::Open => pb::CellState::Open,
        CellState::Cordoned => pb::CellState::Cordoned,
    }
}

/// A cell's state from its number.
///
/// # Errors
/// For a number that this build does not know.
pub fn read_cell_state(cell: &str, state: i32) -> Result<CellState, InvalidTable> {
    match pb::CellState::try_from(state) {
        Ok(pb::CellState::Open) => Ok(CellState::Open),
        Ok(pb::CellState::Cordoned) => Ok(CellState::Cordoned),
        _ => Err(InvalidTable::CellState {
            cell: cell.to_owned(),
            state,
        }),
    }
}

/// A shard count from the wire.
///
/// # Errors
/// For 0 and for more than 65535.
pub fn read_shard_count(owner: &str, count: u32) -> Result<u16, InvalidTable> {
    u16::try_from(count)
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| InvalidTable::ShardCount {
            owner: owner.to_owned(),
            count,
        })
}

fn country(
    (code, jurisdiction): (&platform_model::CountryCode, &platform_model::Jurisdiction),
) -> pb::Country {
    pb::Country {
        code: code.to_string(),
        jurisdiction: jurisdiction.to_string(),
    }
}

fn home((id, home): (&platform_model::HomeId, &Home)) -> pb::Home {
    pb::Home {
        id: id.to_string(),
        shard_count: u32::from(home.shard_count),
        host: home.host.clone(),
        token_keys: home.token_keys.iter().map(Into::into).collect(),
    }
}

fn authority((id, count): (&platform_model::Jurisdiction, &u16)) -> pb::Authority {
    pb::Authority {
        jurisdiction: id.to_string(),
        shard_count: u32::from(*count),
    }
}

fn cell((id, cell): (&platform_model::CellId, &Cell)) -> pb::Cell {
    pb::Cell {
        id: id.to_string(),
        region: cell.region.to_string(),
        state: cell_state(cell.state).into(),
    }
}

fn node((id, node): (&platform_model::NodeId, &Node)) -> pb::Node {
    pb::Node {
        id: id.to_string(),
        address: node.address.clone(),
        start: Some((&node.start).into()),
    }
}

pub(crate) fn route((id, route): (&platform_model::ShardId, &ShardRoute)) -> pb::ShardRoute {
    pb::ShardRoute {
        shard: id.to_string(),
        node: route.node.to_string(),
        epoch: route.epoch.0,
        set: (!route.set.is_unnamed()).then(|| set::set(&route.set)),
    }
}

type Read<K, V> = Result<(K, V), InvalidTable>;

fn read_country(w: pb::Country) -> Read<platform_model::CountryCode, platform_model::Jurisdiction> {
    Ok((w.code.parse()?, w.jurisdiction.parse()?))
}

fn read_home(w: pb::Home) -> Read<platform_model::HomeId, Home> {
    let shard_count = read_shard_count(&w.id, w.shard_count)?;
    let token_keys = w
        .token_keys
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<_, _>>()?;
    Ok((
        w.id.parse()?,
        Home {
            shard_count,
            host: w.host,
            token_keys,
        },
    ))
}

fn read_authority(w: pb::Authority) -> Read<platform_model::Jurisdiction, u16> {
    let count = read_shard_count(&w.jurisdiction, w.shard_count)?;
    Ok((w.jurisdiction.parse()?, count))
}

fn read_cell(w: pb::Cell) -> Read<platform_model::CellId, Cell> {
    let state = read_cell_state(&w.id, w.state)?;
    Ok((
        w.id.parse()?,
        Cell {
            region: w.region.parse()?,
            state,
        },
    ))
}

fn read_node(w: pb::Node) -> Read<platform_model::NodeId, Node> {
    Ok((
        w.id.parse()?,
        Node {
            address: w.address,
            start: read_start(w.start),
        },
    ))
}

pub(crate) fn read_route(w: pb::ShardRoute) -> Read<platform_model::ShardId, ShardRoute> {
    Ok((
        w.shard.parse()?,
        ShardRoute {
            node: w.node.parse()?,
            epoch: Epoch(w.epoch),
            set: Arc::new(set::read_set(&w.shard, w.set)?),
        },
    ))
}

fn map<W, K: Ord + ToString, V>(
    list: Vec<W>,
    read: impl Fn(W) -> Read<K, V>,
) -> Result<BTreeMap<K, V>, InvalidTable> {
    let mut map = BTreeMap::new();
    for entry in list {
        let (key, value) = read(entry)?;
        let text = key.to_string();
        if map.insert(key, value).is_some() {
            return Err(InvalidTable::Twice { key: text });
        }
    }
    Ok(map)
}

fn changes<W, K, V>(
    set: Vec<W>,
    removed: Vec<String>,
    read: impl Fn(W) -> Read<K, V>,
) -> Result<BTreeMap<K, Option<V>>, InvalidTable>
where
    K: Ord + ToString + std::str::FromStr<Err = InvalidId>,
{
    let set = map(set, |entry| read(entry).map(|(k, v)| (k, Some(v))))?;
    removed
        .into_iter()
        .try_fold(set, |mut all, text| match all.insert(text.parse()?, None) {
            None => Ok(all),
            Some(_) => Err(InvalidTable::Twice { key: text }),
        })
}

fn present<K, V>(changes: &BTreeMap<K, Option<V>>) -> impl Iterator<Item = (&K, &V)> {
    changes
        .iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)))
}

fn absent<K: ToString, V>(changes: &BTreeMap<K, Option<V>>) -> Vec<String> {
    changes
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key.to_string())
        .collect()
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
