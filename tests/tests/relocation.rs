//! A person changes home between real processes: an illegal home is refused, the old cell is killed on the way, and then he has
//! all that he had, by the token that he had, and nothing of him is left where he was. A follower elsewhere is shown all
//! of it in order, and learns where he lives.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use cli_world::app::{Activity, Person, track};
use cli_world::{Process, Seat, State};
use serde_json::Value;
use tests::scene::{Said, Scene, seat, until};
use uuid::Uuid;

const RIDES: u64 = 3;
const OFFICER: [&str; 4] = ["--as", "compliance/ann", "--reason", "request 4711"];

fn cell_seat(cell: &str) -> Result<Seat> {
    seat(&format!("celld-{cell}"))
}

/// Where people of his jurisdiction live beside his own home.
fn other_home(person: &Person) -> Result<&'static str> {
    let old = person.home.to_string();
    let mut homes = ["eu/eu-central", "eu/eu-west"].into_iter();
    homes.find(|home| *home != old).context("another home")
}

async fn upload(scene: &Scene, person: &Person, number: u64) -> Result<Uuid> {
    let answer = scene.upload(person, track::gpx("ride", number)).await?;
    Ok(answer.read::<Activity>()?.id)
}

/// As a supervisor does, over and over: who was killed may hold his folder's lock for a moment yet, and then whoever is
/// started ends at once.
fn revive(scene: &Scene, cell: &str) -> Result<()> {
    let seat = cell_seat(cell)?;
    match Process::state(&scene.processes.layout, &seat) {
        State::Running(_) => Ok(()),
        State::Stale(_) | State::Stopped => scene.processes.spawn(&seat),
    }
}

/// What `cellctl` says of a person's relocation, once it says that; `cell` is kept running.
async fn until_phase(scene: &Scene, (user, cell): (&str, &str), phase: &str) -> Result<Value> {
    until(&format!("he is {phase}"), async || {
        revive(scene, cell)?;
        let Said { out, err, .. } = scene.said(&["user", "relocation", "show", user])?;
        ensure!(out["phase"] == phase, "not {phase}: {out} {err}");
        anyhow::Ok(out)
    })
    .await
}

/// An illegal home, an unknown one, and a cancel of nothing: each by its code, and nothing has begun.
async fn refused_in_the_app(scene: &Scene, person: &Person) -> Result<()> {
    for (to, code) in [("us/us-east", "law-forbids"), ("eu/eu-north", "unknown-home")] {
        let asked = scene.app.relocate(person, &to.parse()?).await;
        let said = asked.as_ref().err().map(|failure| failure.code());
        ensure!(said == Some(code), "{to}: {asked:?}");
    }
    let withdrawn = scene.app.withdraw_relocation(person).await;
    let said = withdrawn.as_ref().err().map(|failure| failure.code());
    ensure!(said == Some("conflict"), "{withdrawn:?}");
    let now = scene.app.relocation(person).await?;
    ensure!(now.phase == "at-home", "{now:?}");
    Ok(())
}

#[tokio::test]
async fn a_person_moves_with_all_that_is_his_though_his_cell_is_killed_on_the_way() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let person = scene.person("Ann", "DE").await?;
    for number in 0..RIDES {
        upload(&scene, &person, number).await?;
    }
    let old = person.home.to_string();
    let new = other_home(&person)?;
    let user = format!("{old}/{}", person.user);
    let confirm = person.user.to_string();
    let relocate = |to: &str, more: &[&str]| {
        let command = ["user", "relocate", &user, "--to", to, "--confirm", &confirm];
        scene.said(&[&command[..], &OFFICER, more].concat())
    };
    let illegal = relocate("us/us-east", &[])?;
    ensure!(!illegal.ok && illegal.err.contains("hint:"), "{}", illegal.err);
    refused_in_the_app(&scene, &person).await?;
    let dry = relocate(new, &["--dry-run"])?;
    ensure!(dry.ok, "{}", dry.err);
    let begun = relocate(new, &[])?;
    ensure!(begun.ok, "{}", begun.err);
    let again = relocate(new, &[])?;
    let typed = ["already", "at this moment", "he lives in"];
    ensure!(
        !again.ok && again.err.contains("hint:") && typed.iter().any(|why| again.err.contains(why)),
        "{}",
        again.err
    );
    let cell = format!("{}-1", person.home.region);
    scene.processes.kill(&cell_seat(&cell)?).await?;
    let told = until_phase(&scene, (&user, &cell), "gone").await?;
    assert_eq!(told["other"], new, "{told}");
    assert_eq!(told["user_epoch"], 2, "{told}");
    // By the token of the home before; the router follows him.
    let rides = until("he is served", async || scene.app.all_ids(&person).await).await?;
    assert_eq!(rides.len() as u64, RIDES);
    upload(&scene, &person, RIDES).await?;
    let tokens = until("tokens are renewed", async || scene.app.refresh(&person).await).await?;
    assert_eq!(tokens.home.to_string(), new);
    let place = until("he is found", async || scene.app.locate(&person.email).await).await?;
    assert_eq!(place.home.to_string(), new);
    let back = scene.app.log_in(&place, &person).await?;
    assert_eq!(back.home.to_string(), new);
    let log = scene.done(&["audit", "list"])?.to_string();
    ensure!(log.contains("record-departure"), "no certificate in the ledger");
    Ok(())
}

