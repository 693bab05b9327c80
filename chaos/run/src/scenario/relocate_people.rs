//! The people of the scenario `relocate`: each comes in, records workouts all the time, asks to live in the other home of his
//! jurisdiction, sometimes thinks better of it, and goes on. Some are watched by `relocate_watchers` all the time. What
//! becomes of them is judged in `relocate_judge`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
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
use super::relocate_seen::Watch;
use super::relocate_watchers::Watchers;

/// Two homes of one jurisdiction, in two cells: under the example law nobody relocates abroad.
const COUNTRIES: [&str; 2] = ["DE", "FR"];
pub const HOMES: [&str; 2] = ["eu/eu-central", "eu/eu-west"];
/// People who are there at once, one after the other in each lane.
const LANES: u64 = 3;
/// Workouts before he asks, and after he has moved.
const WORKOUTS: u64 = 3;
/// Until whoever looks on sees one of his: more than so many are not recorded for that, counted from here.
const FIRST_SEEN_MAX: u64 = 20;
const FIRST_SEEN_FROM: u64 = 2_000;
/// One who is watched records no more than so many before he has moved.
const WATCHED_MAX: usize = 80;
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
    /// Workouts that were acknowledged, in their order.
    pub told: Vec<String>,
    /// None: nobody looks on.
    pub watch: Option<Watch>,
}

/// From one home to the other.
type Move = (HomeId, HomeId);

pub struct People {
    pub(super) app: App,
    pub(super) names: Names,
    pub(super) watchers: Watchers,
    /// Who has asked to move last.
    begun: watch::Sender<Option<Move>>,
    seed: u64,
    all: Mutex<Vec<Mover>>,
    stopped: AtomicBool,
    unsettled: AtomicUsize,
}

impl People {
    /// Whoever looks on comes in; the others do in [`Self::live`].
    ///
    /// # Errors
    /// When somebody of them does not come to live where he should.
    pub async fn come_in(app: &App, seed: u64, plant: Option<&str>) -> Result<Self> {
        Ok(Self {
            app: app.clone(),
            names: Names::new(),
            watchers: Watchers::come_in(app, plant).await?,
            begun: watch::Sender::new(None),
            seed,
            all: Mutex::default(),
            stopped: AtomicBool::new(false),
            unsettled: AtomicUsize::new(0),
        })
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
        let person = register(&self.app, &format!("mover-{lane}-{number}"), country).await?;
        let old = person.home.to_string();
        let to = HOMES.into_iter().find(|home| *home != old).context("a home")?;
        self.names.begins(&person);
        let mut mover = Mover {
            person: person.clone(),
            to: to.parse()?,
            told: Vec::new(),
            watch: self.watchers.take_on(&person),
        };
        let ended = AtomicBool::new(false);
        let lives = async {
            let lived = self.records_and_moves(&mut mover, withdraws).await;
            ended.store(true, Ordering::Relaxed);
            lived
        };
        let (lived, ()) = futures::future::join(lives, self.names.live(&self.app, &person, &ended)).await;
        self.watchers.has_lived(&mover, lived.is_err());
        lived.map(|()| mover)
    }

    async fn records_and_moves(&self, mover: &mut Mover, withdraws: bool) -> Result<()> {
        let (person, to) = (&mover.person.clone(), &mover.to.clone());
        self.comes_to_be_seen(mover).await?;
        for workout in 0..WORKOUTS {
            self.tells(mover, workout).await?;
        }
        until_answered(|| self.app.relocate(person, to)).await?;
        self.begun.send_replace(Some((person.home.clone(), to.clone())));
        if withdraws {
            // It may be too late.
            let _ = self.app.withdraw_relocation(person).await;
        }
        // He goes on all the time, until it has ended.
        let clock = Clock::system();
        let begun = clock.monotonic();
        for workout in WORKOUTS.. {
            if mover.watch.is_none() || mover.told.len() < WATCHED_MAX {
                self.tells(mover, workout).await?;
            }
            let now = until_answered(|| self.app.relocation(person)).await?;
            if now.phase == "at-home" || clock.monotonic() - begun > ENDS_WITHIN {
                break;
            }
            clock.sleep(PAUSE).await;
        }
        for workout in 0..WORKOUTS {
            self.tells(mover, 1_000 + workout).await?;
        }
        Ok(())
    }

    /// If he is watched. To whom a person's workouts are shown is told to his own root by an event: what he records
    /// before one of them is seen may not be shown, whatever comes after it must be.
    async fn comes_to_be_seen(&self, mover: &mut Mover) -> Result<()> {
        let Some(Watch { by, .. }) = mover.watch else {
            return Ok(());
        };
        self.watchers.admit(by, &mover.person).await?;
        let clock = Clock::system();
        let begun = clock.monotonic();
        for workout in 0.. {
            if workout < FIRST_SEEN_MAX {
                self.tells(mover, FIRST_SEEN_FROM + workout).await?;
            }
            if self.watchers.soon_sees(by, mover.person.user).await {
                break;
            }
            ensure!(
                clock.monotonic() - begun < ENDS_WITHIN,
                "nobody sees what he shows"
            );
        }
        let unsure = mover.told.len();
        mover.watch = Some(Watch { by, unsure });
        Ok(())
    }

    /// Records a workout.
    async fn tells(&self, mover: &mut Mover, number: u64) -> Result<()> {
        let person = &mover.person;
        let (bytes, key) = (Bytes::from(track::gpx(&person.name, number)), random::uuid_v7());
        let sent = || async {
            let answer = self.app.send_file(person, bytes.clone(), key).await?;
            answer.read::<Activity>()
        };
        let id = until_answered(sent).await?.id;
        mover.told.push(id.to_string());
        Ok(())
    }
}

/// # Errors
/// When he gets no home.
pub(super) async fn register(app: &App, name: &str, country: &str) -> Result<Person> {
    let key = random::uuid_v7();
    let send = || async {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse().expect("a country"),
            email: format!("{name}@example.org"),
        };
        app.register_under(newcomer, key).await
    };
    until_answered(send).await
}

/// The same request until it is answered well.
///
/// # Errors
/// What was in the way last, after [`ENDS_WITHIN`].
pub(super) async fn until_answered<T, E: std::fmt::Display, Fut: Future<Output = Result<T, E>>>(
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

#[cfg(test)]
mod tests {
    use super::super::relocate_watchers::OF_ONE_MAX;
    use super::*;

    #[test]
    fn one_who_is_watched_has_room_for_what_he_records_once_he_has_moved() {
        let afterwards = usize::try_from(WORKOUTS).expect("a few");
        let first = usize::try_from(FIRST_SEEN_MAX + WORKOUTS).expect("some");
        assert!(first < WATCHED_MAX);
        // And the one that got no answer.
        assert!(WATCHED_MAX + afterwards < OF_ONE_MAX);
    }
}
