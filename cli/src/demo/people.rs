//! People come in, in both jurisdictions, and each lives where his country's law puts him.

mod journey;
mod place;

use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{CellId, CellState, CountryCode};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;

use super::Scene;
use super::app::Newcomer;
use super::story::Story;
use crate::world::{operator, seats};

/// Who comes while every cell is open.
const FIRST: [(&str, &str); 4] = [("anna", "DE"), ("bruno", "FR"), ("carol", "US"), ("dave", "US")];
/// Who comes while the nearest cell of the EU takes nobody new.
const LATER: [(&str, &str); 2] = [("eve", "IE"), ("finn", "NL")];
/// A country whose people no home may hold.
const NOT_SERVED: &str = "BR";
/// For the router to hear that a cell is cordoned.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

pub async fn show(scene: &mut Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step("people register in both jurisdictions");
    for (name, country) in FIRST {
        let person = scene.app.register(newcomer(name, country)).await;
        let person = person.with_context(|| format!("{name} of {country} gets no home"))?;
        scene.people.push(person);
    }
    let admin = scene.world.admin()?;
    register_beside_a_cordoned_cell(scene, &admin, story).await?;
    refuse_some(scene, story).await?;
    let status = admin.status().await.map_err(operator::explain)?;
    let mut rows = Vec::new();
    for person in &mut scene.people {
        journey::check(&scene.app, person, story).await?;
        rows.push(place::check(person, &status, story)?);
    }
    let header = ["person", "country", "home", "host", "shard", "node"];
    story.table("people", "Where each person lives", &header, rows);
    Ok(())
}

/// With the nearest cell cordoned, people of the EU get their home in the next one.
async fn register_beside_a_cordoned_cell(
    scene: &mut Scene<'_>,
    admin: &AdminClient,
    story: &mut Story<'_>,
) -> Result<()> {
    let first = &scene.people[0];
    let (home, cell) = (
        first.home.clone(),
        seats::places().into_iter().find(|place| place.home == first.home),
    );
    let Some(cell) = cell.map(|place| place.cell) else {
        story.check(false, "the first person's home is one of this world", || {
            home.to_string()
        });
        return Ok(());
    };
    set_cell(
        admin,
        &cell,
        CellState::Cordoned,
        "the demo sends newcomers elsewhere",
    )
    .await?;
    let clock = Clock::system();
    let begun = clock.monotonic();
    for (name, country) in LATER {
        let mut attempt = 0;
        let person = loop {
            attempt += 1;
            let person = scene
                .app
                .register(newcomer(&format!("{name}{attempt}"), country))
                .await?;
            let is_late = clock.monotonic().saturating_sub(begun) > HEARD_WITHIN;
            if person.home != home || is_late {
                break person;
            }
            clock.sleep(Duration::from_millis(100)).await;
        };
        story.check(person.home != home, "a cordoned cell takes no new people", || {
            format!("{} got {home}", person.name)
        });
        scene.people.push(person);
    }
    set_cell(admin, &cell, CellState::Open, "the demo is done with it").await
}

async fn set_cell(admin: &AdminClient, cell: &CellId, state: CellState, reason: &str) -> Result<()> {
    let status = admin.status().await.map_err(operator::explain)?;
    let record = status
        .cells
        .iter()
        .find(|(id, _)| id == cell)
        .with_context(|| format!("there is no cell {cell}"))?;
    admin
        .set_cell_state(cell, state, record.1, reason)
        .await
        .map_err(operator::explain)?;
    Ok(())
}

/// What must be refused is, by its code.
async fn refuse_some(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let stranger = scene.app.register(newcomer("gisele", NOT_SERVED)).await;
    let code = stranger
        .as_ref()
        .err()
        .map_or("it was taken", |failure| failure.code());
    story.check(
        code == "country-not-served",
        "a country without a home is refused",
        || code.to_owned(),
    );
    let first = &scene.people[0];
    let twin = Newcomer {
        name: "twin".into(),
        country: first.country,
        email: first.email.clone(),
    };
    let twin = scene.app.register(twin).await;
    let code = twin
        .as_ref()
        .err()
        .map_or("it was taken", |failure| failure.code());
    story.check(code == "claim-taken", "an address belongs to one person", || {
        code.to_owned()
    });
    Ok(())
}

/// A person of the demo. Addresses are of a domain that belongs to nobody (RFC 2606).
pub fn newcomer(name: &str, country: &str) -> Newcomer {
    let country: CountryCode = country.parse().expect("the demo's countries are well formed");
    Newcomer {
        name: name.to_owned(),
        country,
        email: format!("{name}@example.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_both_jurisdictions_come_and_one_whom_no_home_may_hold() {
        let jurisdictions = |people: &[(&str, &str)]| -> Vec<String> {
            let of =
                |country: &str| seats::jurisdiction_of(country.parse().expect("a country")).expect("served");
            people
                .iter()
                .map(|(_, country)| of(country).to_string())
                .collect()
        };
        assert_eq!(jurisdictions(&FIRST), ["eu", "eu", "us", "us"]);
        assert_eq!(jurisdictions(&LATER), ["eu", "eu"]);
        assert_eq!(
            seats::jurisdiction_of(NOT_SERVED.parse().expect("a country")),
            None
        );
    }
}
