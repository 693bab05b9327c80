//! What a world is made of, given once: countries, cells, homes, directory authorities. Conversions to the wire and
//! back; what it must obey, the controllers' `apply` says.

use std::collections::BTreeMap;

use platform_model::{CellId, CountryCode, HomeId, Jurisdiction, RegionId};

use crate::convert::{InvalidTable, read_shard_count};
use crate::pb;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldSpec {
    /// The host name at which every app begins.
    pub common_host: String,
    pub countries: BTreeMap<CountryCode, Jurisdiction>,
    pub cells: Vec<CellSpec>,
    pub homes: Vec<HomeSpec>,
    pub authorities: Vec<AuthoritySpec>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSpec {
    pub id: CellId,
    pub region: RegionId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeSpec {
    pub id: HomeId,
    /// Fixed for ever.
    pub shard_count: u16,
    pub host: String,
    /// Where the home's shards are placed.
    pub cell: CellId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritySpec {
    pub jurisdiction: Jurisdiction,
    /// Fixed for ever.
    pub shard_count: u16,
    pub cell: CellId,
}

/// Root shards of each home of the development world.
const DEV_SHARDS: u16 = 8;
/// `(home, cell)` of the development world.
const DEV_HOMES: [(&str, &str); 3] = [
    ("eu/eu-central", "eu-central-1"),
    ("eu/eu-west", "eu-west-1"),
    ("us/us-east", "us-east-1"),
];
const DEV_AUTHORITIES: [(&str, &str); 2] = [("eu", "eu-central-1"), ("us", "us-east-1")];
/// Countries whose residents the development world takes. An example of a map, no legal advice.
const DEV_COUNTRIES: [(&str, &str); 9] = [
    ("AT", "eu"),
    ("BE", "eu"),
    ("DE", "eu"),
    ("ES", "eu"),
    ("FR", "eu"),
    ("IE", "eu"),
    ("IT", "eu"),
    ("NL", "eu"),
    ("US", "us"),
];

impl WorldSpec {
    /// The world of `cellctl dev`: three cells in two jurisdictions, one home on each.
    pub fn dev(common_host: &str) -> Self {
        let fixed = "a constant of this file";
        let cells = DEV_HOMES.map(|(home, cell)| CellSpec {
            id: cell.parse().expect(fixed),
            region: home.parse::<HomeId>().expect(fixed).region,
        });
        let homes = DEV_HOMES.map(|(home, cell)| {
            let id: HomeId = home.parse().expect(fixed);
            let host = format!("{}.{common_host}", id.host_label());
            HomeSpec {
                id,
                shard_count: DEV_SHARDS,
                host,
                cell: cell.parse().expect(fixed),
            }
        });
        let authorities = DEV_AUTHORITIES.map(|(jurisdiction, cell)| AuthoritySpec {
            jurisdiction: jurisdiction.parse().expect(fixed),
            shard_count: 1,
            cell: cell.parse().expect(fixed),
        });
        let countries = DEV_COUNTRIES.map(|(country, jurisdiction)| {
            (country.parse().expect(fixed), jurisdiction.parse().expect(fixed))
        });
        Self {
            common_host: common_host.to_owned(),
            countries: countries.into(),
            cells: cells.into(),
            homes: homes.into(),
            authorities: authorities.into(),
        }
    }
}

impl From<&WorldSpec> for pb::WorldSpec {
    fn from(spec: &WorldSpec) -> Self {
        let country = |(code, jurisdiction): (&CountryCode, &Jurisdiction)| pb::Country {
            code: code.to_string(),
            jurisdiction: jurisdiction.to_string(),
        };
        Self {
            common_host: spec.common_host.clone(),
            countries: spec.countries.iter().map(country).collect(),
            cells: spec.cells.iter().map(Into::into).collect(),
            homes: spec.homes.iter().map(Into::into).collect(),
            authorities: spec.authorities.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::WorldSpec> for WorldSpec {
    type Error = InvalidTable;

    fn try_from(wire: pb::WorldSpec) -> Result<Self, InvalidTable> {
        let mut countries = BTreeMap::new();
        for country in wire.countries {
            if countries
                .insert(country.code.parse()?, country.jurisdiction.parse()?)
                .is_some()
            {
                return Err(InvalidTable::Twice { key: country.code });
            }
        }
        Ok(Self {
            common_host: wire.common_host,
            countries,
            cells: wire
                .cells
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            homes: wire
                .homes
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            authorities: wire
                .authorities
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&CellSpec> for pb::CellSpec {
    fn from(cell: &CellSpec) -> Self {
        Self {
            id: cell.id.to_string(),
            region: cell.region.to_string(),
        }
    }
}

impl TryFrom<pb::CellSpec> for CellSpec {
    type Error = InvalidTable;

    fn try_from(wire: pb::CellSpec) -> Result<Self, InvalidTable> {
        Ok(Self {
            id: wire.id.parse()?,
            region: wire.region.parse()?,
        })
    }
}

impl From<&HomeSpec> for pb::HomeSpec {
    fn from(home: &HomeSpec) -> Self {
        Self {
            id: home.id.to_string(),
            shard_count: u32::from(home.shard_count),
            host: home.host.clone(),
            cell: home.cell.to_string(),
        }
    }
}

impl TryFrom<pb::HomeSpec> for HomeSpec {
    type Error = InvalidTable;

    fn try_from(wire: pb::HomeSpec) -> Result<Self, InvalidTable> {
        let shard_count = read_shard_count(&wire.id, wire.shard_count)?;
        Ok(Self {
            id: wire.id.parse()?,
            shard_count,
            host: wire.host,
            cell: wire.cell.parse()?,
        })
    }
}

impl From<&AuthoritySpec> for pb::AuthoritySpec {
    fn from(authority: &AuthoritySpec) -> Self {
        Self {
            jurisdiction: authority.jurisdiction.to_string(),
            shard_count: u32::from(authority.shard_count),
            cell: authority.cell.to_string(),
        }
    }
}

impl TryFrom<pb::AuthoritySpec> for AuthoritySpec {
    type Error = InvalidTable;

    fn try_from(wire: pb::AuthoritySpec) -> Result<Self, InvalidTable> {
        let shard_count = read_shard_count(&wire.jurisdiction, wire.shard_count)?;
        Ok(Self {
            jurisdiction: wire.jurisdiction.parse()?,
            shard_count,
            cell: wire.cell.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_development_world_survives_the_wire() {
        let spec = WorldSpec::dev("meridian.test");
        assert_eq!(spec.homes[0].host, "eu-central.eu.meridian.test");
        assert_eq!(WorldSpec::try_from(pb::WorldSpec::from(&spec)), Ok(spec));
    }
}
