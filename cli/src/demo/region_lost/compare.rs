//! Prediction and outcome, home by home.

use std::collections::BTreeSet;
use std::time::Duration;

use platform_model::{HomeId, RoutingTable};
use platform_wire::operation::{SimulatedShard, Simulation};
use serde_json::json;

use super::Seen;
use crate::demo::copies;
use crate::demo::story::{Row, Story};
use crate::demo::traffic::{Account, Traffic};

/// A prediction is by the thresholds; a busy machine adds to them.
const TIMES: u32 = 3;
/// What a prediction leaves out: the controllers' leader is lost with the region. Another one is elected, then listens
/// before it takes anybody for dead.
const ANOTHER_LEADER: Duration = Duration::from_secs(4);

/// What is said of a home: by the controllers before, or by what was seen after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fate {
    /// Nodes that serve its shards.
    served_by: BTreeSet<String>,
    /// Shards whose primary changes.
    fail_over: usize,
    /// Acknowledged writes that are lost; `None`: all of them.
    lost: Option<u64>,
    /// The longest time without an acknowledged write; `None`: until somebody acts.
    without: Option<Duration>,
}

pub(super) fn show(
    traffic: &Traffic,
    account: &Account,
    seen: &Seen,
    homes: &[HomeId],
    story: &mut Story<'_>,
) {
    let mut rows = Vec::new();
    for home in homes {
        let predicted = predicted(&seen.predicted, home);
        let found = found(traffic, account, seen, home);
        check(home, seen.leader_lost, &predicted, &found, story);
        let people = traffic
            .people
            .iter()
            .filter(|person| person.home == *home)
            .count();
        rows.push(row(home, people, "predicted", &predicted));
        rows.push(row(home, people, "outcome", &found));
    }
    let header = ["home", "", "people here", "served by", "fail over", "RPO", "RTO"];
    story.table(
        "region-loss",
        "A region lost: prediction and outcome",
        &header,
        rows,
    );
    let users = seen
        .predicted
        .users
        .map_or("not counted".to_owned(), |users| users.to_string());
    story.note(format!(
        "users affected by the loss of the region, as predicted: {users}"
    ));
    for room in &seen.predicted.head_room {
        story.note(format!(
            "head-room after the loss: {}: {} of {} copies on {} nodes",
            room.region, room.copies, room.copies_max, room.nodes
        ));
    }
}

fn of_home<'a>(simulation: &'a Simulation, home: &'a HomeId) -> impl Iterator<Item = &'a SimulatedShard> {
    let shards = simulation.shards.iter();
    shards.filter(move |shard| shard.shard.home() == Some(home))
}

fn predicted(simulation: &Simulation, home: &HomeId) -> Fate {
    let served = of_home(simulation, home).filter_map(|shard| match shard.outcome.as_str() {
        "serves-on" => Some(shard.primary.to_string()),
        "fails-over" => Some(shard.successor.as_ref()?.to_string()),
        _ => None,
    });
    let sum = of_home(simulation, home).map(|shard| shard.rpo_entries).sum();
    let longest = of_home(simulation, home)
        .map(|shard| shard.rto_ms)
        .try_fold(0, |longest, ms| ms.map(|ms| ms.max(longest)));
    Fate {
        served_by: served.collect(),
        fail_over: of_home(simulation, home)
            .filter(|shard| shard.outcome == "fails-over")
            .count(),
        lost: sum,
        without: longest.map(Duration::from_millis),
    }
}

fn found(traffic: &Traffic, account: &Account, seen: &Seen, home: &HomeId) -> Fate {
    let own = || {
        traffic
            .people
            .iter()
            .enumerate()
            .filter(|(_, person)| person.home == *home)
    };
    let lost = own()
        .filter_map(|(who, _)| account.lost_of.get(who))
        .sum::<usize>();
    let times = own().filter_map(|(who, _)| seen.served_after.get(who)).copied();
    Fate {
        served_by: copies::shards_of(&seen.after, home)
            .map(|(_, route)| route.node.to_string())
            .collect(),
        fail_over: changed(&seen.predicted, &seen.after, home),
        lost: u64::try_from(lost).ok(),
        without: times.max(),
    }
}

