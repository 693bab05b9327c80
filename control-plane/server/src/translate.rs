//! Requests of the wire as commands of the state.

pub mod operation;
pub mod trust;

use control_plane_state::command::{AuthoritySpec, CellSpec, HomeSpec, WorldSpec};
use control_plane_state::{Author, Command};
use platform_model::Generation;
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::convert::read_cell_state;
use platform_wire::{Refusal, pb, spec};

pub use trust::joiner;

/// The author that a certificate stands for; controllers and routers give no commands.
pub fn author(id: &SpiffeId) -> Option<Author> {
    match &id.kind {
        SpiffeKind::Node(node) => Some(Author::Node {
            id: node.clone(),
            region: id.region.clone(),
        }),
        SpiffeKind::Operator { role, .. } => Some(Author::Operator {
            role: *role,
            id: id.to_string(),
        }),
        SpiffeKind::Router(_) | SpiffeKind::Controller(_) => None,
    }
}

pub fn init_world(wire: pb::InitWorldRequest) -> Result<Command, Refusal> {
    let spec = wire.spec.ok_or_else(|| missing("spec"))?;
    let spec = spec::WorldSpec::try_from(spec).map_err(Refusal::invalid)?;
    Ok(Command::InitWorld(WorldSpec {
        common_host: spec.common_host,
        countries: spec.countries,
        cells: spec.cells.into_iter().map(cell).collect(),
        homes: spec.homes.into_iter().map(home).collect(),
        authorities: spec.authorities.into_iter().map(authority).collect(),
    }))
}

pub fn create_home(wire: pb::CreateHomeRequest) -> Result<Command, Refusal> {
    let spec = spec::HomeSpec::try_from(wire.home.ok_or_else(|| missing("home"))?);
    Ok(Command::CreateHome(home(spec.map_err(Refusal::invalid)?)))
}

pub fn create_cell(wire: pb::CreateCellRequest) -> Result<Command, Refusal> {
    let spec = spec::CellSpec::try_from(wire.cell.ok_or_else(|| missing("cell"))?);
    Ok(Command::CreateCell(cell(spec.map_err(Refusal::invalid)?)))
}

pub fn create_authority(wire: pb::CreateAuthorityRequest) -> Result<Command, Refusal> {
    let spec = spec::AuthoritySpec::try_from(wire.authority.ok_or_else(|| missing("authority"))?);
    Ok(Command::CreateAuthority(authority(
        spec.map_err(Refusal::invalid)?,
    )))
}

pub fn set_country(wire: pb::SetCountryRequest) -> Result<Command, Refusal> {
    let wire = wire.country.ok_or_else(|| missing("country"))?;
    let country = wire.code.parse().map_err(Refusal::invalid)?;
    let jurisdiction = wire.jurisdiction.parse().map_err(Refusal::invalid)?;
    Ok(Command::SetCountry {
        country,
        jurisdiction,
    })
}

pub fn set_cell_state(wire: pb::SetCellStateRequest) -> Result<Command, Refusal> {
    let state = read_cell_state(&wire.cell, wire.state).map_err(Refusal::invalid)?;
    let cell = wire.cell.parse().map_err(Refusal::invalid)?;
    Ok(Command::SetCellState {
        cell,
        state,
        expected: Generation(wire.expected),
    })
}

pub fn place_shard(wire: pb::PlaceShardRequest) -> Result<Command, Refusal> {
    let shard = wire.shard.parse().map_err(Refusal::invalid)?;
    let cell = wire.cell.parse().map_err(Refusal::invalid)?;
    Ok(Command::PlaceShard {
        shard,
        cell,
        expected: Generation(wire.expected),
    })
}

pub fn set_automation(wire: &pb::SetAutomationRequest) -> Command {
    Command::SetAutomation {
        paused: wire.paused,
        expected: Generation(wire.expected),
    }
}

pub fn register_node(wire: pb::RegisterNodeRequest) -> Result<Command, Refusal> {
    let node = wire.node.parse().map_err(Refusal::invalid)?;
    Ok(Command::RegisterNode {
        node,
        address: wire.address,
        start: platform_wire::convert::read_start(wire.start),
        store: wire.store.map(Into::into),
    })
}

pub fn publish_token_key(wire: pb::PublishTokenKeyRequest) -> Result<Command, Refusal> {
    let home = wire.home.parse().map_err(Refusal::invalid)?;
    let key = wire
        .key
        .ok_or_else(|| missing("key"))?
        .try_into()
        .map_err(Refusal::invalid)?;
    Ok(Command::PublishTokenKey { home, key })
}

pub fn admit_foreign(wire: pb::AdmitForeignRequest) -> Result<Command, Refusal> {
    let home = wire.home.parse().map_err(Refusal::invalid)?;
    let jurisdiction = wire.jurisdiction.parse().map_err(Refusal::invalid)?;
    Ok(Command::AdmitForeign { home, jurisdiction })
}

fn missing(field: &str) -> Refusal {
    Refusal::invalid(format!("the request has no `{field}`"))
}

fn cell(spec: spec::CellSpec) -> CellSpec {
    CellSpec {
        id: spec.id,
        region: spec.region,
    }
}

fn home(spec: spec::HomeSpec) -> HomeSpec {
    HomeSpec {
        id: spec.id,
        shard_count: spec.shard_count,
        host: spec.host,
        cell: spec.cell,
    }
}

fn authority(spec: spec::AuthoritySpec) -> AuthoritySpec {
    AuthoritySpec {
        jurisdiction: spec.jurisdiction,
        shard_count: spec.shard_count,
        cell: spec.cell,
    }
}
