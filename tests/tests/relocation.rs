//! A person changes home between real processes: an illegal home is refused, the old cell is killed on the way, and then he has
//! all that he had, by the token that he had, and nothing of him is left where he was.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use cli_world::app::{App, Newcomer, Person, track};
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, State, door};
use nix::sys::signal::Signal;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use tests::world::{World, binaries};

/// For whatever must happen in the end: very wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(300);
const RIDES: u64 = 3;
const OFFICER: [&str; 4] = ["--as", "compliance/ann", "--reason", "request 4711"];

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

    async fn person(&self, name: &str, country: &str) -> Result<Person> {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse()?,
            email: format!("{}@example.org", name.to_lowercase()),
        };
        Ok(self.app.register(newcomer).await?)
    }

    async fn kill_and_revive(&self, cell: &str) -> Result<()> {
        let name = format!("celld-{cell}");
        let seat = seat_named(&name).context("there is such a seat")?;
        let State::Running(process) = Process::state(&self.layout, &seat) else {
            bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        ensure!(process.gone(WITHIN).await, "{seat} runs on");
        self.revive(cell)
    }

    /// As a supervisor does, over and over: who was killed may hold his folder's lock for a moment yet, and then whoever is
    /// started ends at once.
    fn revive(&self, cell: &str) -> Result<()> {
        let name = format!("celld-{cell}");
        let seat = seat_named(&name).context("there is such a seat")?;
        match Process::state(&self.layout, &seat) {
            State::Running(_) => Ok(()),
            State::Stale(_) | State::Stopped => cli_world::World::open(&self.layout)?.spawn(&seat),
        }
    }

    async fn upload(&self, person: &Person, number: u64) -> Result<()> {
        let (bytes, key) = (Bytes::from(track::gpx("ride", number)), random::uuid_v7());
        let sent = || self.app.send_file(person, bytes.clone(), key);
        until_answered("an upload is taken", sent).await.map(|_| ())
    }

    /// What `cellctl` says of a person's relocation, once it says that; `cell` is kept running.
    async fn until_phase(&self, (user, cell): (&str, &str), phase: &str) -> Result<Value> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            self.revive(cell)?;
            let shown = ["user", "relocation", "show", user, "-o", "json"];
            let output = self.world.try_cellctl(&shown)?;
            let view: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if view["phase"] == phase {
                return Ok(view);
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(clock.monotonic() - begun < WITHIN, "not {phase}: {view} {said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
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

#[tokio::test]
async fn a_person_moves_with_all_that_is_his_though_his_cell_is_killed_on_the_way() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let person = scene.person("Ann", "DE").await?;
    for number in 0..RIDES {
        scene.upload(&person, number).await?;
    }
    let old = person.home.to_string();
    let new = ["eu/eu-central", "eu/eu-west"]
        .into_iter()
        .find(|home| *home != old)
        .context("another home")?;
    let user = format!("{old}/{}", person.user);
    let confirm = person.user.to_string();
    let relocate = |to: &str, more: &[&str]| {
        let command = ["user", "relocate", &user, "--to", to, "--confirm", &confirm];
        scene.world.try_cellctl(&[&command[..], &OFFICER, more].concat())
    };
    let illegal = relocate("us/us-east", &[])?;
    let said = String::from_utf8_lossy(&illegal.stderr).into_owned();
    ensure!(!illegal.status.success() && said.contains("hint:"), "{said}");
    refused_in_the_app(&scene, &person).await?;
    let dry = relocate(new, &["--dry-run"])?;
    ensure!(dry.status.success(), "{}", String::from_utf8_lossy(&dry.stderr));
    let begun = relocate(new, &[])?;
    ensure!(
        begun.status.success(),
        "{}",
        String::from_utf8_lossy(&begun.stderr)
    );
    let again = relocate(new, &[])?;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    let typed = ["already", "at this moment", "he lives in"];
    ensure!(
        !again.status.success() && said.contains("hint:") && typed.iter().any(|why| said.contains(why)),
        "{said}"
    );
    let cell = format!("{}-1", person.home.region);
    scene.kill_and_revive(&cell).await?;
    let told = scene.until_phase((&user, &cell), "gone").await?;
    assert_eq!(told["other"], new, "{told}");
    assert_eq!(told["user_epoch"], 2, "{told}");
    // By the token of the home before; the router follows him.
    let rides = until_answered("he is served", || scene.app.all_ids(&person)).await?;
    assert_eq!(rides.len() as u64, RIDES);
    scene.upload(&person, RIDES).await?;
    let tokens = until_answered("tokens are renewed", || scene.app.refresh(&person)).await?;
    assert_eq!(tokens.home.to_string(), new);
    let place = until_answered("he is found", || scene.app.locate(&person.email)).await?;
    assert_eq!(place.home.to_string(), new);
    let back = scene.app.log_in(&place, &person).await?;
    assert_eq!(back.home.to_string(), new);
    let log = scene.world.cellctl(&["audit", "list", "-o", "json"])?;
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    ensure!(log.contains("record-departure"), "no certificate in the ledger");
    Ok(())
}
