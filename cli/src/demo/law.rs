//! The law: whoever would break it is refused and put on record; a law that forbids more takes effect at once, and
//! what nodes see says so; and the record itself proves that nobody changed it.

mod evidence;
mod order;
mod record;

use anyhow::Result;
use control_plane_residency::source::Bundle;
use control_plane_residency::{Ready, ready};
use platform_model::matrix::{Action, Point, Purpose};
use platform_model::{CellId, DataClass, RegionId, ShardId};
use platform_wire::admin::AdminClient;
use platform_wire::law::LawView;
use serde_json::json;

use super::Scene;
use super::story::{Row, Story};
use crate::world::operator;

/// A shard of the EU, and the cell abroad to which an operator would bring it.
const SHARD: &str = "eu/eu-central/000";
const ABROAD: &str = "us-east-1";

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let admin = scene.world.admin()?;
    story.step("an operator would bring data of the EU to the US");
    refused(scene, &admin, story).await?;
    story.step("the law says why, and what would have to be so");
    explained(&admin, story).await?;
    story.step("every copy is where a rule permits it, and its node says so itself");
    evidence::show(scene, story, evidence::Expected::Lawful).await?;
    story.step("an order forbids more, at once: a region to keep homes in, and who may see requests");
    order::show(scene, story).await?;
    evidence::show(scene, story, evidence::Expected::Violations).await?;
    story.step("the ledger is whole, and one changed byte shows");
    record::verify(scene, story).await
}

/// The refusal, and what stands on record about it.
async fn refused(scene: &Scene<'_>, admin: &AdminClient, story: &mut Story<'_>) -> Result<()> {
    let shard: ShardId = SHARD.parse()?;
    let cell: CellId = ABROAD.parse()?;
    let status = admin.status().await.map_err(operator::explain)?;
    let known = status.shards.iter().find(|record| record.shard == shard);
    let seen = known.map(|record| record.generation).unwrap_or_default();
    let placed = admin
        .place_shard(&shard, &cell, seen, "the demo tries to break the law")
        .await;
    let code = match &placed {
        Ok(_) => "it was done",
        Err(error) => error
            .refusal()
            .map_or("no refusal", |refusal| refusal.code.as_str()),
    };
    let what = format!("`shard place {SHARD} --cell {ABROAD}` is refused by the law");
    story.check(code == "law-forbids", &what, || code.to_owned());
    record::of_refusal(scene, story).await
}

/// The law in force, compiled here from its approved text: it must be what the controllers look up.
pub(super) fn compiled_here(view: &LawView) -> Result<Ready> {
    let approved = view.approved.as_ref().map(|law| law.text.as_str());
    let bundle = Bundle::from_text(approved.unwrap_or_default())?;
    Ok(ready(&bundle)?)
}

async fn explained(admin: &AdminClient, story: &mut Story<'_>) -> Result<()> {
    let view = admin.law().await.map_err(operator::explain)?;
    let law = compiled_here(&view)?;
    let same = view
        .approved
        .as_ref()
        .is_some_and(|approved| approved.digest == law.digest.0);
    story.check(same, "the law compiles here to what was approved", || {
        "to another matrix".to_owned()
    });
    let person = |region: &str| -> Result<Point> {
        Ok(Point {
            jurisdiction: "eu".parse()?,
            action: Action::StorePrimary,
            region: region.parse::<RegionId>()?,
            class: DataClass::Health,
            purpose: Purpose::Service,
        })
    };
    let (home, abroad) = (person("eu-central")?, person("us-east")?);
    let why = law.law.explain(&law.compiled, &home);
    let named = why.rule.map_or("none", |rule| rule.id.as_str());
    story.check(
        named == "eu-home",
        "the rule that permits a home in the EU is named",
        || named.to_owned(),
    );
    let smallest = law.law.why_not(&law.compiled, &abroad).to_string();
    story.check(
        smallest.starts_with("the smallest change"),
        "what would make it legal abroad is named",
        || smallest.clone(),
    );
    let row = |question: &Point, answer: String| Row {
        text: vec![question.to_string(), answer.clone()],
        json: json!({ "question": question.to_string(), "answer": answer }),
    };
    let rows = vec![row(&home, why.to_string()), row(&abroad, smallest)];
    story.table(
        "law",
        "What the law says of a person of the EU",
        &["question", "answer"],
        rows,
    );
    Ok(())
}
