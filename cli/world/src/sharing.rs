//! A development world whose first cell stores on a TiKV cluster that several of its nodes share. A file in the world's
//! folder says so; without it every cell is one node with a store of its own.

use std::fs;

use anyhow::{Context, Result};
use platform_model::NodeId;
use serde::{Deserialize, Serialize};

use super::disk;
use super::layout::Layout;
use super::operator;
use super::seats::{Seat, SeatKind, places, seats};
use super::up::World;
use super::{added, config_files, make, trust};

/// Which cluster, and how many nodes are on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Placement drivers, `host:port`, on this machine.
    pub pd: Vec<String>,
    /// Nodes of the first cell.
    pub nodes: u16,
}

impl Sharing {
    /// Notes it in a world that was made and never ran.
    ///
    /// # Errors
    /// What the file system says.
    pub fn note(&self, layout: &Layout) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("it has a JSON form")?;
        disk::write(&layout.sharing(), &text)
    }

    /// What is noted in a world's folder.
    pub fn of(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs::read(layout.sharing()).ok()?).ok()
    }

    /// Whether the process that sits there is on the cluster.
    pub fn is_for(seat: &Seat) -> bool {
        let first = places().swap_remove(0).cell;
        seat.node().is_some_and(|node| node.cell == first)
    }

    /// The first cell's nodes, the one that every world has first.
    pub fn seats(&self) -> Vec<Seat> {
        let place = places().swap_remove(0);
        let seat = |ordinal| Seat {
            kind: SeatKind::Node(NodeId {
                cell: place.cell.clone(),
                ordinal,
            }),
            region: place.region.clone(),
        };
        (0..self.nodes).map(seat).collect()
    }
}

/// Every process of a world's folder.
pub fn all_seats(layout: &Layout) -> Vec<Seat> {
    let more = Sharing::of(layout).map(|sharing| sharing.seats());
    let more = more.into_iter().flatten().skip(1);
    let added = added::seats(layout);
    seats().into_iter().chain(more).chain(added).collect()
}

impl World {
    /// Starts the nodes that share the first cell's store with the one that every world has, and waits until the
    /// controllers know them.
    ///
    /// # Errors
    /// With the end of the log of a process that ended; else with what was still missing when the time was over.
    pub async fn start_sharing(&self, sharing: &Sharing) -> Result<Vec<Seat>> {
        let more: Vec<Seat> = sharing.seats().into_iter().skip(1).collect();
        for seat in &more {
            make::give_secrets(&self.layout, seat)?;
        }
        trust::refresh(&self.layout, &self.id, &more)?;
        for seat in &more {
            let text = config_files::text(&self.layout, &self.id, &self.ports, seat);
            disk::write(&self.layout.config(seat), text.as_bytes())?;
            self.spawn(seat)?;
        }
        let admin = self.admin()?;
        let known = async || match admin.status().await.map_err(operator::explain) {
            Ok(status) => more
                .iter()
                .find(|seat| {
                    let node = seat.node();
                    !node.is_some_and(|node| status.reports.iter().any(|report| report.node == *node))
                })
                .map(|seat| format!("{seat} has not reported")),
            Err(error) => Some(error.to_string()),
        };
        self.wait(&more, super::up::SERVE_WITHIN, known).await?;
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_share_a_store_have_folders_and_files_of_their_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        assert_eq!(Sharing::of(&layout), None);
        assert_eq!(all_seats(&layout), seats());
        let sharing = Sharing {
            pd: vec!["127.0.0.1:12379".to_owned()],
            nodes: 3,
        };
        sharing.note(&layout).expect("noted");
        assert_eq!(Sharing::of(&layout), Some(sharing.clone()));
        let names: Vec<String> = sharing.seats().iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "celld-eu-central-1",
                "celld-eu-central-1-1",
                "celld-eu-central-1-2"
            ]
        );
        assert_eq!(all_seats(&layout).len(), seats().len() + 2);
        let world = platform_model::WorldId::new(&"a".repeat(64)).expect("an id");
        let ports = crate::ports::Ports::choose(None).expect("free ports");
        for seat in &sharing.seats() {
            let text = config_files::text(&layout, &world, &ports, seat);
            assert!(
                text.contains("engine = \"tikv\"") && text.contains("plaintext = true"),
                "{text}"
            );
        }
        let other = crate::seats::seat_named("celld-us-east-1").expect("a seat");
        let text = config_files::text(&layout, &world, &ports, &other);
        assert!(!text.contains("tikv"), "{text}");
    }
}
