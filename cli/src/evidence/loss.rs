//! What would be lost with a cell, a node or a region: shards, homes, and about how many people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use platform_model::{CellId, NodeId, RegionId, ShardId};
use platform_wire::law::{Residency, ShardCopy};
use serde::Serialize;

/// What is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    Cell(CellId),
    Node(NodeId),
    Region(RegionId),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names nothing that can be lost: `cell/eu-west-1`, `node/eu-west-1/0` or `region/eu-west`")]
pub struct InvalidLost(String);

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LossView {
    pub lost: String,
    pub shards: Vec<LostShard>,
    pub homes: Vec<LostHome>,
    /// Shards of which no copy is left that could stand in.
    pub without_another_copy: usize,
    /// Directories whose claims cannot be asked: nobody registers there meanwhile.
    pub directories: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LostShard {
    pub shard: String,
    pub role: String,
    /// Copies elsewhere that could stand in.
    pub other_copies: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LostHome {
    pub home: String,
    pub shards_lost: usize,
    pub shards: usize,
    /// Of the people of the home, in percent, by number of shards: people are spread over these evenly.
    pub people_percent: usize,
    /// The wrapped keys of the home are lost, and with them what is sealed, in every shard of it.
    pub keys_lost: bool,
}

const PRIMARY: &str = "primary";
/// Roles of copies that have everything.
const STANDS_IN: [&str; 2] = [PRIMARY, "standby"];

impl Lost {
    fn holds(&self, copy: &ShardCopy) -> bool {
        match self {
            Self::Cell(cell) => copy.cell == *cell,
            Self::Node(node) => copy.node.as_ref() == Some(node),
            Self::Region(region) => copy.region == *region,
        }
    }

    /// Whether the report knows it at all.
    pub fn is_known(&self, report: &Residency) -> bool {
        report.copies.iter().any(|copy| self.holds(copy))
    }
}

/// What a report says would be lost.
pub fn loss(report: &Residency, lost: &Lost) -> LossView {
    let is_made = |copy: &&ShardCopy| copy.node.is_some();
    let elsewhere = |shard: &ShardId| {
        let others = report.copies.iter().filter(is_made);
        others
            .filter(|copy| STANDS_IN.contains(&copy.role.as_str()))
            .filter(|copy| copy.shard == *shard && !lost.holds(copy))
            .count()
    };
    let gone = report
        .copies
        .iter()
        .filter(is_made)
        .filter(|copy| lost.holds(copy));
    let shards: Vec<(ShardId, LostShard)> = gone
        .map(|copy| {
            let view = LostShard {
                shard: copy.shard.to_string(),
                role: copy.role.clone(),
                other_copies: elsewhere(&copy.shard),
            };
            (copy.shard.clone(), view)
        })
        .collect();
    // Several copies of one shard may be lost together.
    let lost_shards: BTreeSet<&ShardId> = shards
        .iter()
        .filter(|(_, view)| view.other_copies == 0)
        .map(|(shard, _)| shard)
        .collect();
    let directories = lost_shards
        .iter()
        .filter(|shard| matches!(shard, ShardId::Directory { .. }));
    LossView {
        lost: lost.to_string(),
        homes: homes(report, &lost_shards),
        without_another_copy: lost_shards.len(),
        directories: directories.map(ToString::to_string).collect(),
        shards: shards.into_iter().map(|(_, shard)| shard).collect(),
    }
}

fn homes(report: &Residency, lost: &BTreeSet<&ShardId>) -> Vec<LostHome> {
    let mut homes: BTreeMap<String, LostHome> = BTreeMap::new();
    for shard in lost {
        let Some(home) = shard.home() else { continue };
        let is_root = |copy: &&ShardCopy| {
            let of_home = matches!(&copy.shard, ShardId::Root { home: of, .. } if of == home);
            of_home && copy.role == PRIMARY
        };
        let entry = homes.entry(home.to_string()).or_insert_with(|| LostHome {
            home: home.to_string(),
            shards_lost: 0,
            shards: report.copies.iter().filter(is_root).count(),
            people_percent: 0,
            keys_lost: false,
        });
        match shard {
            ShardId::Root { .. } => entry.shards_lost += 1,
            _ => entry.keys_lost = true,
        }
        entry.people_percent = (entry.shards_lost * 100).checked_div(entry.shards).unwrap_or(0);
    }
    homes.into_values().collect()
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell(cell) => write!(f, "cell/{cell}"),
            Self::Node(node) => write!(f, "node/{node}"),
            Self::Region(region) => write!(f, "region/{region}"),
        }
    }
}

impl FromStr for Lost {
    type Err = InvalidLost;

    fn from_str(text: &str) -> Result<Self, InvalidLost> {
        let invalid = || InvalidLost(text.chars().take(80).collect());
        let (kind, name) = text.split_once('/').ok_or_else(invalid)?;
        match kind {
            "cell" => name.parse().map(Self::Cell).map_err(|_| invalid()),
            "node" => name.parse().map(Self::Node).map_err(|_| invalid()),
            "region" => name.parse().map(Self::Region).map_err(|_| invalid()),
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_lost_cell_takes_its_home_and_its_directory() {
        let report = sample::residency();
        let lost: Lost = "cell/eu-central-1".parse().expect("a cell");
        let view = loss(&report, &lost);
        insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("writes"));
        assert_eq!(view.without_another_copy, view.shards.len());
        let by_node: Lost = "node/eu-central-1/0".parse().expect("a node");
        assert_eq!(loss(&report, &by_node).shards, view.shards);
        let by_region: Lost = "region/eu-central".parse().expect("a region");
        assert_eq!(loss(&report, &by_region).shards, view.shards);
    }

    #[test]
    fn a_shard_with_a_standby_elsewhere_is_not_lost() {
        let mut report = sample::residency();
        let lost: Lost = "cell/eu-central-1".parse().expect("a cell");
        let before = loss(&report, &lost).without_another_copy;
        let is_root = |copy: &&ShardCopy| lost.holds(copy) && matches!(copy.shard, ShardId::Root { .. });
        let primary = report.copies.iter().find(is_root).expect("one").clone();
        let standby = |role: &str| ShardCopy {
            role: role.to_owned(),
            cell: "eu-west-1".parse().expect("a cell"),
            region: "eu-west".parse().expect("a region"),
            node: Some("eu-west-1/0".parse().expect("a node")),
            ..primary.clone()
        };
        report.copies.push(standby("copying"));
        assert_eq!(loss(&report, &lost).without_another_copy, before);
        report.copies.push(standby("standby"));
        let view = loss(&report, &lost);
        assert_eq!(view.without_another_copy, before - 1);
        let region = loss(&report, &"cell/eu-west-1".parse().expect("a cell"));
        assert!(
            !region.homes.iter().any(|home| home.home == "eu/eu-central"),
            "its primary is left"
        );
    }

    #[test]
    fn what_nobody_knows_cannot_be_lost() {
        let unknown: Lost = "cell/us-west-9".parse().expect("a cell");
        assert!(!unknown.is_known(&sample::residency()));
        for text in ["", "eu-west-1", "shard/x", "cell/", "node/eu-west-1"] {
            assert!(text.parse::<Lost>().is_err(), "{text}");
        }
    }
}
