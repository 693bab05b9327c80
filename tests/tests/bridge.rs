//! What people tell each other in a world of real processes, in the streams of a real NATS server: each event once and
//! in the order of its shard, whoever is killed meanwhile, and nothing in it that the law keeps.
//!
//! The server is the program that `MERIDIAN_NATS_SERVER` names, or `nats-server` in `PATH`.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cell_bridge_nats::server::{NatsServer, program};
use cell_bridge_nats::{Broker, Nats, Source, read_message_id};
use chaos::checkers::events::{Effect, Told, events};
use chaos::history::Outcome;
use cli_world::Seat;
use cli_world::app::{Activity, Newcomer, Person, track};
use cli_world::process::own_log_tail;
use cli_world::seats::ROOT_SHARDS;
use platform_model::ShardId;
use tempfile::TempDir;
use tests::canary::files::with_heart_rate;
use tests::canary::{Canaries, Searcher};
use tests::scene::{Scene, WITHIN, seat, until};
use tests::world::binaries;
use uuid::Uuid;

/// The broker as the law knows it. Where it stands the public profile of a resident of the EEA may go, under the
/// standard clauses, and no workout; of one of the United States both may.
const SINK: &str = "\n[sinks.stream-in]\nkind = \"stream\"\nregion = \"in-west\"\noperator = \"a test\"\n";
/// That of [`NatsServer::settings`].
const PREFIX: &str = "test";
/// Who rides: name, country, the cell that serves him.
const RIDERS: [(&str, &str, &str); 2] = [
    ("Ada", "DE", "celld-eu-central-1"),
    ("Ann", "US", "celld-us-east-1"),
];
/// What the stream may know of people, besides their ids.
const MAY_BE_THERE: [&str; 3] = ["name of Ada", "name of Ann", "title of Ann"];
/// What a rider tells before he rides, when he lets somebody see it.
const ADMITTED: [&str; 2] = ["identity.follower_changed", "identity.profile_shown"];
/// Each time somebody rides.
const RIDES: usize = 4;
const HEART_RATE: u32 = 151;

/// What a bridge says that could not go on, and one that waits for a person.
const TRIES_AGAIN: &str = "the bridge tries again";
const WAITS: &str = "the bridge waits for a person";

/// Somebody who shows his rides to another of his home.
struct Rider {
    name: &'static str,
    person: Person,
    follower: Person,
    shard: ShardId,
    /// Of the cell that serves him.
    seat: Seat,
    told: Vec<Told>,
}

/// What is in the stream of a shard.
struct Stream {
    rides: Vec<Effect>,
    /// Domain and event of each other message.
    others: Vec<String>,
}

/// A world whose cells tell a broker what people tell each other.
struct Bridged {
    // In this order they go.
    scene: Scene,
    nats: Nats,
    server: NatsServer,
    riders: Vec<Rider>,
    canaries: Canaries,
    /// The broker's.
    folder: TempDir,
}

impl Rider {
    async fn new(
        scene: &Scene,
        canaries: &mut Canaries,
        (name, country, cell): (&'static str, &str, &str),
    ) -> Result<Self> {
        let newcomer = Newcomer {
            name: canaries.text(&format!("name of {name}")),
            country: country.parse()?,
            email: format!("{}@example.org", canaries.text(&format!("address of {name}"))),
        };
        let person = scene.app.register(newcomer).await?;
        let follower = scene.person(&format!("follower-of-{name}"), country).await?;
        scene.admit(&person, follower.user, &follower.home).await?;
        Ok(Self {
            name,
            follower,
            shard: ShardId::of_user(&person.home, ROOT_SHARDS, person.user),
            seat: seat(cell)?,
            told: Vec::new(),
            person,
        })
    }

    async fn ride(&mut self, scene: &Scene, canaries: &mut Canaries) -> Result<()> {
        for _ in 0..RIDES {
            let title = canaries.text(&format!("title of {}", self.name));
            let file = track::gpx_from(&title, (48.0, 11.0), self.told.len() as u64);
            let answer = scene
                .upload(&self.person, with_heart_rate(file, HEART_RATE))
                .await?;
            let activity: Activity = answer.read()?;
            let place = answer.written.context("it says where it was written")?;
            self.told.push(Told {
                source: self.shard.to_string(),
                destination: PREFIX.to_owned(),
                place: (place.epoch.0, place.position.0, 0),
                id: activity.id.to_string(),
                outcome: Outcome::Done,
            });
        }
        Ok(())
    }

    /// How often his cell said that of the bridge of his shard.
    fn heard(&self, scene: &Scene, words: &str) -> Result<usize> {
        let (log, shard) = (
            fs::read_to_string(scene.processes.layout.log(&self.seat))?,
            self.shard.to_string(),
        );
        let said = |line: &&str| line.contains(words) && line.contains(&shard);
        Ok(log.lines().filter(said).count())
    }
}

impl Bridged {
    /// None, and a word of why, where there is no broker.
    async fn up(binaries: &Path, planted: &[(&str, &str)]) -> Result<Option<Self>> {
        let program = match program() {
            Ok(program) => program,
            Err(why) => {
                println!("skipped: {why}");
                return Ok(None);
            }
        };
        let folder = tempfile::tempdir()?;
        let mut server = NatsServer::start(&program, folder.path(), "")?;
        server.ready(WITHIN).await?;
        let address = server.address();
        let bridge = [
            ("CELLD_BRIDGE__SERVERS", address.as_str()),
            ("CELLD_BRIDGE__PLAINTEXT", "true"),
            ("CELLD_BRIDGE__SINK", "stream-in"),
            ("CELLD_BRIDGE__PURPOSE", "service"),
            ("CELLD_BRIDGE__CLASSES", "operational,public-profile,social"),
            ("CELLD_BRIDGE__PREFIX", PREFIX),
            ("CELLD_BRIDGE__ANSWER_WITHIN", "1s"),
        ];
        let scene = Scene::of(binaries, &[&bridge[..], planted].concat())?;
        enact(&scene)?;
        let (mut riders, mut canaries) = (Vec::new(), Canaries::default());
        for rider in RIDERS {
            riders.push(Rider::new(&scene, &mut canaries, rider).await?);
        }
        let settings = server.settings(Duration::from_secs(5));
        Ok(Some(Self {
            nats: Nats::connect(settings, scene.processes.id.clone()).await?,
            scene,
            server,
            riders,
            canaries,
            folder,
        }))
    }

