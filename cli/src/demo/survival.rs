//! What homes survive: the EU's two regions keep copies of each other's shards; the US has one region, and the law says
//! why nobody may help it out.

use anyhow::Result;
use platform_model::HomeId;
use platform_report::Figure;
use platform_wire::admin::AdminClient;
use platform_wire::operation::SetSurvival;
use serde_json::json;

use super::Scene;
use super::copies;
use super::story::{Row, Story, count};
use super::traffic::Traffic;
use crate::world::operator;

/// The goal that is set: what was acknowledged outlives the region.
const GOAL: &str = "region";
/// Tracks of this act are numbered from here.
const FIRST: u64 = 40_000;

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step("homes are to survive the loss of a region, while their people go on");
    let (two_regions, alone) = copies::homes();
    let admin = scene.world.admin()?;
    let people = scene
        .people
        .iter()
        .filter(|person| two_regions.contains(&person.home));
    let traffic = Traffic::new(scene, people.cloned().collect(), FIRST);
    let took = traffic
        .during(1, async {
            for home in &two_regions {
                set(&admin, home).await.map_err(operator::explain)?;
            }
            copies::wait_until_safe(scene, &two_regions).await
        })
        .await?;
    let mut rows = Vec::new();
    for home in &alone {
        rows.push(refused(&admin, home, story).await);
    }
    let table = copies::table(scene).await?;
    for home in &two_regions {
        let shards: Vec<_> = copies::shards_of(&table, home).collect();
        let safe = shards
            .iter()
            .filter(|(_, route)| copies::survives_its_region(&table, route));
        let safe = safe.count();
        let what = "every shard of a home with that goal has a standby in sync in another region";
        story.check(safe == shards.len() && safe > 0, what, || {
            format!("{home}: {safe} of {}", shards.len())
        });
        rows.push(row(home, shards.len(), safe, "met"));
    }
    let header = ["home", "goal", "shards", "of these safe", "verdict"];
    story.table("survival", "What homes are to survive", &header, rows);
    let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
    story.figure(Figure::info("standbys-in-sync-after", seconds, "s"));
    for sample in traffic.tally.samples() {
        story.note(format!("failed while standbys were made: {sample}"));
    }
    story.figure(Figure::at_most(
        "client-errors-while-standbys-are-made",
        count(traffic.tally.failures()),
        "requests",
        0.0,
    ));
    traffic.account().await.report("survival", story);
    Ok(())
}

async fn set(admin: &AdminClient, home: &HomeId) -> Result<(), platform_wire::controllers::CallError> {
    let wanted = SetSurvival {
        home: home.clone(),
        goal: GOAL.to_owned(),
        expected: None,
    };
    let reason = "the demo wants it to outlive a region";
    admin.set_survival(&wanted, reason).await.map(|_| ())
}

/// The goal that no other region may help to reach: refused by the law, with the rule.
async fn refused(admin: &AdminClient, home: &HomeId, story: &mut Story<'_>) -> Row {
    let (code, why) = match set(admin, home).await {
        Ok(()) => ("it was taken".to_owned(), String::new()),
        Err(error) => match error.refusal() {
            Some(refusal) => (refusal.code.to_string(), refusal.message.clone()),
            None => ("no refusal".to_owned(), error.to_string()),
        },
    };
    let what = format!("{home} cannot be made to survive its region: the law forbids it");
    story.check(code == "law-forbids" && !why.is_empty(), &what, || {
        format!("{code}: {why}")
    });
    row(home, 0, 0, &format!("infeasible: {why}"))
}

fn row(home: &HomeId, shards: usize, safe: usize, verdict: &str) -> Row {
    let number = |number: usize| {
        if shards == 0 {
            String::new()
        } else {
            number.to_string()
        }
    };
    Row {
        text: vec![
            home.to_string(),
            GOAL.to_owned(),
            number(shards),
            number(safe),
            verdict.to_owned(),
        ],
        json: json!({
            "home": home.to_string(),
            "goal": GOAL,
            "shards": shards,
            "safe": safe,
            "verdict": verdict,
        }),
    }
}
