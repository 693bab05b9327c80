//! What differs in a world, from one look at it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platform_wire::admin::{NodeReport, WorldStatus};

use super::look::{Controller, Seen};
use super::{Finding, LookedAt};
use crate::world::ready;

/// A report older than this is of a node that may be gone.
const REPORT_AGE_MS_MAX: u64 = 3_000;
/// As far apart as the controllers' clocks may be: a leader proposes only within this.
const CLOCK_APART_MS_MAX: i64 = 2_000;
/// A certificate is renewed long before.
const CERTIFICATE_LEFT_MIN: Duration = Duration::from_secs(48 * 3_600);

/// All that differs.
pub fn findings(seen: &Seen) -> Vec<Finding> {
    let mut all = Vec::new();
    all.extend(reachable(seen));
    all.extend(one_leader(seen));
    all.extend(members(seen));
    all.extend(states(seen));
    all.extend(ledgers(seen));
    all.extend(seen.world.iter().flat_map(nodes));
    all.extend(routers(seen));
    all.extend(clocks(seen));
    all.extend(certificates(seen));
    all
}

/// What answered.
pub fn looked_at(seen: &Seen) -> LookedAt {
    LookedAt {
        controllers: answered(seen).count(),
        nodes: seen.world.as_ref().map_or(0, |world| world.reports.len()),
        routers: seen.routers.iter().filter(|(_, router)| router.is_ok()).count(),
        shards: seen.world.as_ref().map_or(0, |world| world.shards.len()),
        certificates: seen.certificates.len(),
        heads: seen.heads.witnesses.len(),
    }
}

/// What is so and is no difference.
pub fn notes(seen: &Seen) -> Vec<String> {
    let mut notes = Vec::new();
    let automation = seen.world.as_ref().and_then(|world| world.automation.as_ref());
    if let Some(paused) = automation.and_then(|automation| automation.paused.as_ref()) {
        notes.push(format!("automation is paused: {}", paused.reason));
    }
    if seen.routers.is_empty() {
        notes.push("no router is named in this context: none was looked at".to_owned());
    }
    notes
}

fn answered(seen: &Seen) -> impl Iterator<Item = (&String, &Controller)> {
    let known = seen.controllers.iter();
    known.filter_map(|(name, answer)| answer.as_ref().ok().map(|known| (name, known)))
}

fn logs(name: &str) -> String {
    format!("cellctl dev logs {name}   shows why, on the machine where it runs")
}

fn reachable(seen: &Seen) -> Vec<Finding> {
    let silent = seen
        .controllers
        .iter()
        .filter_map(|(name, answer)| Some((name, answer.as_ref().err()?)));
    silent
        .map(|(name, why)| Finding::new(name, format!("does not answer: {why}"), logs(name)))
        .collect()
}

fn one_leader(seen: &Seen) -> Vec<Finding> {
    let follows = |known: &Controller| known.status.leader.as_ref().map(|leader| leader.id);
    let leaders: BTreeSet<Option<u64>> = answered(seen).map(|(_, known)| follows(known)).collect();
    if leaders.len() <= 1 && !leaders.contains(&None) {
        return Vec::new();
    }
    let told = answered(seen).map(|(name, known)| match follows(known) {
        Some(id) => format!("{name} follows {id}"),
        None => format!("{name} knows none"),
    });
    let told: Vec<String> = told.collect();
    vec![Finding::new(
        "leader",
        told.join(", "),
        "cellctl member list   shows who leads now",
    )]
}

/// Who votes, and whom this context knows.
fn members(seen: &Seen) -> Vec<Finding> {
    let Some(world) = &seen.world else {
        return Vec::new();
    };
    let unknown = world
        .members
        .iter()
        .filter(|member| !seen.addresses.contains_key(&member.address));
    let unknown = unknown.map(|member| {
        let found = format!("votes at {} and is not in this context", member.address);
        Finding::new(
            format!("controller {}", member.id),
            found,
            "cellctl context add --help",
        )
    });
    let gone = seen
        .addresses
        .iter()
        .filter(|(address, _)| !world.members.iter().any(|member| member.address == **address));
    let gone =
        gone.map(|(_, name)| Finding::new(name, "is in this context and has no vote", "cellctl member list"));
    unknown.chain(gone).collect()
}

/// Entry of the ledger, and time of the last command: at one moment there is one state.
type Moment = (u64, u64);
/// Digest of a state -> the controllers that have it.
type ByDigest<'a> = BTreeMap<&'a [u8], Vec<&'a str>>;

/// States at the same moment must be equal; one that is behind comes up, or does not.
fn states(seen: &Seen) -> Vec<Finding> {
    let mut at: BTreeMap<Moment, ByDigest<'_>> = BTreeMap::new();
    let mut furthest = 0;
    for (name, known) in answered(seen) {
        let Some(insight) = &known.status.insight else {
            continue;
        };
        furthest = furthest.max(insight.position);
        let moment = at.entry((insight.ledger, insight.state_ms)).or_default();
        moment
            .entry(insight.state_digest.as_slice())
            .or_default()
            .push(name);
    }
    let mut all = Vec::new();
    for ((ledger, _), digests) in &at {
        if digests.len() > 1 {
            let groups: Vec<String> = digests.values().map(|names| names.join(" and ")).collect();
            let found = format!(
                "differ at entry {ledger} of the ledger: {}",
                groups.join(" against ")
            );
            all.push(Finding::new(
                "states",
                found,
                "cellctl audit verify   says whose ledger is broken",
            ));
        }
    }
    if at.len() > 1 {
        for (name, known) in answered(seen) {
            let position = known
                .status
                .insight
                .as_ref()
                .map_or(furthest, |insight| insight.position);
            if position < furthest {
                let found = format!("is {} commands behind", furthest - position);
                all.push(Finding::new(name, found, logs(name)));
            }
        }
    }
    all
}

