//! A region is lost: first as the controllers predict it, then for real; both side by side, and the region comes back.

mod compare;

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use platform_model::{HomeId, RegionId, RoutingTable};
use platform_report::Figure;
use platform_wire::operation::{Lose, Simulation};

use super::Scene;
use super::copies;
use super::story::{Story, count};
use super::traffic::Traffic;
use crate::world::{Seat, operator, seats};

/// Writers of each person.
const WRITERS: usize = 2;
/// Acknowledgements before the loss, and after everybody is served again.
const ACKS_AROUND: usize = 60;
/// Tracks of this act are numbered from here.
const FIRST: u64 = 60_000;

/// What was predicted, and what was seen.
struct Seen {
    predicted: Simulation,
    /// Whether the controllers' leader was in the region.
    leader_lost: bool,
    /// From the loss to the next acknowledged write, of each person.
    served_after: Vec<Duration>,
    after: RoutingTable,
    healed: Duration,
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let region = region()?;
    let (homes, _) = copies::homes();
    story.step(&format!(
        "`simulate --lose region/{region}`, then every process of {region} is killed (kill -9)"
    ));
    let people = scene.people.iter().filter(|person| homes.contains(&person.home));
    let traffic = Traffic::new(scene, people.cloned().collect(), FIRST);
    let seen = traffic
        .during(WRITERS, lose_and_heal(scene, &region, &homes, &traffic))
        .await?;
    let account = traffic.account().await;
    compare::show(&traffic, &account, &seen, &homes, story);
    report(&traffic, &seen, story);
    account.report("region-loss", story);
    Ok(())
}

/// The region that is lost: the first one with a home that can go elsewhere, and without the world's only router.
fn region() -> Result<RegionId> {
    let (homes, _) = copies::homes();
    let with_router: Vec<RegionId> = seats::seats()
        .into_iter()
        .filter(|seat| seat.binary() == "routerd")
        .map(|seat| seat.region)
        .collect();
    let mut regions = homes.into_iter().map(|home| home.region);
    let found = regions.find(|region| !with_router.contains(region));
    found.context("each region has a router")
}

async fn lose_and_heal(
    scene: &Scene<'_>,
    region: &RegionId,
    homes: &[HomeId],
    traffic: &Traffic,
) -> Result<Seen> {
    let admin = scene.world.admin()?;
    let lose = Lose::Region(region.clone());
    let predicted = admin.simulate(&lose).await.map_err(operator::explain)?;
    let status = admin.status().await.map_err(operator::explain)?;
    traffic.acknowledged(ACKS_AROUND).await?;
    let lost: Vec<Seat> = seats::seats()
        .into_iter()
        .filter(|seat| seat.region == *region)
        .collect();
    let leads = |seat: &Seat| {
        let address = scene.world.ports.address(seat);
        seat.is_controller()
            && status
                .leader
                .as_ref()
                .is_some_and(|leader| leader.address == address)
    };
    let leader_lost = lost.iter().any(leads);
    let killed = traffic.clock.monotonic();
    for outcome in join_all(lost.iter().map(|seat| scene.world.kill(seat))).await {
        outcome?;
    }
    let served_after = traffic.all_served_since(killed).await?;
    let after = copies::left(scene, homes, region).await?;
    traffic.acknowledged(ACKS_AROUND).await?;
    let healed = heal(scene, &lost, homes, traffic).await?;
    Ok(Seen {
        predicted,
        leader_lost,
        served_after,
        after,
        healed,
    })
}

/// Everything that was killed comes back, and every copy is in sync again.
async fn heal(scene: &Scene<'_>, lost: &[Seat], homes: &[HomeId], traffic: &Traffic) -> Result<Duration> {
    let begun = traffic.clock.monotonic();
    let (controllers, others): (Vec<Seat>, Vec<Seat>) = lost.iter().cloned().partition(Seat::is_controller);
    scene.world.start_controllers(&controllers).await?;
    scene.world.start_others(&others).await?;
    copies::wait_until_safe(scene, homes).await?;
    Ok(traffic.clock.monotonic().saturating_sub(begun))
}

fn report(traffic: &Traffic, seen: &Seen, story: &mut Story<'_>) {
    let tenth = |time: Duration| (time.as_secs_f64() * 10.0).round() / 10.0;
    story.figure(Figure::info("region-healed-after", tenth(seen.healed), "s"));
    let leader = if seen.leader_lost { 1.0 } else { 0.0 };
    story.figure(Figure::info("region-lost-with-the-leader", leader, "of 1"));
    for sample in traffic.tally.samples().iter().take(5) {
        story.note(format!("failed around the loss of the region: {sample}"));
    }
    story.figure(Figure::info(
        "client-errors-during-region-loss",
        count(traffic.tally.failures()),
        "requests",
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_that_is_lost_leaves_the_router_alone() {
        assert_eq!(
            region().map(|region| region.to_string()).ok().as_deref(),
            Some("eu-west")
        );
    }
}
