//! Where a person lives, and the proof: his country, his home, his shard, and the node that serves it.

use anyhow::{Context, Result};
use platform_model::{CellId, HomeId, ShardId};
use platform_wire::admin::WorldStatus;
use serde_json::json;

use crate::demo::app::Person;
use crate::demo::story::{Row, Story};
use crate::world::seats;

/// Who holds the person's shard, and whether he may: by country, jurisdiction, region and the controllers' status.
pub fn check(person: &Person, status: &WorldStatus, story: &mut Story<'_>) -> Result<Row> {
    let lawful = seats::jurisdiction_of(person.country);
    let is_lawful = lawful.as_ref() == Some(&person.home.jurisdiction);
    story.check(
        is_lawful,
        "a person's home is of the jurisdiction of his country",
        || format!("{} of {} got {}", person.name, person.country, person.home),
    );
    let shard = status
        .table
        .shard_of_user(&person.home, person.user)
        .with_context(|| format!("no home {}", person.home))?;
    let (route, _) = status
        .table
        .primary_of(&shard)
        .with_context(|| format!("nobody serves {shard}"))?;
    let cell = &route.node.cell;
    let region = status.table.cells.get(cell).map(|cell| cell.region.clone());
    let is_home = region.as_ref() == Some(&person.home.region) && may_hold(cell, &person.home);
    story.check(
        is_home,
        "a person's shard is in a cell of his home's region and jurisdiction",
        || format!("{}: {shard} is served by {cell} in {region:?}", person.name),
    );
    Ok(row(person, &shard, &route.node.to_string()))
}

/// Whether the cell was set up for people of this home's jurisdiction.
fn may_hold(cell: &CellId, home: &HomeId) -> bool {
    seats::places()
        .iter()
        .any(|place| place.cell == *cell && place.home.jurisdiction == home.jurisdiction)
}

fn row(person: &Person, shard: &ShardId, node: &str) -> Row {
    let (country, home, shard) = (
        person.country.to_string(),
        person.home.to_string(),
        shard.to_string(),
    );
    Row {
        text: vec![
            person.name.clone(),
            country.clone(),
            home.clone(),
            person.host.clone(),
            shard.clone(),
            node.to_owned(),
        ],
        json: json!({
            "person": person.name,
            "user": person.user.to_string(),
            "country": country,
            "home": home,
            "host": person.host,
            "shard": shard,
            "node": node,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_another_jurisdiction_may_hold_nobody_of_this_one() {
        let home: HomeId = "eu/eu-west".parse().expect("a home");
        assert!(may_hold(&"eu-west-1".parse().expect("a cell"), &home));
        assert!(!may_hold(&"us-east-1".parse().expect("a cell"), &home));
    }
}
