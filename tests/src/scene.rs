//! What a test of real processes begins with: a world, what a person does there with `cellctl`, and an app at its door.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cli_world::app::{Answer, App, Newcomer, Person};
use cli_world::seats::seat_named;
use cli_world::standbys::not_whole;
use cli_world::{Layout, Seat, door};
use platform_model::{HomeId, NodeId, RoutingTable, ShardId, ShardRoute, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use platform_wire::admin::WorldStatus;
use serde_json::Value;

use crate::world::{World, binaries};

/// For whatever must happen in the end: very wide, for machines that do much else. A world that is struck while a
/// machine does ten times what it can needs minutes to come back.
pub const WITHIN: Duration = Duration::from_secs(300);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// Where people of Germany live.
pub const HOME: &str = "eu/eu-central";

/// A world that serves, and is gone when it is dropped.
pub struct Scene {
    pub world: World,
    pub processes: cli_world::World,
    pub app: App,
}

/// What a command of `cellctl` came to.
pub struct Said {
    pub ok: bool,
    /// Null if it printed no document.
    pub out: Value,
    pub err: String,
}

impl Scene {
    /// None, and a word of why, where the binaries are not built.
    ///
    /// # Errors
    /// When the world does not come up.
    pub fn up() -> Result<Option<Self>> {
        Self::up_with(&[])
    }

    /// As [`Self::up`], with what [`Self::of`] takes.
    ///
    /// # Errors
    /// When the world does not come up.
    pub fn up_with(environment: &[(&str, &str)]) -> Result<Option<Self>> {
        match binaries() {
            Ok(folder) => Self::of(&folder, environment).map(Some),
            Err(why) => {
                println!("skipped: {why:#}");
                Ok(None)
            }
        }
    }

    /// Of these binaries. `environment` is given to every process, to one that is started again, too.
    ///
    /// # Errors
    /// When the world does not come up.
    pub fn of(binaries: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        platform_runtime::tls::install_ring();
        let world = World::up(binaries, environment)?;
        let layout = Layout::new(world.root());
        let processes = cli_world::World::open(&layout)?;
        processes.set_environment(world.environment().to_vec());
        let app = App::new(door::client(&layout)?, &processes.url());
        Ok(Self {
            world,
            processes,
            app,
        })
    }

    /// Runs `cellctl` with `-o json`, however it ends.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn said(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.world.try_cellctl(&[arguments, &["-o", "json"]].concat())?;
        Ok(Said {
            ok: output.status.success(),
            out: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The document of a command that is done.
    ///
    /// # Errors
    /// It did not end well: what it said.
    pub fn done(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.said(arguments)?;
        ensure!(said.ok, "cellctl {}: {}", arguments.join(" "), said.err);
        Ok(said.out)
    }

    /// A command is refused with these words.
    ///
    /// # Errors
    /// It was done, or refused for something else.
    pub fn refused(&self, arguments: &[&str], expected: &str) -> Result<()> {
        let said = self.said(arguments)?;
        let arguments = arguments.join(" ");
        ensure!(!said.ok, "cellctl {arguments} was done: {}", said.out);
        ensure!(
            said.err.contains(expected),
            "cellctl {arguments} says not `{expected}` but {}",
            said.err
        );
        Ok(())
    }

    /// Waits until the world is as wanted.
    ///
    /// # Errors
    /// It never is: how it was last.
    pub async fn status_until(&self, what: &str, so: impl Fn(&WorldStatus) -> bool) -> Result<WorldStatus> {
        let admin = self.processes.admin()?;
        until(what, async || {
            let status = admin.status().await?;
            ensure!(so(&status), "{status:?}");
            anyhow::Ok(status)
        })
        .await
    }

    /// Waits until every shard of [`HOME`] has a standby in sync, and is led by another than `not`; the table then.
    ///
    /// # Errors
    /// As [`Self::status_until`].
    pub async fn whole(&self, not: Option<&NodeId>) -> Result<RoutingTable> {
        let whole = |status: &WorldStatus| {
            let mut shards = of_home(&status.table);
            shards.all(|(shard, route)| not_whole(shard, route).is_none() && Some(&route.node) != not)
        };
        let what = "every shard of the home is whole";
        Ok(self.status_until(what, whole).await?.table)
    }

    /// Somebody new, of whom nobody else in the world has the name.
    ///
    /// # Errors
    /// When he is not let in.
    pub async fn person(&self, name: &str, country: &str) -> Result<Person> {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse()?,
            email: format!("{}@example.org", name.to_lowercase()),
        };
        Ok(self.app.register(newcomer).await?)
    }

    /// As [`Self::person`], who lives in [`HOME`].
    ///
    /// # Errors
    /// When he is not let in, or lives elsewhere.
    pub async fn person_of_home(&self, name: &str) -> Result<Person> {
        let person = self.person(name, "DE").await?;
        ensure!(person.home.to_string() == HOME, "{} lives elsewhere", person.home);
        Ok(person)
    }

    /// Lets somebody see what the person shows, as an app does, under one key.
    ///
    /// # Errors
    /// It was never taken.
    pub async fn admit(&self, person: &Person, user: UserId, home: &HomeId) -> Result<()> {
        let (key, home) = (random::uuid_v7(), home.to_string());
        until("a follower is admitted", async || {
            self.app.admit_follower(person, (user, home.as_str()), key).await
        })
        .await
    }

    /// Writes until it is acknowledged: an app sends the same under the same key again. Answers how often it was sent.
    ///
    /// # Errors
    /// It was never taken.
    pub async fn write(&self, person: &Person, name: &str) -> Result<u32> {
        let (key, sent) = (random::uuid_v7(), Cell::new(0));
        until(&format!("{name} is taken"), async || {
            sent.set(sent.get() + 1);
            self.app.rename_under(person, name, key).await
        })
        .await?;
        Ok(sent.get())
    }

    /// What the person is called, once anybody answers.
    ///
    /// # Errors
    /// Nobody did.
    pub async fn read(&self, person: &Person) -> Result<String> {
        let profile = until("somebody answers", async || self.app.profile(person).await).await?;
        profile.display_name.context("it has a name")
    }

    /// Uploads until it is acknowledged, as an app does, under one key.
    ///
    /// # Errors
    /// It was never taken.
    pub async fn upload(&self, person: &Person, file: Vec<u8>) -> Result<Answer> {
        let key = random::uuid_v7();
        until("an upload is taken", async || {
            self.app.send_file(person, file.clone().into(), key).await
        })
        .await
    }
}

/// Tries until it is so.
///
/// # Errors
/// It never was: what was in the way last.
pub async fn until<T, E: Into<anyhow::Error>>(
    what: &str,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Result<T> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        match attempt().await {
            Ok(found) => return Ok(found),
            Err(error) if clock.monotonic() - begun > WITHIN => {
                let error: anyhow::Error = error.into();
                return Err(error.context(format!("waited in vain until {what}")));
            }
            Err(_) => clock.sleep(PAUSE).await,
        }
    }
}

/// The seat of this name.
///
/// # Errors
/// There is none.
pub fn seat(name: &str) -> Result<Seat> {
    seat_named(name).with_context(|| format!("there is no seat {name}"))
}

/// The node at the seat of this name.
///
/// # Errors
/// There is none.
pub fn node(name: &str) -> Result<NodeId> {
    let seat = seat(name)?;
    seat.node().cloned().with_context(|| format!("{name} is no node"))
}

/// Shards of [`HOME`], its keys among them.
///
/// # Panics
/// Never: it is a home.
pub fn of_home(table: &RoutingTable) -> impl Iterator<Item = (&ShardId, &ShardRoute)> {
    let home: HomeId = HOME.parse().expect("a home");
    let shards = table.shards.iter();
    shards.filter(move |(shard, _)| shard.home() == Some(&home))
}
