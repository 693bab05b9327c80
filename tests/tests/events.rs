//! Events between real processes: what a person shows takes effect at a follower in another home exactly once and in order,
//! whoever is killed meanwhile; what the law keeps stays; what cannot be delivered is seen, and settled by a person.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chaos::checkers::events::{Effect, Told, events};
use chaos::history::Outcome;
use cli_world::app::{Activity, App, Newcomer, Person, Shared, track};
use cli_world::process::own_log_tail;
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, State, door};
use nix::sys::signal::Signal;
use platform_model::{ShardId, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use tests::world::{World, binaries};

/// For whatever must happen in the end: very wide, for machines that do much else. A world that is struck while a machine
/// does ten times what it can needs minutes to come back.
const WITHIN: Duration = Duration::from_secs(300);
const AUTHORS_CELL: &str = "celld-us-east-1";
const FOLLOWERS_CELL: &str = "celld-eu-central-1";
/// Workouts before, between and after the two kills.
const WORKOUTS: u64 = 4;
/// Root shards of each home of a development world.
const ROOT_SHARDS: u16 = 8;

struct Scene {
    world: World,
    layout: Layout,
    app: App,
}

impl Scene {
    fn up() -> Result<Option<Self>> {
        let folder = match binaries() {
            Ok(folder) => folder,
            Err(why) => {
                println!("skipped: {why:#}");
                return Ok(None);
            }
        };
        platform_runtime::tls::install_ring();
        let world = World::up(&folder, &[])?;
        let layout = Layout::new(world.root());
        let url = cli_world::World::open(&layout)?.url();
        let app = App::new(door::client(&layout)?, &url);
        Ok(Some(Self { world, layout, app }))
    }

    /// As the operating system does when it has no memory left.
    async fn kill(&self, name: &str) -> Result<()> {
        let seat = seat_named(name).context("there is such a seat")?;
        let State::Running(process) = Process::state(&self.layout, &seat) else {
            bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        anyhow::ensure!(process.gone(WITHIN).await, "{seat} runs on");
        Ok(())
    }

    fn revive(&self, name: &str) -> Result<()> {
        let seat = seat_named(name).context("there is such a seat")?;
        cli_world::World::open(&self.layout)?.spawn(&seat)
    }

    async fn person(&self, name: &str, country: &str) -> Result<Person> {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse()?,
            email: format!("{}@example.org", name.to_lowercase()),
        };
        Ok(self.app.register(newcomer).await?)
    }

    async fn admit(&self, person: &Person, user: UserId, home: &str) -> Result<()> {
        let key = random::uuid_v7();
        let sent = || self.app.admit_follower(person, (user, home), key);
        until_answered("a follower is admitted", sent).await
    }

    /// Uploads until it is acknowledged, as an app does, under one key.
    async fn upload(&self, person: &Person, bytes: Vec<u8>) -> Result<Told> {
        let (bytes, key) = (Bytes::from(bytes), random::uuid_v7());
        let sent = || self.app.send_file(person, bytes.clone(), key);
        let answer = until_answered("an upload is taken", sent).await;
        let answer = answer.with_context(|| self.logs())?;
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
    fn logs(&self) -> String {
        let of = |name: &&str| {
            let tail = seat_named(name).map(|seat| own_log_tail(&self.layout, &seat, 25));
            format!("{name}:\n{}\n", tail.unwrap_or_default())
        };
        [AUTHORS_CELL, FOLLOWERS_CELL].iter().map(of).collect()
    }

    /// Waits until the follower sees that many.
    async fn shared(&self, follower: &Person, count: usize) -> Result<Vec<Shared>> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let seen = self.app.shared(follower).await.unwrap_or_default();
            if seen.len() >= count {
                return Ok(seen);
            }
            if clock.monotonic() - begun > WITHIN {
                bail!("{} of {count} came: {seen:?}", seen.len());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn parked(&self) -> Result<Vec<Value>> {
        let output = self.world.cellctl(&["event", "parked", "-o", "json"])?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Sends until somebody answers.
async fn until_answered<T, E: std::fmt::Debug, Fut: Future<Output = Result<T, E>>>(
    what: &str,
    send: impl Fn() -> Fut,
) -> Result<T> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        match send().await {
            Ok(answer) => return Ok(answer),
            Err(failure) if clock.monotonic() - begun > WITHIN => {
                bail!("waited in vain until {what}: {failure:?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A workout with a heart rate, which the law of the United States keeps at home.
fn measured() -> Vec<u8> {
    let text = String::from_utf8(track::gpx("Measured", 999)).expect("text");
    let open = "<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>151</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions></trkpt>";
    let named =
        "<gpx xmlns:gpxtpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v1\" version=\"1.1\"";
    text.replace("</trkpt>", open)
        .replace("<gpx version=\"1.1\"", named)
        .into_bytes()
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
        scene.admit(&author, other.user, &other.home.to_string()).await?;
    }
    let (mut told, clock) = (Vec::new(), Clock::system());
    let begun = clock.monotonic();
    let since = |what: &str| println!("{what} after {:.1?}", clock.monotonic() - begun);
    for number in 0..WORKOUTS {
        told.push(scene.upload(&author, track::gpx("before", number)).await?);
    }
    since("both there");
    // The follower's home is away: the outbox waits.
    scene.kill(FOLLOWERS_CELL).await?;
    for number in 0..WORKOUTS {
        told.push(scene.upload(&author, track::gpx("away", 100 + number)).await?);
    }
    since("the follower's away");
    // The author's goes too, with what nobody has heard yet, and is the first to come back.
    scene.kill(AUTHORS_CELL).await?;
    scene.revive(AUTHORS_CELL)?;
    for number in 0..WORKOUTS {
        told.push(scene.upload(&author, track::gpx("back", 200 + number)).await?);
    }
    since("the author's back");
    scene.revive(FOLLOWERS_CELL)?;
    told.push(scene.upload(&author, measured()).await?);
    for other in [&follower, &neighbour] {
        let seen = scene.shared(other, told.len()).await?;
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
    let followed = until_answered("the list is there", || scene.app.following(&follower)).await?;
    assert_eq!(followed.len(), 1);
    assert_eq!(followed[0].display_name.as_deref(), Some("Ann"));
    assert!(scene.parked()?.is_empty());
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
    scene.admit(&author, nobody, &follower.home.to_string()).await?;
    scene
        .admit(&author, follower.user, &follower.home.to_string())
        .await?;
    let told = scene.upload(&author, track::gpx("shown", 1)).await?;
    let seen = scene.shared(&follower, 1).await?;
    assert_eq!(seen[0].workout.to_string(), told.id);
    // A profile and a workout for nobody.
    let clock = Clock::system();
    let begun = clock.monotonic();
    let parked = loop {
        let parked = scene.parked()?;
        if parked.len() == 2 {
            break parked;
        }
        if clock.monotonic() - begun > WITHIN {
            bail!("not two are set aside: {parked:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let reason = parked[0]["reason"].as_str().context("a reason")?;
    assert!(reason.contains("never was such a root"), "{reason}");
    let id = parked[0]["id"].as_str().context("an id")?;
    scene.world.cellctl(&["event", "show", id])?;
    scene
        .world
        .cellctl(&["event", "drop", id, "--reason", "a test", "--dry-run"])?;
    assert_eq!(scene.parked()?.len(), 2, "a dry run drops nothing");
    scene
        .world
        .cellctl(&["event", "drop", id, "--reason", "a test"])?;
    assert_eq!(scene.parked()?.len(), 1);
    let other = parked[1]["id"].as_str().context("an id")?;
    // Tried again, it finds nobody again: it is set aside anew, under another name.
    scene
        .world
        .cellctl(&["event", "retry", other, "--reason", "a test"])?;
    let begun = clock.monotonic();
    while scene.parked()?.iter().all(|one| one["id"] == parked[1]["id"]) {
        anyhow::ensure!(clock.monotonic() - begun < WITHIN, "{:?}", scene.parked()?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
