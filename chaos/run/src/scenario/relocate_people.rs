//! The people of the scenario `relocate`: each comes in, records workouts all the time, asks to live in the other home of his
//! jurisdiction, sometimes thinks better of it, and goes on.

use std::collections::BTreeSet;
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

/// Two homes of one jurisdiction, in two cells: under the example law nobody relocates abroad.
const COUNTRIES: [&str; 2] = ["DE", "FR"];
const HOMES: [&str; 2] = ["eu/eu-central", "eu/eu-west"];
/// People who are there at once, one after the other in each lane.
const LANES: u64 = 3;
/// Workouts before he asks, and after he has moved.
const WORKOUTS: u64 = 3;
/// Between two workouts.
const PAUSE: Duration = Duration::from_millis(80);
/// One of so many thinks better of it.
const WITHDRAWS_ONE_IN: u64 = 4;
/// Before something is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(150);
/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Until whoever asked has moved, or stays.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Somebody, and what he was told.
pub struct Mover {
    pub person: Person,
    pub to: HomeId,
    /// Workouts that were acknowledged.
    pub told: Vec<String>,
}

/// What became of everybody.
#[derive(Default)]
pub struct Judgement {
    pub moved: usize,
    pub stayed: usize,
    /// A workout that was acknowledged is not there, or one is there twice.
    pub lost: Vec<String>,
    /// He is found in another home than the one that serves him.
    pub two_homes: Vec<String>,
    /// His relocation has no end, or he is not served.
    pub stuck: Vec<String>,
}

pub struct People {
    app: App,
    seed: u64,
    all: Mutex<Vec<Mover>>,
    stopped: AtomicBool,
    unsettled: AtomicUsize,
}

impl People {
    pub fn new(app: &App, seed: u64) -> Self {
        Self {
            app: app.clone(),
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
        let mut told = Vec::new();
        for workout in 0..WORKOUTS {
            told.push(self.upload(&person, workout).await?);
        }
        let asked = || self.app.relocate(&person, &to);
        self.until_answered(asked).await?;
        if withdraws {
            // It may be too late.
            let _ = self.app.withdraw_relocation(&person).await;
        }
        // He goes on all the time, until it has ended.
        let clock = Clock::system();
        let begun = clock.monotonic();
        for workout in WORKOUTS.. {
            told.push(self.upload(&person, workout).await?);
            let now = self.until_answered(|| self.app.relocation(&person)).await?;
            if now.phase == "at-home" || clock.monotonic() - begun > ENDS_WITHIN {
                break;
            }
            clock.sleep(PAUSE).await;
        }
        for workout in 0..WORKOUTS {
            told.push(self.upload(&person, 1_000 + workout).await?);
        }
        Ok(Mover { person, to, told })
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

    async fn until_answered<T, E: std::fmt::Display, Fut: Future<Output = Result<T, E>>>(
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

    /// Everybody has one home, which has all that he was told to be recorded, and nothing twice.
    pub async fn judge(&self) -> Judgement {
        let mut judgement = Judgement::default();
        let all = std::mem::take(&mut *self.all.lock());
        for mover in &all {
            if let Err(why) = self.judge_one(mover, &mut judgement).await {
                judgement.stuck.push(format!("{}: {why:#}", mover.person.name));
            }
        }
        *self.all.lock() = all;
        judgement
    }

    async fn judge_one(&self, mover: &Mover, judgement: &mut Judgement) -> Result<()> {
        let person = &mover.person;
        self.until_settled(person).await?;
        let there = self.until_answered(|| self.app.all_ids(person)).await?;
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        let once: BTreeSet<&String> = there.iter().collect();
        if once.len() != there.len() {
            judgement
                .lost
                .push(format!("{}: one is there twice", person.name));
        }
        let missing = mover.told.iter().filter(|told| !once.contains(told));
        let missing = missing.count();
        if missing > 0 {
            judgement.lost.push(format!(
                "{}: {missing} of {} are lost",
                person.name,
                mover.told.len()
            ));
        }
        let tokens = self.until_answered(|| self.app.refresh(person)).await?;
        let place = self.until_answered(|| self.app.locate(&person.email)).await?;
        let back = self.until_answered(|| self.app.log_in(&place, person)).await?;
        if tokens.home != place.home || back.home != place.home || back.user != person.user {
            let (by_token, found) = (&tokens.home, &place.home);
            judgement
                .two_homes
                .push(format!("{}: served in {by_token}, found in {found}", person.name));
        }
        if place.home == mover.to {
            judgement.moved += 1;
        } else {
            judgement.stayed += 1;
        }
        Ok(())
    }

    async fn until_settled(&self, person: &Person) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let now = self.until_answered(|| self.app.relocation(person)).await?;
            if now.phase == "at-home" {
                return Ok(());
            }
            anyhow::ensure!(clock.monotonic() - begun < ENDS_WITHIN, "it is `{}`", now.phase);
            clock.sleep(AGAIN_AFTER).await;
        }
    }
}
