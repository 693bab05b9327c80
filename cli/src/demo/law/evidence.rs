//! Where every copy is: what is intended beside what its node says of itself. Any difference is an alarm.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use platform_runtime::clock::Clock;
use platform_wire::law::{REPORT_PURPOSE, Residency, ShardCopy};
use serde_json::json;

use super::super::Scene;
use super::super::story::{Row, Story};
use crate::world::operator;
use crate::world::people::OPERATOR;
use crate::world::seats;

/// For every node to report under the law in force.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// What the report has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Lawful,
    /// Homes of `eu-west` are where they may not be any more, and go on.
    Violations,
}

/// A region whose homes an order of the demo forbids.
pub const FORBIDDEN_REGION: &str = "eu-west";

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>, expected: Expected) -> Result<()> {
    let report = settled(scene, expected).await?;
    let differences = differences(scene, &report);
    story.check(
        differences.is_empty(),
        "what nodes see is what is intended, judged alike by the same law",
        || differences.join("; "),
    );
    let wrong: Vec<String> = report
        .copies
        .iter()
        .filter(|copy| copy.node.is_some() && copy.denied.is_some() != forbidden(copy, expected))
        .map(|copy| copy.shard.to_string())
        .collect();
    let what = match expected {
        Expected::Lawful => "no copy is where the law forbids it",
        Expected::Violations => "exactly the homes of the forbidden region are told as violations, and go on",
    };
    story.check(wrong.is_empty(), what, || wrong.join(", "));
    if expected == Expected::Violations {
        table(&report, story);
    }
    Ok(())
}

fn forbidden(copy: &ShardCopy, expected: Expected) -> bool {
    expected == Expected::Violations
        && copy.role == "primary"
        && copy.region.as_str() == FORBIDDEN_REGION
        && copy.shard.home().is_some()
}

/// The report, once every node has had the time to judge by the law in force; signed, and the signature is checked.
async fn settled(scene: &Scene<'_>, expected: Expected) -> Result<Residency> {
    let (admin, clock) = (scene.world.admin()?, Clock::system());
    let identity = operator::identity(&scene.world.layout, &scene.world.id, &OPERATOR)?;
    let begun = clock.monotonic();
    loop {
        let signed = admin.residency().await.map_err(operator::explain)?;
        let report = signed.read()?;
        let signer = identity.signer(REPORT_PURPOSE, &signed.bytes, &signed.signature, clock.unix_s())?;
        anyhow::ensure!(
            signer.to_string() == report.controller,
            "the report is signed by {signer}"
        );
        let as_expected =
            report.copies.iter().any(|copy| copy.denied.is_some()) == (expected == Expected::Violations);
        let settled = as_expected && differences(scene, &report).is_empty();
        if settled || clock.monotonic().saturating_sub(begun) > TOLD_WITHIN {
            return Ok(report);
        }
        clock.sleep(Duration::from_millis(250)).await;
    }
}

/// Where node and controllers do not say the same of a copy.
fn differences(scene: &Scene<'_>, report: &Residency) -> Vec<String> {
    let revision = report.in_force.as_ref().map_or(0, |law| law.revision);
    let of_copy = |copy: &ShardCopy| {
        let shard = &copy.shard;
        let node = copy.node.as_ref()?;
        let Some(seen) = &copy.seen else {
            return Some(format!("{node} does not report {shard}"));
        };
        if seen.law_revision != revision {
            let asked = seen.law_revision;
            return Some(format!(
                "{node} judges {shard} by law revision {asked}, not {revision}"
            ));
        }
        let alike = seen.rules == copy.rules && seen.denied == copy.denied && seen.epoch == copy.epoch;
        (!alike).then(|| format!("{node} says otherwise of {shard}"))
    };
    let strays = report
        .unintended
        .iter()
        .filter(|copy| !is_burnt(scene, copy))
        .map(|copy| format!("{} is where nothing intends it", copy.shard));
    report.copies.iter().filter_map(of_copy).chain(strays).collect()
}

/// What a cell last said of itself that is lost with its disk: it lies nowhere any more.
fn is_burnt(scene: &Scene<'_>, copy: &ShardCopy) -> bool {
    let seat = copy
        .node
        .as_ref()
        .and_then(|node| seats::seat_of_cell(&node.cell));
    seat.is_some_and(|seat| !scene.world.layout.data(&seat).exists())
}

/// One line for each home and region.
fn table(report: &Residency, story: &mut Story<'_>) {
    let mut places: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    for copy in &report.copies {
        let owner = copy.shard.home().map_or_else(
            || format!("directory of {}", copy.shard.jurisdiction()),
            ToString::to_string,
        );
        let verdict = copy
            .denied
            .clone()
            .unwrap_or_else(|| format!("permitted by {}", copy.rules.join(", ")));
        let place = places
            .entry((owner, copy.region.to_string()))
            .or_insert((0, verdict));
        place.0 += 1;
    }
    let rows = places
        .into_iter()
        .map(|((owner, region), (copies, verdict))| Row {
            json: json!({ "owner": owner, "region": region, "copies": copies, "verdict": verdict }),
            text: vec![owner, region, copies.to_string(), verdict],
        });
    let header = ["of", "region", "copies", "by the law in force"];
    story.table(
        "residency",
        "Where copies are, as their nodes say",
        &header,
        rows.collect(),
    );
}
