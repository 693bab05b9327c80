//! The cell that serves the people of the EU is killed under load: another one serves in its place, nothing that was
//! acknowledged is lost, and what comes back follows.

use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{HomeId, NodeId, RoutingTable, ShardId, ShardRoute};
use platform_report::Figure;
use serde_json::json;

use super::Scene;
use super::app::{Failure, Person};
use super::copies;
use super::people::newcomer;
use super::story::{Row, Story, count};
use super::traffic::Traffic;
use crate::world::{Seat, seats};

/// Writers of each person of the cell, and of each of the others.
const WRITERS: usize = 3;
/// Acknowledgements before the kill, and after everybody is served again.
const ACKS_AROUND: usize = 80;
/// Tracks of this act are numbered from here, and those of the others.
const FIRST: u64 = 80_000;
const FIRST_OF_OTHERS: u64 = 90_000;
/// From the kill to the next acknowledged write of whoever waits longest. One round on a machine that may do much else:
/// `bench failover` has the narrow goal, over many.
const FAILOVER_S_MAX: f64 = 3.0;

/// What was seen of the kill.
struct Seen {
    /// From the kill to the next acknowledged write, of each person.
    served_after: Vec<Duration>,
    /// What went wrong for those who came back or came in while the cell was dead.
    found: Result<(), Failure>,
    /// From the start of the cell until its copies are in sync.
    rejoined: Duration,
    after: RoutingTable,
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let (homes, _) = copies::homes();
    let before = copies::table(scene).await?;
    let (victim, node) = victim(scene, &before, &homes)?;
    story.step(&format!(
        "{victim} is killed (kill -9) under load: others serve its people"
    ));
    let served_there = |person: &Person| {
        homes.contains(&person.home)
            && copies::of_person(&before, person).is_ok_and(|(_, route)| route.node == node)
    };
    let (people, others): (Vec<Person>, Vec<Person>) = scene.people.iter().cloned().partition(served_there);
    let (traffic, calm) = (
        Traffic::new(scene, people, FIRST),
        Traffic::new(scene, others, FIRST_OF_OTHERS),
    );
    let act = kill_and_bring_back(scene, &victim, &homes, &traffic);
    let seen = calm.during(1, traffic.during(WRITERS, act)).await?;
    table(&traffic, &before, &seen, story);
    rejoined(&before, &seen.after, &homes, &node, story);
    report(&traffic, &calm, &seen, story).await;
    Ok(())
}

/// The cell that serves the first person of these homes.
fn victim(scene: &Scene<'_>, table: &RoutingTable, homes: &[HomeId]) -> Result<(Seat, NodeId)> {
    let first = scene.people.iter().find(|person| homes.contains(&person.home));
    let (_, route) = copies::of_person(table, first.context("nobody lives there")?)?;
    let seat = seats::seat_of_cell(&route.node.cell).context("the cell has no node")?;
    Ok((seat, route.node))
}

async fn kill_and_bring_back(
    scene: &Scene<'_>,
    victim: &Seat,
    homes: &[HomeId],
    traffic: &Traffic,
) -> Result<Seen> {
    traffic.acknowledged(ACKS_AROUND).await?;
    let killed = traffic.clock.monotonic();
    scene.world.kill(victim).await?;
    let served_after = traffic.all_served_since(killed).await?;
    traffic.acknowledged(ACKS_AROUND).await?;
    let found = come_and_go(scene, &traffic.people).await;
    let begun = traffic.clock.monotonic();
    scene.world.start_others(std::slice::from_ref(victim)).await?;
    copies::wait_until_safe(scene, homes).await?;
    let rejoined = traffic.clock.monotonic().saturating_sub(begun);
    traffic.acknowledged(ACKS_AROUND).await?;
    Ok(Seen {
        served_after,
        found,
        rejoined,
        after: copies::table(scene).await?,
    })
}