/// At one sequence there is one hash, whoever tells it.
fn ledgers(seen: &Seen) -> Vec<Finding> {
    let mut at: BTreeMap<u64, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let kept = seen.heads.witnesses.iter();
    let kept = kept.map(|witness| {
        (
            witness.name.clone(),
            witness.head.sequence,
            witness.head.hash.to_string(),
        )
    });
    for (name, sequence, hash) in seen.ends.iter().cloned().chain(kept) {
        at.entry(sequence)
            .or_default()
            .entry(hash)
            .or_default()
            .push(name);
    }
    let broken = at.iter().filter(|(_, hashes)| hashes.len() > 1);
    let broken = broken.map(|(sequence, hashes)| {
        let groups: Vec<String> = hashes.values().map(|names| names.join(" and ")).collect();
        let found = format!("two histories at entry {sequence}: {}", groups.join(" against "));
        Finding::new("ledger", found, "cellctl audit verify")
    });
    broken.collect()
}

/// What nodes are registered as beside what they report, and what they ought to hold beside what they do.
fn nodes(world: &WorldStatus) -> Vec<Finding> {
    if world.leader.is_none() {
        return Vec::new();
    }
    let mut all: Vec<Finding> = Vec::new();
    for (id, node) in &world.table.nodes {
        let about = format!("node {id}");
        let report = world.reports.iter().find(|report| report.node == *id);
        for found in node_differs(world, node.start.incarnation.0, report) {
            all.push(Finding::new(&about, found, format!("cellctl node show {id}")));
        }
    }
    if all.is_empty()
        && let Some(why) = ready::not_ready(world, &ready::StartedAfter::new())
    {
        all.push(Finding::new(
            "world",
            format!("does not serve: {why}"),
            "cellctl shard list --unserved",
        ));
    }
    all
}

fn node_differs(world: &WorldStatus, registered: u64, report: Option<&NodeReport>) -> Vec<String> {
    let Some(report) = report else {
        return vec!["is registered and does not report".to_owned()];
    };
    let mut all = Vec::new();
    if report.age_ms > REPORT_AGE_MS_MAX {
        all.push(format!("has not reported for {} ms", report.age_ms));
    }
    if report.incarnation.0 != registered {
        all.push(format!(
            "is registered with start {registered} and reports start {}",
            report.incarnation.0
        ));
    }
    if report.table_generation != world.table.generation {
        all.push(format!(
            "serves by table {}, the controllers have {}",
            report.table_generation, world.table.generation
        ));
    }
    let owned = world
        .shards
        .iter()
        .filter(|shard| shard.primary.as_ref() == Some(&report.node))
        .count();
    if usize::try_from(report.shards_open).ok() != Some(owned) {
        all.push(format!("has {} shards open and owns {owned}", report.shards_open));
    }
    all
}

fn routers(seen: &Seen) -> Vec<Finding> {
    let current = seen.world.as_ref().map(|world| world.table.generation.0);
    let judged = seen.routers.iter().filter_map(|(name, router)| {
        let found = match (router, current) {
            (Err(why), _) => format!("does not answer: {why}"),
            (Ok(router), Some(current)) if router.table != Some(current) => match router.table {
                Some(held) => format!("routes by table g{held}, the controllers have g{current}"),
                None => "tells no table".to_owned(),
            },
            (Ok(_), _) => return None,
        };
        Some(Finding::new(name, found, logs(name)))
    });
    let silent = seen.silent_nodes.iter().map(|(name, why)| {
        Finding::new(
            name,
            format!("does not answer: {why}"),
            "cellctl node list   shows where it should be",
        )
    });
    judged.chain(silent).collect()
}

/// Beside the median of the controllers, as a leader judges it; ours, too.
fn clocks(seen: &Seen) -> Vec<Finding> {
    let mut ahead: Vec<i64> = answered(seen).map(|(_, known)| known.ahead_ms).collect();
    ahead.sort_unstable();
    let Some(median) = ahead.get(ahead.len() / 2).copied() else {
        return Vec::new();
    };
    let hint = "timedatectl   shows whether the clock is set by the network";
    let mut all = Vec::new();
    for (name, known) in answered(seen) {
        let apart = known.ahead_ms - median;
        if apart.abs() > CLOCK_APART_MS_MAX + known.error_ms {
            let found = format!("its clock is {apart} ms from the others'");
            all.push(Finding::new(name, found, hint));
        }
    }
    if median.abs() > CLOCK_APART_MS_MAX {
        all.push(Finding::new(
            "this machine",
            format!("its clock is {} ms from the controllers'", -median),
            hint,
        ));
    }
    all
}

fn certificates(seen: &Seen) -> Vec<Finding> {
    let ending = seen
        .certificates
        .iter()
        .filter(|(_, left)| **left < CERTIFICATE_LEFT_MIN);
    let ending = ending.map(|(name, left)| {
        let found = format!("ends in {} hours", left.as_secs() / 3_600);
        Finding::new(
            format!("certificate of {name}"),
            found,
            "cellctl doctor   says when yours ends",
        )
    });
    ending.collect()
}

#[cfg(test)]
mod tests;