    async fn ride(&mut self) -> Result<()> {
        for rider in &mut self.riders {
            rider.ride(&self.scene, &mut self.canaries).await?;
        }
        Ok(())
    }

    async fn kill_cells(&self) -> Result<()> {
        for rider in &self.riders {
            self.scene.processes.kill(&rider.seat).await?;
        }
        Ok(())
    }

    fn start_cells(&self) -> Result<()> {
        let mut seats = self.riders.iter().map(|rider| &rider.seat);
        seats.try_for_each(|seat| self.scene.processes.spawn(seat))
    }

    /// While no broker is there people ride, and each bridge tries in vain; then the cells are killed, all come back,
    /// and people ride again.
    async fn without_broker(&mut self) -> Result<()> {
        let tries = |riders: &[Rider], scene: &Scene| -> Result<Vec<usize>> {
            let heard = riders.iter().map(|rider| rider.heard(scene, TRIES_AGAIN));
            heard.collect()
        };
        let before = tries(&self.riders, &self.scene)?;
        self.server.kill()?;
        self.ride().await?;
        until("each bridge has tried in vain", async || {
            let now = tries(&self.riders, &self.scene)?;
            let all = now.iter().zip(&before).all(|(now, before)| now > before);
            ensure!(all, "{before:?} times before the broker went, {now:?} times now");
            anyhow::Ok(())
        })
        .await?;
        self.kill_cells().await?;
        self.server.again()?;
        self.server.ready(WITHIN).await?;
        self.start_cells()?;
        self.ride().await
    }

    /// The stream of the rider's shard, of whose messages each is named by an event behind the one before.
    async fn stream(&self, rider: &Rider) -> Result<Stream> {
        let source = Source {
            world: self.scene.processes.id.clone(),
            shard: rider.shard.clone(),
        };
        let channel = self.nats.open(&rider.shard).await?;
        let (mut rides, mut others, mut last) = (Vec::new(), Vec::new(), None);
        let subjects = format!("{PREFIX}.{}.", rider.shard.to_string().replace('/', "."));
        for sequence in 1.. {
            let Some(message) = channel.read(sequence).await? else {
                break;
            };
            let (key, id) = (read_message_id(&source, &message.id), &message.id);
            ensure!(key.is_some() && key > last, "{id} is behind {last:?}");
            ensure!(message.withheld.is_none(), "{id} says nothing");
            last = key;
            let event = message.subject.strip_prefix(&subjects);
            match event.with_context(|| format!("{id} is in {}", message.subject))? {
                "training.workout_shared" => rides.push(Effect {
                    destination: PREFIX.to_owned(),
                    id: ride_of(&message.payload)?.to_string(),
                    place: (0, sequence, 0),
                }),
                other => others.push(other.to_owned()),
            }
        }
        Ok(Stream { rides, others })
    }

    /// Waits until every ride is in the stream: there once, in order, and nothing else.
    async fn is_complete(&self) -> Result<()> {
        for rider in &self.riders {
            let all = rider.told.len();
            let stream = until("all that was told is in the stream", async || {
                let stream = self.stream(rider).await?;
                let there = stream.rides.len();
                ensure!(there >= all, "{there} of {all} rides of {}", rider.name);
                anyhow::Ok(stream)
            })
            .await
            .with_context(|| own_log_tail(&self.scene.processes.layout, &rider.seat, 25))?;
            let verdict = events(&rider.told, &stream.rides, &[]);
            ensure!(verdict.is_clean(), "{verdict:?}");
            ensure!(stream.others == ADMITTED, "{:?}", stream.others);
        }
        Ok(())
    }

