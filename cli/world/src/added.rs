//! A cell that a development world gets while it runs, such as one in place of a cell that was lost for good. A file in the
//! world's folder names them, so that their processes end with the world's.

use std::fs;
use std::slice;

use anyhow::{Context, Result};
use platform_model::{CellId, NodeId, RegionId};
use platform_wire::admin::CellSpec;
use serde::{Deserialize, Serialize};

use super::disk;
use super::layout::Layout;
use super::operator;
use super::seats::{Seat, SeatKind};
use super::up::{SERVE_WITHIN, World};
use super::{config_files, make, trust};

/// One cell of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Added {
    cell: CellId,
    region: RegionId,
}

impl Added {
    fn seat(&self) -> Seat {
        Seat {
            kind: SeatKind::Node(NodeId {
                cell: self.cell.clone(),
                ordinal: 0,
            }),
            region: self.region.clone(),
        }
    }
}

/// Where the nodes of added cells sit.
pub(crate) fn seats(layout: &Layout) -> Vec<Seat> {
    noted(layout).iter().map(Added::seat).collect()
}

fn noted(layout: &Layout) -> Vec<Added> {
    let text = fs::read(layout.added()).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

fn note(layout: &Layout, added: &Added) -> Result<()> {
    let mut all = noted(layout);
    all.push(added.clone());
    let text = serde_json::to_vec_pretty(&all).context("it has a JSON form")?;
    disk::write(&layout.added(), &text)
}

impl World {
    /// Makes a cell known, starts its one node beside the world's others, and waits until it reports. It holds the keys of the
    /// jurisdictions whose homes are in its region, and no shard yet.
    ///
    /// # Errors
    /// What the controllers refuse; with the end of the node's log if it ended.
    pub async fn add_cell(&self, cell: &CellId, region: &RegionId, reason: &str) -> Result<Seat> {
        let admin = self.admin()?;
        let spec = CellSpec {
            id: cell.clone(),
            region: region.clone(),
        };
        admin
            .create_cell(&spec, reason)
            .await
            .map_err(operator::explain)?;
        let added = Added {
            cell: cell.clone(),
            region: region.clone(),
        };
        note(&self.layout, &added)?;
        let seat = added.seat();
        make::give_secrets(&self.layout, &seat)?;
        trust::refresh(&self.layout, &self.id, slice::from_ref(&seat))?;
        let text = config_files::text(&self.layout, &self.id, &self.ports, &seat);
        disk::write(&self.layout.config(&seat), text.as_bytes())?;
        self.spawn(&seat)?;
        let known = async || match admin.status().await {
            Ok(status) => {
                let node = seat.node();
                let reports = status.reports.iter().any(|report| Some(&report.node) == node);
                (!reports).then(|| format!("{seat} has not reported"))
            }
            Err(error) => Some(error.to_string()),
        };
        self.wait(slice::from_ref(&seat), SERVE_WITHIN, known).await?;
        Ok(seat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::all_seats;

    #[test]
    fn an_added_cell_ends_with_its_world_and_listens_where_there_is_room() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        assert!(seats(&layout).is_empty());
        let added = Added {
            cell: "us-east-2".parse().expect("a cell"),
            region: "us-east".parse().expect("a region"),
        };
        note(&layout, &added).expect("noted");
        let all = all_seats(&layout);
        assert_eq!(
            all.last().map(ToString::to_string).as_deref(),
            Some("celld-us-east-2")
        );
        let world = platform_model::WorldId::new(&"a".repeat(64)).expect("an id");
        let ports = crate::ports::Ports::choose(None).expect("free ports");
        let text = config_files::text(&layout, &world, &ports, &added.seat());
        assert!(text.contains("listen = \"127.0.0.1:0\""), "{text}");
        assert!(text.contains("node = \"us-east-2/0\""), "{text}");
    }
}
