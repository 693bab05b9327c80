//! What the law says at this router's door, looked up once for each home when a table is compiled.

use platform_model::matrix::{Action, Denied};
use platform_model::{HomeId, LawInForce, RegionId, RoutingTable};

use super::{HomeEntry, ShardIndex, Table};

/// What the law says of a home to this router, looked up once for all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoorLaw {
    /// This router's region may process requests of the home's people. Without a law, what is served goes on.
    pub processes: bool,
    /// The home may take new people where it is.
    pub takes: bool,
}

impl Table {
    /// The law in force.
    pub fn law(&self) -> Option<&LawInForce> {
        self.law.as_ref()
    }

    /// Why the law does not let this router process for a home.
    pub(crate) fn door_denied(&self, home: &HomeEntry) -> Option<Denied> {
        let law = self.law.as_ref()?;
        law.matrix
            .may_process(&home.id.jurisdiction, &self.own_region)
            .err()
    }

    /// Whether the law lets the primary of a shard be in `region`; without a law, only in its home's.
    pub(crate) fn may_serve_in(&self, shard: ShardIndex, region: &RegionId) -> bool {
        let shard = self.shard(shard);
        match (&self.law, shard.home()) {
            (Some(law), _) => law
                .matrix
                .keeps(Action::StorePrimary, shard.jurisdiction(), region),
            (None, home) => home.is_some_and(|home| home.region == *region),
        }
    }

    /// A planted fault: the law at the door is never asked.
    #[cfg(feature = "failpoints")]
    pub fn open_the_door(&mut self) {
        for slot in &mut self.slots {
            slot.door.processes = true;
        }
    }
}

/// The door of one home, for a router in `own_region`.
pub(super) fn of_home(table: &RoutingTable, home: &HomeId, own_region: &RegionId) -> DoorLaw {
    let Some(matrix) = table.matrix() else {
        return DoorLaw {
            processes: true,
            takes: false,
        };
    };
    DoorLaw {
        processes: matrix.may_process(&home.jurisdiction, own_region).is_ok(),
        takes: matrix.keeps(Action::StorePrimary, &home.jurisdiction, &home.region),
    }
}
