//! The copies of the demo's homes, as the routing table names them.

use std::time::Duration;

use anyhow::Result;
use platform_model::{CopyState, HomeId, NodeId, RegionId, RoutingTable, ShardId, ShardRoute};
use platform_runtime::clock::Clock;

use super::Scene;
use super::app::Person;
pub use crate::world::standbys::shards_of;
use crate::world::{operator, seats};

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);
/// For every copy of the demo's homes to be made, however slow the machine is.
const IN_SYNC_WITHIN: Duration = Duration::from_secs(90);

/// The homes of the jurisdiction that has two regions, and those of the one that has not.
pub fn homes() -> (Vec<HomeId>, Vec<HomeId>) {
    let homes: Vec<HomeId> = seats::places().into_iter().map(|place| place.home).collect();
    let alone = |home: &HomeId| {
        let same = homes
            .iter()
            .filter(|other| other.jurisdiction == home.jurisdiction);
        same.count() == 1
    };
    homes.iter().cloned().partition(|home| !alone(home))
}

/// The table as the leader holds it now.
///
/// # Errors
/// When no controller answers.
pub async fn table(scene: &Scene<'_>) -> Result<RoutingTable> {
    let status = scene.world.admin()?.status().await.map_err(operator::explain)?;
    Ok(status.table)
}

/// The shard of a person, and who serves it.
///
/// # Errors
/// When nobody does.
pub fn of_person(table: &RoutingTable, person: &Person) -> Result<(ShardId, ShardRoute)> {
    let shard = table.shard_of_user(&person.home, person.user);
    let found = shard.and_then(|shard| {
        let (route, _) = table.primary_of(&shard)?;
        Some((shard.clone(), route.clone()))
    });
    found.ok_or_else(|| anyhow::anyhow!("nobody serves {} of {}", person.name, person.home))
}

/// The table, as soon as none of the shards of these homes is said to be served in `region`.
///
/// # Errors
/// With a shard that still is, when the time is over.
pub async fn left(scene: &Scene<'_>, homes: &[HomeId], region: &RegionId) -> Result<RoutingTable> {
    let (clock, admin) = (Clock::system(), scene.world.admin()?);
    let begun = clock.monotonic();
    loop {
        let why = match admin.status().await {
            Ok(status) => match served_in(&status.table, homes, region) {
                Some(shard) => format!("{shard} is served there"),
                None => return Ok(status.table),
            },
            // A new leader is being chosen, say.
            Err(error) => error.to_string(),
        };
        anyhow::ensure!(
            clock.monotonic().saturating_sub(begun) < IN_SYNC_WITHIN,
            "not everything has left {region}: {why}"
        );
        clock.sleep(POLL).await;
    }
}

fn served_in<'a>(table: &'a RoutingTable, homes: &'a [HomeId], region: &RegionId) -> Option<&'a ShardId> {
    let mut shards = homes.iter().flat_map(|home| shards_of(table, home));
    let there = |node: &NodeId| {
        table
            .cells
            .get(&node.cell)
            .is_some_and(|cell| cell.region == *region)
    };
    shards
        .find(|(_, route)| there(&route.node))
        .map(|(shard, _)| shard)
}

/// Where the standbys of a shard are that could lead without loss.
pub fn in_sync(route: &ShardRoute) -> impl Iterator<Item = &NodeId> {
    let standbys = route.set.standbys.iter();
    standbys
        .filter(|copy| copy.state == CopyState::InSync)
        .map(|copy| &copy.node)
}

/// Whether a shard would go on without the region of its primary.
pub fn survives_its_region(table: &RoutingTable, route: &ShardRoute) -> bool {
    let region = |node: &NodeId| -> Option<&RegionId> { Some(&table.cells.get(&node.cell)?.region) };
    let own = region(&route.node);
    own.is_some() && in_sync(route).any(|node| region(node).is_some_and(|other| Some(other) != own))
}

/// Waits until every shard of these homes, and of the directory of their people, would survive the loss of its region;
/// gives how long that took.
///
/// # Errors
/// With a shard that would not, when the time is over.
pub async fn wait_until_safe(scene: &Scene<'_>, homes: &[HomeId]) -> Result<Duration> {
    let (clock, admin) = (Clock::system(), scene.world.admin()?);
    let begun = clock.monotonic();
    loop {
        let passed = || clock.monotonic().saturating_sub(begun);
        let unsafe_shard = match admin.status().await {
            Ok(status) => exposed(&status.table, homes),
            Err(error) => Some(error.to_string()),
        };
        let Some(why) = unsafe_shard else {
            return Ok(passed());
        };
        anyhow::ensure!(
            passed() < IN_SYNC_WITHIN,
            "not every shard has a standby in sync in another region after {} s: {why}",
            IN_SYNC_WITHIN.as_secs()
        );
        clock.sleep(POLL).await;
    }
}

/// A shard that would not survive the loss of its region: of these homes, or of the directory of their people.
fn exposed(table: &RoutingTable, homes: &[HomeId]) -> Option<String> {
    let concerned = |shard: &ShardId| match shard.home() {
        Some(home) => homes.contains(home),
        None => homes
            .iter()
            .any(|home| home.jurisdiction == *shard.jurisdiction()),
    };
    let mut shards = table.shards.iter().filter(|(shard, _)| concerned(shard));
    let (shard, route) = shards.find(|(_, route)| !survives_its_region(table, route))?;
    let standbys: Vec<String> = route
        .set
        .standbys
        .iter()
        .map(|copy| format!("{} {:?}", copy.node, copy.state))
        .collect();
    Some(format!(
        "{shard} of {}: standbys: {}",
        route.node,
        standbys.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform_model::{Cell, CellState, CopyRoute, Epoch, ReplicaId, ReplicaSet, WorldId};

    use super::*;

    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("well formed")
    }

    fn table(standby: Option<(&str, CopyState)>) -> RoutingTable {
        let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        for cell in ["eu-central-1", "eu-central-2", "eu-west-1"] {
            let region = cell.trim_end_matches(|end: char| end == '-' || end.is_ascii_digit());
            let cell_record = Cell {
                region: parsed(region),
                state: CellState::Open,
            };
            table.cells.insert(parsed(cell), cell_record);
        }
        let mut set = ReplicaSet::single(ReplicaId(1));
        set.standbys = standby
            .map(|(node, state)| CopyRoute {
                node: parsed(node),
                replica: ReplicaId(2),
                state,
            })
            .into_iter()
            .collect();
        let route = ShardRoute {
            node: parsed("eu-central-1/0"),
            epoch: Epoch(1),
            set: Arc::new(set),
        };
        table.shards.insert(parsed("eu/eu-central/000"), route);
        table
    }

    #[test]
    fn only_a_standby_in_sync_in_another_region_makes_a_shard_safe() {
        let homes = [parsed("eu/eu-central")];
        let safe = |standby| exposed(&table(standby), &homes).is_none();
        assert!(!safe(None));
        assert!(!safe(Some(("eu-west-1/0", CopyState::CatchingUp))));
        assert!(!safe(Some(("eu-central-2/0", CopyState::InSync))));
        assert!(safe(Some(("eu-west-1/0", CopyState::InSync))));
    }

    #[test]
    fn the_homes_of_the_eu_have_somewhere_to_go_and_the_one_of_the_us_has_not() {
        let (two, one) = homes();
        let text = |homes: Vec<HomeId>| homes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(two), ["eu/eu-central", "eu/eu-west"]);
        assert_eq!(text(one), ["us/us-east"]);
    }
}
