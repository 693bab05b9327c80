//! The bridge between real processes: every workout that an author's cell acknowledged is in the stream of his shard once and in
//! order, though the cell and the broker are killed in between.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use cell_bridge_nats::server::{self, NatsServer};
use cell_bridge_nats::{Broker, Channel, Nats, Settings, read_message_id};
use cli_world::app::{App, Newcomer, Person, track};
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, State, door};
use nix::sys::signal::Signal;
use platform_model::{EpochPosition, ShardId};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use tests::world::{World, binaries};

/// For whatever must happen in the end: very wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(300);
const AUTHORS_CELL: &str = "celld-us-east-1";
const WORKOUTS: u64 = 3;
/// Root shards of each home of a development world.
const ROOT_SHARDS: u16 = 8;
const SUBJECT: &str = "training.workout_shared";

fn settings(server: &NatsServer) -> Settings {
    Settings {
        servers: vec![server.address()],
        tls: None,
        credentials_file: None,
        prefix: "meridian".into(),
        replicas: 1,
        keep: Duration::from_secs(86_400),
        answer_within: Duration::from_secs(5),
    }
}

async fn until<T, E: std::fmt::Debug, Fut: Future<Output = Result<T, E>>>(
    what: &str,
    send: impl Fn() -> Fut,
) -> Result<T> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        match send().await {
            Ok(answer) => return Ok(answer),
            Err(failure) if clock.monotonic() - begun > WITHIN => bail!("in vain: {what}: {failure:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

struct Scene {
    layout: Layout,
    app: App,
    author: Person,
    /// What every node is told of the broker.
    environment: Vec<(String, String)>,
    _world: World,
}

impl Scene {
    async fn up(folder: &Path, environment: Vec<(String, String)>) -> Result<Self> {
        let told: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let world = World::up(folder, &told)?;
        let layout = Layout::new(world.root());
        let url = cli_world::World::open(&layout)?.url();
        let app = App::new(door::client(&layout)?, &url);
        let (author, follower) = (
            person(&app, "Ann", "US").await?,
            person(&app, "Bert", "DE").await?,
        );
        let (key, home) = (random::uuid_v7(), follower.home.to_string());
        let admit = || app.admit_follower(&author, (follower.user, &home), key);
        until("a follower is admitted", admit).await?;
        Ok(Self {
            layout,
            app,
            author,
            environment,
            _world: world,
        })
    }

    /// Uploads some until each is acknowledged, as an app does, each under one key. Answers where they were written.
    async fn uploads(&self, name: &str, from: u64) -> Result<Vec<EpochPosition>> {
        let mut places = Vec::new();
        for number in from..from + WORKOUTS {
            let (bytes, key) = (Bytes::from(track::gpx(name, number)), random::uuid_v7());
            let send = || self.app.send_file(&self.author, bytes.clone(), key);
            let answer = until("an upload is taken", send).await?;
            places.push(answer.written.context("it says where it was written")?);
        }
        Ok(places)
    }

    async fn kill_cell(&self) -> Result<()> {
        let seat = seat_named(AUTHORS_CELL).context("there is such a seat")?;
        let State::Running(process) = Process::state(&self.layout, &seat) else {
            bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        ensure!(process.gone(WITHIN).await, "{seat} runs on");
        let world = cli_world::World::open(&self.layout)?;
        world.set_environment(self.environment.clone());
        world.spawn(&seat)
    }
}

async fn person(app: &App, name: &str, country: &str) -> Result<Person> {
    let newcomer = Newcomer {
        name: name.to_owned(),
        country: country.parse()?,
        email: format!("{}@example.org", name.to_lowercase()),
    };
    Ok(app.register(newcomer).await?)
}

/// The places of all shared workouts in the stream, in its order.
async fn places(channel: &dyn Channel, shard: &ShardId) -> Result<Vec<EpochPosition>> {
    let (mut places, mut number) = (Vec::new(), 1);
    while let Some(message) = channel.read(number).await? {
        number += 1;
        let event = read_message_id(shard, &message.id).context("it is named by its event")?;
        if message.subject.ends_with(SUBJECT) {
            places.push(event.at);
        }
    }
    Ok(places)
}

#[tokio::test]
async fn the_stream_has_each_event_once_and_in_order_though_cell_and_broker_are_killed() -> Result<()> {
    let (program, folder) = match (server::program(), binaries()) {
        (Ok(program), Ok(folder)) => (program, folder),
        (Err(why), _) => {
            println!("skipped: {why}");
            return Ok(());
        }
        (_, Err(why)) => {
            println!("skipped: {why:#}");
            return Ok(());
        }
    };
    platform_runtime::tls::install_ring();
    let dir = tempfile::tempdir()?;
    let mut nats = NatsServer::start(&program, dir.path(), "")?;
    nats.ready(WITHIN).await?;
    let environment = [
        ("CELLD_BRIDGE__SERVERS", nats.address().as_str()),
        ("CELLD_BRIDGE__SINK", "events-us"),
        ("CELLD_BRIDGE__PURPOSE", "service"),
        ("CELLD_BRIDGE__PLAINTEXT", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let scene = Scene::up(&folder, environment.into()).await?;
    let mut told = scene.uploads("both there", 0).await?;
    nats.kill()?;
    told.extend(scene.uploads("no broker", 100).await?);
    scene.kill_cell().await?;
    told.extend(scene.uploads("a new cell", 200).await?);
    nats.again()?;
    nats.ready(WITHIN).await?;
    told.extend(scene.uploads("the broker is back", 300).await?);
    scene.kill_cell().await?;
    told.extend(scene.uploads("a third one", 400).await?);
    let shard = ShardId::of_user(&scene.author.home, ROOT_SHARDS, scene.author.user);
    let broker = Nats::connect(settings(&nats)).await?;
    let channel = until("the stream is there", || broker.open(&shard)).await?;
    let last = *told.last().context("there are some")?;
    let whole = || async {
        let seen = places(&*channel, &shard).await?;
        ensure!(seen.contains(&last), "the last is not there yet");
        Ok(seen)
    };
    let seen = until("all are in the stream", whole).await?;
    assert_eq!(seen, told);
    Ok(())
}
