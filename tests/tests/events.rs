//! Events between real processes: what a person shows takes effect at a follower in another home exactly once and in order,
//! whoever is killed meanwhile; what the law keeps stays; what cannot be delivered is seen, and settled by a person.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use anyhow::{Context, Result, ensure};
use chaos::checkers::events::{Effect, Told, events};
use chaos::history::Outcome;
use cli_world::app::{Activity, Person, Shared, track};
use cli_world::process::own_log_tail;
use cli_world::seats::ROOT_SHARDS;
use platform_model::{ShardId, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use tests::canary::files::with_heart_rate;
use tests::scene::{Scene, seat, until};

const AUTHORS_CELL: &str = "celld-us-east-1";
const FOLLOWERS_CELL: &str = "celld-eu-central-1";
/// Workouts before, between and after the two kills.
const WORKOUTS: u64 = 4;

/// An upload that was acknowledged, as the checker wants it told.
async fn upload(scene: &Scene, person: &Person, file: Vec<u8>) -> Result<Told> {
    let answer = scene.upload(person, file).await;
    let answer = answer.with_context(|| logs(scene))?;
    let activity: Activity = answer.read()?;
    let place = answer.written.context("it says where it was written")?;
    Ok(Told {
        source: ShardId::of_user(&person.home, ROOT_SHARDS, person.user).to_string(),
        destination: String::new(),
        place: (place.epoch.0, place.position.0, 0),
        id: activity.id.to_string(),
        outcome: Outcome::Done,
    })
}

/// What the two cells say, for whoever reads why a test failed.
fn logs(scene: &Scene) -> String {
    let of = |name: &&str| {
        let tail = seat(name).map(|seat| own_log_tail(&scene.processes.layout, &seat, 25));
        format!("{name}:\n{}\n", tail.unwrap_or_default())
    };
    [AUTHORS_CELL, FOLLOWERS_CELL].iter().map(of).collect()
}

/// Waits until the follower sees that many.
async fn shared(scene: &Scene, follower: &Person, count: usize) -> Result<Vec<Shared>> {
    until("all that was shared came", async || {
        let seen = scene.app.shared(follower).await?;
        ensure!(seen.len() >= count, "{} of {count} came: {seen:?}", seen.len());
        anyhow::Ok(seen)
    })
    .await
}

fn set_aside(scene: &Scene) -> Result<Vec<Value>> {
    Ok(serde_json::from_value(scene.done(&["event", "parked"])?)?)
}

/// Killed, both sides, one after the other: each workout that was acknowledged is shown once, in the order in which the
/// author's shard has them.
#[tokio::test]
async fn a_workout_is_shown_once_and_in_order_to_a_follower_in_another_home_whoever_is_killed() -> Result<()>
{
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let author = scene.person("Ann", "US").await?;
    let follower = scene.person("Bert", "DE").await?;
    let neighbour = scene.person("Cloe", "US").await?;
    assert_ne!(author.home, follower.home);
    for other in [&follower, &neighbour] {
        scene.admit(&author, other.user, &other.home).await?;
    }
    let (mut told, clock) = (Vec::new(), Clock::system());
    let begun = clock.monotonic();
    let since = |what: &str| println!("{what} after {:.1?}", clock.monotonic() - begun);
    for number in 0..WORKOUTS {
        told.push(upload(&scene, &author, track::gpx("before", number)).await?);
    }
    since("both there");
    // The follower's home is away: the outbox waits.
    scene.processes.kill(&seat(FOLLOWERS_CELL)?).await?;
    for number in 0..WORKOUTS {
        told.push(upload(&scene, &author, track::gpx("away", 100 + number)).await?);
    }
    since("the follower's away");
    // The author's goes too, with what nobody has heard yet, and is the first to come back.
    scene.processes.kill(&seat(AUTHORS_CELL)?).await?;
    scene.processes.spawn(&seat(AUTHORS_CELL)?)?;
    for number in 0..WORKOUTS {
        told.push(upload(&scene, &author, track::gpx("back", 200 + number)).await?);
    }
    since("the author's back");
    scene.processes.spawn(&seat(FOLLOWERS_CELL)?)?;
    // With a heart rate, which the law of the United States keeps at home.
    let measured = with_heart_rate(track::gpx("Measured", 999), 151);
    told.push(upload(&scene, &author, measured).await?);
    for other in [&follower, &neighbour] {
        let seen = shared(&scene, other, told.len()).await?;
        since("all shown to one");
        judge(&told, &seen, other);
        let last = seen.last().context("there are some")?;
        assert!(last.title.is_some() && last.distance_m.is_some(), "{last:?}");
        // What the law of the author's home keeps there is left out elsewhere, and nowhere else.
        assert_eq!(
            last.heart_rate_avg.is_some(),
            other.home == author.home,
            "{last:?}"
        );
    }
    let followed = until("the list is there", async || scene.app.following(&follower).await).await?;
    assert_eq!(followed.len(), 1);
    assert_eq!(followed[0].display_name.as_deref(), Some("Ann"));
    assert!(set_aside(&scene)?.is_empty());
    Ok(())
}

/// By the checker that the simulator's histories are judged with.
fn judge(told: &[Told], seen: &[Shared], follower: &Person) {
    let destination = follower.user.to_string();
    let told: Vec<Told> = told
        .iter()
        .map(|one| Told {
            destination: destination.clone(),
            ..one.clone()
        })
        .collect();
    let effects: Vec<Effect> = seen
        .iter()
        .map(|one| Effect {
            destination: destination.clone(),
            id: one.workout.to_string(),
            place: (0, one.number, 0),
        })
        .collect();
    let verdict = events(&told, &effects, &[]);
    assert!(verdict.is_clean(), "{verdict:?}");
}

/// One for a root that never was is set aside where it was told, blocks nobody, and goes when somebody says why.
#[tokio::test]
async fn an_event_for_nobody_is_set_aside_and_settled_by_a_person() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let author = scene.person("Dora", "US").await?;
    let follower = scene.person("Emil", "DE").await?;
    let nobody = UserId::from_uuid(random::uuid_v7());
    scene.admit(&author, nobody, &follower.home).await?;
    scene.admit(&author, follower.user, &follower.home).await?;
    let told = upload(&scene, &author, track::gpx("shown", 1)).await?;
    let seen = shared(&scene, &follower, 1).await?;
    assert_eq!(seen[0].workout.to_string(), told.id);
    // A profile and a workout for nobody.
    let parked = until("two are set aside", async || {
        let parked = set_aside(&scene)?;
        ensure!(parked.len() == 2, "{parked:?}");
        anyhow::Ok(parked)
    })
    .await?;
    let reason = parked[0]["reason"].as_str().context("a reason")?;
    assert!(reason.contains("never was such a root"), "{reason}");
    let id = parked[0]["id"].as_str().context("an id")?;
    scene.world.cellctl(&["event", "show", id])?;
    scene
        .world
        .cellctl(&["event", "drop", id, "--reason", "a test", "--dry-run"])?;
    assert_eq!(set_aside(&scene)?.len(), 2, "a dry run drops nothing");
    scene
        .world
        .cellctl(&["event", "drop", id, "--reason", "a test"])?;
    assert_eq!(set_aside(&scene)?.len(), 1);
    let other = parked[1]["id"].as_str().context("an id")?;
    // Tried again, it finds nobody again: it is set aside anew, under another name.
    scene
        .world
        .cellctl(&["event", "retry", other, "--reason", "a test"])?;
    until("it is set aside anew", async || {
        let anew = set_aside(&scene)?;
        ensure!(anew.iter().any(|one| one["id"] != parked[1]["id"]), "{anew:?}");
        anyhow::Ok(())
    })
    .await?;
    Ok(())
}