/// Shards that somebody else serves than before.
fn changed(before: &Simulation, after: &RoutingTable, home: &HomeId) -> usize {
    of_home(before, home)
        .filter(|shard| {
            let now = after.shards.get(&shard.shard);
            now.is_some_and(|now| now.node != shard.primary)
        })
        .count()
}

fn check(home: &HomeId, leader_lost: bool, predicted: &Fate, found: &Fate, story: &mut Story<'_>) {
    let what = format!("{home} is served after the loss by whom `simulate` named");
    story.check(
        predicted.served_by == found.served_by && predicted.fail_over == found.fail_over,
        &what,
        || {
            format!(
                "predicted {:?} ({}), found {:?} ({})",
                predicted.served_by, predicted.fail_over, found.served_by, found.fail_over
            )
        },
    );
    let what = format!("{home} loses what `simulate` predicted: nothing");
    story.check(predicted.lost == Some(0) && found.lost == Some(0), &what, || {
        format!("predicted {:?}, found {:?}", predicted.lost, found.lost)
    });
    if predicted.fail_over == 0 {
        // Its primary stays: what is measured is an ordinary write, after a standby was let go.
        return;
    }
    let beside = if leader_lost {
        ANOTHER_LEADER
    } else {
        Duration::ZERO
    };
    let what = format!(
        "{home} is without a primary no longer than {TIMES} times what `simulate` predicted, and {} s for another leader",
        beside.as_secs()
    );
    let in_time = match (predicted.without, found.without) {
        (Some(predicted), Some(found)) => found <= predicted * TIMES + beside,
        _ => false,
    };
    story.check(in_time, &what, || {
        format!("predicted {:?}, found {:?}", predicted.without, found.without)
    });
}

fn row(home: &HomeId, people: usize, what: &str, fate: &Fate) -> Row {
    let served: Vec<String> = fate.served_by.iter().cloned().collect();
    let ms = fate
        .without
        .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let open = |number: Option<u64>, unit: &str, none: &str| {
        number.map_or(none.to_owned(), |number| format!("{number} {unit}"))
    };
    Row {
        text: vec![
            home.to_string(),
            what.to_owned(),
            people.to_string(),
            served.join(", "),
            fate.fail_over.to_string(),
            open(fate.lost, "writes", "all"),
            open(ms, "ms", "until somebody acts"),
        ],
        json: json!({
            "home": home.to_string(),
            "what": what,
            "people": people,
            "served_by": served,
            "fail_over": fate.fail_over,
            "rpo_writes": fate.lost,
            "rto_ms": ms,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(name: &str, outcome: &str, successor: Option<&str>, rto_ms: Option<u64>) -> SimulatedShard {
        SimulatedShard {
            shard: name.parse().expect("a shard"),
            outcome: outcome.into(),
            primary: "eu-west-1/0".parse().expect("a node"),
            successor: successor.map(|node| node.parse().expect("a node")),
            rto_ms,
            rpo_entries: (outcome != "lost").then_some(0),
            rpo_async_entries: (outcome != "lost").then_some(24),
            rules: Vec::new(),
            goal_met: true,
            infeasible: None,
        }
    }

    fn simulation(shards: Vec<SimulatedShard>) -> Simulation {
        Simulation {
            shards,
            head_room: Vec::new(),
            users: None,
            time_ms: 0,
        }
    }

    #[test]
    fn a_home_is_as_badly_off_as_its_worst_shard() {
        let home: HomeId = "eu/eu-west".parse().expect("a home");
        let over = shard("eu/eu-west/000", "fails-over", Some("eu-central-1/0"), Some(900));
        let on = shard("eu/eu-west/001", "serves-on", None, Some(400));
        let other = shard("us/us-east/000", "lost", None, None);
        let fate = predicted(&simulation(vec![over.clone(), on, other]), &home);
        assert_eq!(fate.fail_over, 1);
        assert_eq!(
            (fate.lost, fate.without),
            (Some(0), Some(Duration::from_millis(900)))
        );
        assert_eq!(fate.served_by.len(), 2);
        let lost = shard("eu/eu-west/002", "lost", None, None);
        let fate = predicted(&simulation(vec![over, lost]), &home);
        assert_eq!((fate.lost, fate.without), (None, None));
    }
}