/// Where a person takes the one other to live whom he follows and who follows him, in all that he has of him.
async fn known_homes(scene: &Scene, person: &Person) -> Result<BTreeSet<String>> {
    let following = scene.app.following(person).await?;
    let followers = scene.app.followers(person).await?;
    let shared = scene.app.shared(person).await?.into_iter();
    let counts = (following.len(), followers.len());
    ensure!(counts == (1, 1), "he follows, and is followed by: {counts:?}");
    let following = following.into_iter().map(|one| one.home);
    let followers = followers.into_iter().map(|one| one.home);
    let shared = shared.map(|one| one.author_home);
    Ok(following.chain(followers).chain(shared).collect())
}

/// They let each other in, and the author shows rides until the follower sees one: from then on he is shown all.
async fn follow_each_other(scene: &Scene, author: &Person, follower: &Person) -> Result<()> {
    scene.admit(author, follower.user, &follower.home).await?;
    scene.admit(follower, author.user, &author.home).await?;
    let first = Cell::new(1_000);
    until("he is shown something", async || {
        upload(scene, author, first.replace(first.get() + 1)).await?;
        let seen = scene.app.shared(follower).await?;
        ensure!(!seen.is_empty(), "nothing came");
        anyhow::Ok(())
    })
    .await?;
    until("each knows of the other", async || {
        let known = known_homes(scene, follower).await?;
        let theirs = known_homes(scene, author).await?;
        ensure!(known.len() == 1 && theirs.len() == 1, "{known:?}, {theirs:?}");
        anyhow::Ok(())
    })
    .await
}

/// His home is away while the author leaves: what was told there waits, and what is told in the new home waits for it.
#[tokio::test]
async fn a_follower_elsewhere_sees_all_in_order_over_the_move_and_knows_the_new_home() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let author = scene.person("Ann", "DE").await?;
    let follower = scene.person("Bert", "US").await?;
    ensure!(author.home != follower.home, "both live in {}", author.home);
    follow_each_other(&scene, &author, &follower).await?;
    let new = other_home(&author)?;
    let away = format!("{}-1", follower.home.region);
    let mut told = vec![upload(&scene, &author, 0).await?];
    scene.processes.kill(&cell_seat(&away)?).await?;
    for number in 1..=RIDES {
        told.push(upload(&scene, &author, number).await?);
    }
    until("he lives there", async || {
        // Asked again it says how it stands.
        let now = scene.app.relocate(&author, &new.parse()?).await?;
        ensure!(now.phase == "at-home", "{now:?}");
        anyhow::Ok(())
    })
    .await?;
    for number in 10..=10 + RIDES {
        told.push(upload(&scene, &author, number).await?);
    }
    let seen = until("all that was told came", async || {
        revive(&scene, &away)?;
        let seen = scene.app.shared(&follower).await?.into_iter();
        let seen: Vec<Uuid> = seen
            .map(|one| one.workout)
            .filter(|id| told.contains(id))
            .collect();
        ensure!(seen.len() >= told.len(), "{} of {} came", seen.len(), told.len());
        anyhow::Ok(seen)
    })
    .await?;
    assert_eq!(seen, told, "once each, and in his order");
    until("the new home is known", async || {
        let known = known_homes(&scene, &follower).await?;
        ensure!(known == BTreeSet::from([new.to_owned()]), "{known:?}");
        anyhow::Ok(())
    })
    .await
}