/// With the cell dead, the directory finds people, lets them in, and takes newcomers.
async fn come_and_go(scene: &Scene<'_>, people: &[Person]) -> Result<(), Failure> {
    for person in people {
        let place = scene.app.locate(&person.email).await?;
        let tokens = scene.app.log_in(&place, person).await?;
        scene.app.log_out(&place.host, &tokens.access_token).await?;
    }
    scene.app.register(newcomer("hugo", "ES")).await.map(|_| ())
}

fn table(traffic: &Traffic, before: &RoutingTable, seen: &Seen, story: &mut Story<'_>) {
    let rows = traffic
        .people
        .iter()
        .zip(&seen.served_after)
        .filter_map(|(person, after)| {
            let (shard, was) = copies::of_person(before, person).ok()?;
            let (_, now) = copies::of_person(&seen.after, person).ok()?;
            Some(row(person, &shard, (&was, &now), *after))
        });
    let header = [
        "person",
        "shard",
        "served by",
        "epoch",
        "then by",
        "epoch",
        "next write after",
    ];
    story.table("failover", "Who serves after the kill", &header, rows.collect());
}

fn row(person: &Person, shard: &ShardId, (was, now): (&ShardRoute, &ShardRoute), after: Duration) -> Row {
    let ms = after.as_millis();
    Row {
        text: vec![
            person.name.clone(),
            shard.to_string(),
            was.node.to_string(),
            was.epoch.to_string(),
            now.node.to_string(),
            now.epoch.to_string(),
            format!("{ms} ms"),
        ],
        json: json!({
            "person": person.name,
            "shard": shard.to_string(),
            "was": was.node.to_string(),
            "was_epoch": was.epoch.0,
            "now": now.node.to_string(),
            "now_epoch": now.epoch.0,
            "next_write_after_ms": u64::try_from(ms).unwrap_or(u64::MAX),
        }),
    }
}

/// What the killed cell led is led elsewhere, in a later epoch, and it follows.
fn rejoined(
    before: &RoutingTable,
    after: &RoutingTable,
    homes: &[HomeId],
    node: &NodeId,
    story: &mut Story<'_>,
) {
    let led = homes.iter().flat_map(|home| copies::shards_of(before, home));
    let led: Vec<_> = led.filter(|(_, route)| route.node == *node).collect();
    let follows = |(shard, was): &&(&ShardId, &ShardRoute)| {
        after.shards.get(shard).is_some_and(|now| {
            now.node != *node && now.epoch > was.epoch && copies::in_sync(now).any(|other| other == node)
        })
    };
    let following = led.iter().filter(follows).count();
    let what = "a cell that comes back follows, in sync, what it led before";
    story.check(following == led.len() && following > 0, what, || {
        format!("{following} of {} shards", led.len())
    });
}

async fn report(traffic: &Traffic, calm: &Traffic, seen: &Seen, story: &mut Story<'_>) {
    let what = "people are found, log in and come in while the cell is dead";
    story.check(seen.found.is_ok(), what, || {
        let why = seen.found.as_ref().err().map(ToString::to_string);
        why.unwrap_or_default()
    });
    let slowest = seen.served_after.iter().max().copied().unwrap_or_default();
    let hundredth = |time: Duration| (time.as_secs_f64() * 100.0).round() / 100.0;
    story.figure(Figure::at_most(
        "failover-seconds",
        hundredth(slowest),
        "s",
        FAILOVER_S_MAX,
    ));
    story.figure(Figure::info("rejoined-after", hundredth(seen.rejoined), "s"));
    for sample in traffic.tally.samples().iter().take(5) {
        story.note(format!("failed around the failover: {sample}"));
    }
    story.figure(Figure::info(
        "client-errors-during-failover",
        count(traffic.tally.failures()),
        "requests",
    ));
    for sample in calm.tally.samples().iter().take(5) {
        story.note(format!("failed elsewhere during the failover: {sample}"));
    }
    story.figure(Figure::at_most(
        "client-errors-elsewhere-during-failover",
        count(calm.tally.failures()),
        "requests",
        0.0,
    ));
    traffic.account().await.report("failover", story);
    calm.account().await.report("failover-elsewhere", story);
}
