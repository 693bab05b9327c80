//! A law that forbids more: proposed by one person, approved by another, in force at once.

use std::time::Duration;

use anyhow::{Context, Result};
use control_plane_residency::source::Bundle;
use control_plane_residency::{Ready, example, ready};
use platform_model::Jurisdiction;
use platform_runtime::clock::Clock;

use super::super::Scene;
use super::super::app::{Failure, Person};
use super::super::story::Story;
use super::evidence::FORBIDDEN_REGION;

/// For the router to hear of it.
const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// Made up for the demo; it models no real order.
const RULES: &str = r#"// Two orders, made up to show how a law takes effect.

@id("order-no-homes-in-the-west")
@article("order 1 of the demo")
@reason("Shows what happens to homes that are where they may not be any more.")
@owner("demo@example.org")
forbid (
  principal == Jurisdiction::"eu",
  action == Action::"store-primary",
  resource == Region::"eu-west"
);

@id("order-requests-stay")
@article("order 2 of the demo")
@reason("Shows what a router answers that may not see a request any more.")
@owner("demo@example.org")
forbid (
  principal == Jurisdiction::"us",
  action == Action::"process",
  resource in Jurisdiction::"eu"
);
"#;

const CASES: &str = r#"[[cases]]
name = "no home in the west any more"
jurisdiction = "eu"
action = "store-primary"
region = "eu-west"
class = "health"
purpose = "service"
expect = "deny"
rule = "order-no-homes-in-the-west"

[[cases]]
name = "requests of people of the US are not seen in the EU"
jurisdiction = "us"
action = "process"
region = "eu-central"
class = "health"
purpose = "service"
expect = "deny"
rule = "order-requests-stay"
"#;

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let law = stricter(scene).await?;
    scene.world.propose_and_approve(&law, "the demo's orders").await?;
    let one_of = |jurisdiction: &str| -> Result<&Person> {
        let jurisdiction: Jurisdiction = jurisdiction.parse()?;
        let mut people = scene.people.iter();
        people
            .find(|person| person.home.jurisdiction == jurisdiction)
            .with_context(|| format!("the demo has nobody of {jurisdiction}"))
    };
    let (us, eu) = (one_of("us")?, one_of("eu")?);
    let said = at_the_door(scene, us).await;
    let what = "a router that may not see a request answers with the legal host";
    story.check(said == format!("law-forbids, ask {}", us.host), what, || {
        said.clone()
    });
    for person in scene
        .people
        .iter()
        .filter(|person| person.home.jurisdiction == eu.home.jurisdiction)
    {
        let served = scene
            .app
            .profile(person)
            .await
            .err()
            .map(|failure| failure.to_string());
        let what = format!("{} of {} is served on", person.name, person.home);
        story.check(served.is_none(), &what, || served.clone().unwrap_or_default());
    }
    Ok(())
}

/// What the router answers someone until it has heard of the order.
async fn at_the_door(scene: &Scene<'_>, person: &Person) -> String {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let said = match scene.app.profile(person).await {
            Ok(_) => "it served".to_owned(),
            Err(Failure::Refused {
                code,
                host: Some(host),
                ..
            }) => format!("{code}, ask {host}"),
            Err(other) => other.to_string(),
        };
        if said.starts_with("law-forbids") || clock.monotonic().saturating_sub(begun) > HEARD_WITHIN {
            return said;
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// The law of the world with the two orders: its version 2, with the cases that still hold.
async fn stricter(scene: &Scene<'_>) -> Result<Ready> {
    let base = example::bundle(Some(scene.world.catalogue().await?));
    let dropped = ["eu.cases.toml", "us.cases.toml"];
    let mut files: Vec<(String, String)> = base
        .files()
        .filter(|(name, _)| !dropped.contains(name))
        .map(|(name, text)| (name.to_owned(), text.replacen("version = 1", "version = 2", 1)))
        .collect();
    files.push((
        "orders.cedar".to_owned(),
        RULES.replace("eu-west", FORBIDDEN_REGION),
    ));
    files.push((
        "orders.cases.toml".to_owned(),
        CASES.replace("eu-west", FORBIDDEN_REGION),
    ));
    let compiled = tokio::task::spawn_blocking(move || Ok(ready(&Bundle::from_files(files)?)?)).await;
    compiled.context("compiling the law")?
}