    /// Of all that the broker wrote to its disk. What the law lets go is found there, so the search sees what there is.
    async fn holds_what_it_may(&mut self) -> Result<()> {
        for rider in &self.riders {
            let shown = until("his rides are shown", async || {
                self.scene.app.shared(&rider.follower).await
            })
            .await?;
            let heart_rate = shown.iter().find_map(|ride| ride.heart_rate_avg);
            let heart_rate = heart_rate.context("at home the heart rate is shown")?;
            let name = format!("heart rate of {}", rider.name);
            self.canaries.bytes(&name, &heart_rate.to_le_bytes());
        }
        let looked = Searcher::new(self.canaries.all()).folder(self.folder.path(), &[])?;
        let found: BTreeSet<&str> = looked.found.iter().map(|found| found.canary.as_str()).collect();
        ensure!(found == BTreeSet::from(MAY_BE_THERE), "{:?}", looked.found);
        Ok(())
    }
}

/// The example law, with the broker as a sink.
fn enact(scene: &Scene) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let law = folder.path().join("law");
    let dir = law.to_str().context("a path that is text")?;
    scene.done(&["policy", "example", dir])?;
    let text = fs::read_to_string(law.join("law.toml"))?;
    let text = text.replacen("\nversion = 1\n", "\nversion = 2\n", 1) + SINK;
    fs::write(law.join("law.toml"), text)?;
    let decide = |arguments: &[&str]| scene.done(&[arguments, &["--reason", "a broker"]].concat());
    decide(&["policy", "apply", dir, "--as", "compliance/ann"])?;
    decide(&["policy", "approve", "v2", "--as", "compliance/ben"])?;
    Ok(())
}

/// Which workout a message is about: its first field.
fn ride_of(payload: &[u8]) -> Result<Uuid> {
    let id = payload.strip_prefix(&[0x0a, 16]).and_then(|rest| rest.get(..16));
    Ok(Uuid::from_slice(id.context("it names no workout")?)?)
}

#[tokio::test]
async fn each_event_is_in_its_stream_once_and_in_order_whoever_is_killed() -> Result<()> {
    let binaries = match binaries() {
        Ok(binaries) => binaries,
        Err(why) => {
            println!("skipped: {why:#}");
            return Ok(());
        }
    };
    let Some(mut bridged) = Bridged::up(&binaries, &[]).await? else {
        return Ok(());
    };
    bridged.ride().await?;
    bridged.is_complete().await?;
    // Killed with whatever the bridges have not sent, or not noted, yet.
    bridged.ride().await?;
    bridged.kill_cells().await?;
    bridged.start_cells()?;
    bridged.ride().await?;
    bridged.is_complete().await?;
    bridged.without_broker().await?;
    bridged.is_complete().await?;
    // Killed while the bridges are at it, and there again at once.
    bridged.ride().await?;
    bridged.server.kill()?;
    bridged.server.again()?;
    bridged.ride().await?;
    bridged.is_complete().await?;
    bridged.holds_what_it_may().await
}

/// Builds with the planted fault `bridge-marks-early` note what the broker has not acknowledged: there something is
/// missing. `CANARY_PLANTED` names the folder of such binaries; they are no part of a usual build.
#[tokio::test]
async fn planted_a_mark_that_moves_before_the_acknowledgement_is_noticed() -> Result<()> {
    let Some(binaries) = std::env::var_os("CANARY_PLANTED") else {
        println!("skipped: CANARY_PLANTED names no binaries with planted faults");
        return Ok(());
    };
    let planted = [("FAILPOINTS", "bridge-marks-early=return")];
    let Some(mut bridged) = Bridged::up(Path::new(&binaries), &planted).await? else {
        return Ok(());
    };
    bridged.ride().await?;
    bridged.is_complete().await?;
    bridged.without_broker().await?;
    for rider in &bridged.riders {
        let last = rider.told.last().map(|told| &told.id);
        let rides = until("the last ride came, or the bridge has stopped", async || {
            let rides = bridged.stream(rider).await?.rides;
            let came = rides.last().map(|ride| &ride.id) == last;
            let ended = came || rider.heard(&bridged.scene, WAITS)? > 0;
            ensure!(ended, "{} of {} rides", rides.len(), rider.told.len());
            anyhow::Ok(rides)
        })
        .await?;
        let verdict = events(&rider.told, &rides, &[]);
        ensure!(verdict.has("missing"), "nothing is missing: {verdict:?}");
    }
    Ok(())
}
