//! The people of the scenario `relocate`: each comes in, records workouts all the time, asks to live in the other home of his
//! jurisdiction, sometimes thinks better of it, and goes on. What becomes of them is judged in `relocate_judge`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use chaos::synthetic::Random;
use cli_world::app::{Activity, App, Newcomer, Person, track};
use futures::future::join_all;
use parking_lot::Mutex;
use platform_model::HomeId;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use tokio::sync::watch;

use super::relocate_names::Names;

/// Two homes of one jurisdiction, in two cells: under the example law nobody relocates abroad.
const COUNTRIES: [&str; 2] = ["DE", "FR"];
pub const HOMES: [&str; 2] = ["eu/eu-central", "eu/eu-west"];
/// People who are there at once, one after the other in each lane.
const LANES: u64 = 3;
/// Workouts before he asks, and after he has moved.
const WORKOUTS: u64 = 3;
/// Between two workouts.
const PAUSE: Duration = Duration::from_millis(80);
/// One of so many thinks better of it.
const WITHDRAWS_ONE_IN: u64 = 4;
/// Before something is sent again.
pub const AGAIN_AFTER: Duration = Duration::from_millis(150);
/// One request and its answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Until whoever asked has moved, or stays.
pub const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Somebody, and what he was told.
#[derive(Clone)]
pub struct Mover {
    pub person: Person,
    pub to: HomeId,
    /// Workouts that were acknowledged.
    pub told: Vec<String>,
}

/// From one home to the other.
type Move = (HomeId, HomeId);

pub struct People {
    pub(super) app: App,
    pub(super) names: Names,
    /// Who has asked to move last.
    begun: watch::Sender<Option<Move>>,
    seed: u64,
    all: Mutex<Vec<Mover>>,
    stopped: AtomicBool,
    unsettled: AtomicUsize,
}

impl People {
    pub fn new(app: &App, seed: u64) -> Self {
        Self {
            app: app.clone(),
            names: Names::new(),
            begun: watch::Sender::new(None),
            seed,
            all: Mutex::default(),
            stopped: AtomicBool::new(false),
            unsettled: AtomicUsize::new(0),
        }
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn count(&self) -> usize {
        self.all.lock().len()
    }

    pub fn told(&self) -> usize {
        self.all.lock().iter().map(|mover| mover.told.len()).sum()
    }

    /// Requests that nobody answered however often they were sent.
    pub fn unsettled(&self) -> usize {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// Waits until somebody asks to move.
    pub async fn next_that_moves(&self) -> Move {
        let mut begun = self.begun.subscribe();
        loop {
            // The sender lives in `self`.
            let _ = begun.changed().await;
            if let Some(moves) = begun.borrow().clone() {
                return moves;
            }
        }
    }

    pub(super) fn all_so_far(&self) -> Vec<Mover> {
        self.all.lock().clone()
    }

    pub(super) fn take_all(&self) -> Vec<Mover> {
        std::mem::take(&mut *self.all.lock())
    }

    pub(super) fn put_back(&self, all: Vec<Mover>) {
        *self.all.lock() = all;
    }

    /// One person after the other in each lane, until [`Self::stop`].
    pub async fn live(&self) {
        join_all((0..LANES).map(|lane| self.lane(lane))).await;
    }

    async fn lane(&self, lane: u64) {
        let mut random = Random::new(self.seed ^ (lane + 1));
        for number in 0_u64.. {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let withdraws = random.below(WITHDRAWS_ONE_IN) == 0;
            match self.one(lane, number, withdraws).await {
                Ok(mover) => self.all.lock().push(mover),
                Err(_) => {
                    self.unsettled.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn one(&self, lane: u64, number: u64, withdraws: bool) -> Result<Mover> {
        let country = COUNTRIES[usize::try_from(number % 2).expect("0 or 1")];
        let person = self.register(&format!("mover-{lane}-{number}"), country).await?;
        let old = person.home.to_string();
        let to = HOMES.into_iter().find(|home| *home != old).context("a home")?;
        let to: HomeId = to.parse()?;
        self.names.begins(&person);
        let ended = AtomicBool::new(false);
        let lives = async {
            let told = self.records_and_moves(&person, &to, withdraws).await;
            ended.store(true, Ordering::Relaxed);
            told
        };
        let (told, ()) = futures::future::join(lives, self.names.live(&self.app, &person, &ended)).await;
        Ok(Mover {
            told: told?,
            person,
            to,
        })
    }

    /// What was acknowledged to him.
    async fn records_and_moves(&self, person: &Person, to: &HomeId, withdraws: bool) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for workout in 0..WORKOUTS {
            told.push(self.upload(person, workout).await?);
        }
        self.until_answered(|| self.app.relocate(person, to)).await?;
        self.begun.send_replace(Some((person.home.clone(), to.clone())));
        if withdraws {
            // It may be too late.
            let _ = self.app.withdraw_relocation(person).await;
        }
        // He goes on all the time, until it has ended.
        let clock = Clock::system();
        let begun = clock.monotonic();
        for workout in WORKOUTS.. {
            told.push(self.upload(person, workout).await?);
            let now = self.until_answered(|| self.app.relocation(person)).await?;
            if now.phase == "at-home" || clock.monotonic() - begun > ENDS_WITHIN {
                break;
            }
            clock.sleep(PAUSE).await;
        }
        for workout in 0..WORKOUTS {
            told.push(self.upload(person, 1_000 + workout).await?);
        }
        Ok(told)
    }

    async fn register(&self, name: &str, country: &str) -> Result<Person> {
        let key = random::uuid_v7();
        let send = || async {
            let newcomer = Newcomer {
                name: name.to_owned(),
                country: country.parse().expect("a country"),
                email: format!("{name}@example.org"),
            };
            self.app.register_under(newcomer, key).await
        };
        self.until_answered(send).await
    }

    async fn upload(&self, person: &Person, number: u64) -> Result<String> {
        let (bytes, key) = (Bytes::from(track::gpx(&person.name, number)), random::uuid_v7());
        let sent = || async {
            let answer = self.app.send_file(person, bytes.clone(), key).await?;
            answer.read::<Activity>()
        };
        Ok(self.until_answered(sent).await?.id.to_string())
    }

    pub(super) async fn until_answered<T, E: std::fmt::Display, Fut: Future<Output = Result<T, E>>>(
        &self,
        send: impl Fn() -> Fut,
    ) -> Result<T> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let why = match tokio::time::timeout(ANSWER_WITHIN, send()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            if clock.monotonic() - begun > ENDS_WITHIN {
                anyhow::bail!("{why}");
            }
            clock.sleep(AGAIN_AFTER).await;
        }
    }
}
