//! Who sits where: the processes of a development world and the homes that its cells hold.

use std::fmt;

use platform_model::{CellId, CountryCode, HomeId, Jurisdiction, NodeId, RegionId};
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::admin::{AuthoritySpec, CellSpec, HomeSpec, WorldSpec};

/// Root shards of each home of a development world.
pub const ROOT_SHARDS: u16 = 8;
/// Shards of each directory of a development world.
const DIRECTORY_SHARDS: u16 = 2;
/// The host name at which every app begins.
pub const COMMON_HOST: &str = "meridian.localhost";

/// One process of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub kind: SeatKind,
    pub region: RegionId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatKind {
    Controller(u64),
    Node(NodeId),
    Router(u16),
}

impl Seat {
    pub fn is_controller(&self) -> bool {
        matches!(self.kind, SeatKind::Controller(_))
    }

    /// The node that sits here, if one does.
    pub fn node(&self) -> Option<&NodeId> {
        match &self.kind {
            SeatKind::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The binary that runs here.
    pub fn binary(&self) -> &'static str {
        match self.kind {
            SeatKind::Controller(_) => "controld",
            SeatKind::Node(_) => "celld",
            SeatKind::Router(_) => "routerd",
        }
    }

    /// The process as its certificate names it.
    pub fn spiffe_id(&self, trust_domain: &str) -> SpiffeId {
        let kind = match &self.kind {
            SeatKind::Controller(id) => SpiffeKind::Controller(id.to_string()),
            SeatKind::Node(node) => SpiffeKind::Node(node.clone()),
            SeatKind::Router(id) => SpiffeKind::Router(id.to_string()),
        };
        SpiffeId {
            trust_domain: trust_domain.to_owned(),
            region: self.region.clone(),
            kind,
        }
    }
}

impl fmt::Display for Seat {
    /// The name of its folder and in messages: `controld-1`, `celld-eu-central-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SeatKind::Controller(id) => write!(f, "controld-{id}"),
            SeatKind::Node(NodeId { cell, ordinal: 0 }) => write!(f, "celld-{cell}"),
            SeatKind::Node(NodeId { cell, ordinal }) => write!(f, "celld-{cell}-{ordinal}"),
            SeatKind::Router(id) => write!(f, "routerd-{id}"),
        }
    }
}

fn name<T: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the names below are well formed")
}

/// A cell of the development world and the home that it holds.
#[derive(Debug, Clone)]
pub struct Place {
    pub cell: CellId,
    pub region: RegionId,
    pub home: HomeId,
    /// Whether the cell also holds the directory of its jurisdiction.
    pub directory: bool,
}

/// Cells: `eu-central-1`, `eu-west-1`, `us-east-1`, each with the home of its region.
pub fn places() -> Vec<Place> {
    let place = |jurisdiction: &str, region: &str, directory| Place {
        cell: name(&format!("{region}-1")),
        region: name(region),
        home: name(&format!("{jurisdiction}/{region}")),
        directory,
    };
    vec![
        place("eu", "eu-central", true),
        place("eu", "eu-west", false),
        place("us", "us-east", true),
    ]
}

/// Countries whose people the world serves. Others are refused with a typed answer.
pub fn countries() -> Vec<(CountryCode, Jurisdiction)> {
    let eu = [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
        "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ];
    let in_eu = eu.into_iter().map(|country| (name(country), name("eu")));
    in_eu.chain([(name("US"), name("us"))]).collect()
}

/// What the controllers are told once, when the world is made.
pub fn spec() -> WorldSpec {
    let cells = places().into_iter().map(|place| CellSpec {
        id: place.cell,
        region: place.region,
    });
    let homes = places().into_iter().map(|place| HomeSpec {
        host: format!("{}.{COMMON_HOST}", place.home.host_label()),
        id: place.home,
        shard_count: ROOT_SHARDS,
        cell: place.cell,
    });
    let directories = places().into_iter().filter(|place| place.directory);
    let authorities = directories.map(|place| AuthoritySpec {
        jurisdiction: place.home.jurisdiction,
        shard_count: DIRECTORY_SHARDS,
        cell: place.cell,
    });
    WorldSpec {
        common_host: COMMON_HOST.to_owned(),
        countries: countries().into_iter().collect(),
        cells: cells.collect(),
        homes: homes.collect(),
        authorities: authorities.collect(),
    }
}

/// The jurisdiction whose people live in a country, in the development world.
pub fn jurisdiction_of(country: CountryCode) -> Option<Jurisdiction> {
    countries()
        .into_iter()
        .find(|(code, _)| *code == country)
        .map(|(_, jurisdiction)| jurisdiction)
}

/// The seat with this name.
pub fn seat_named(name: &str) -> Option<Seat> {
    seats().into_iter().find(|seat| seat.to_string() == name)
}

/// The seat of a cell's one node.
pub fn seat_of_cell(cell: &CellId) -> Option<Seat> {
    seats()
        .into_iter()
        .find(|seat| matches!(&seat.kind, SeatKind::Node(node) if node.cell == *cell))
}

/// Every process, in the order in which they start.
pub fn seats() -> Vec<Seat> {
    let regions = places().into_iter().map(|place| place.region);
    let controllers = regions.zip(1..).map(|(region, id)| Seat {
        kind: SeatKind::Controller(id),
        region,
    });
    let nodes = places().into_iter().map(|place| {
        let node = NodeId {
            cell: place.cell,
            ordinal: 0,
        };
        Seat {
            kind: SeatKind::Node(node),
            region: place.region,
        }
    });
    let router = Seat {
        kind: SeatKind::Router(1),
        region: name("eu-central"),
    };
    controllers.chain(nodes).chain([router]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_the_one_that_is_promised() {
        let names: Vec<String> = seats().iter().map(ToString::to_string).collect();
        let expected = [
            "controld-1",
            "controld-2",
            "controld-3",
            "celld-eu-central-1",
            "celld-eu-west-1",
            "celld-us-east-1",
            "routerd-1",
        ];
        assert_eq!(names, expected);
        assert!(
            names
                .iter()
                .all(|name| seat_named(name).is_some_and(|seat| seat.to_string() == *name))
        );
    }

    #[test]
    fn every_country_has_a_home_in_its_jurisdiction() {
        let spec = spec();
        for (country, jurisdiction) in &spec.countries {
            assert!(
                spec.homes
                    .iter()
                    .any(|home| home.id.jurisdiction == *jurisdiction),
                "{country}"
            );
        }
        assert_eq!(spec.authorities.len(), 2);
        assert_eq!(jurisdiction_of(name("FR")), Some(name("eu")));
        assert_eq!(jurisdiction_of(name("BR")), None);
    }
}
