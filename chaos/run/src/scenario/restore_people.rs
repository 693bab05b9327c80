//! People who write rides before, while and after their home is lost; some are erased in between.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use cli_world::app::{App, Failure, Newcomer, Person, track};
use futures::future::join_all;
use parking_lot::Mutex;
use platform_model::UserId;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use uuid::Uuid;

const PEOPLE: usize = 8;
/// The first of them are erased.
const ERASED: usize = 2;
/// Between two rides of one person.
const PAUSE: Duration = Duration::from_millis(150);
/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// For an answer that says something, after the restore.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// When a ride was sent.
const BEFORE: u8 = 0;
const MEANWHILE: u8 = 1;
const AFTER: u8 = 2;

pub struct People {
    app: App,
    people: Vec<Person>,
    stopped: AtomicBool,
    stage: AtomicU8,
    rides: Mutex<Vec<Ride>>,
    asked: AtomicU64,
    unanswered: AtomicU64,
}

/// One that was acknowledged.
struct Ride {
    of: usize,
    id: Uuid,
    bytes: Bytes,
    /// The stage that it was when the answer came.
    stage: u8,
}

#[derive(Debug, Default)]
pub struct Judgement {
    pub before: usize,
    pub meanwhile: usize,
    pub after: usize,
    /// Those of all that must be there.
    pub looked_for: usize,
    /// Acknowledged before the backups were begun, or after the restore, and not there.
    pub lost: Vec<String>,
    /// Of people who were erased.
    pub came_back: Vec<String>,
}

impl People {
    /// Everyone registers and has a ride at least.
    pub async fn come_in(app: &App, home: &str) -> Result<Self> {
        let mut people = Vec::with_capacity(PEOPLE);
        for number in 0..PEOPLE {
            let newcomer = Newcomer {
                name: format!("restored {number}"),
                country: "DE".parse()?,
                email: format!("restored-{number}@example.org"),
            };
            let person = app.register(newcomer).await?;
            ensure!(
                person.home.to_string() == home,
                "{number} lives in {}",
                person.home
            );
            people.push(person);
        }
        Ok(Self {
            app: app.clone(),
            people,
            stopped: AtomicBool::new(false),
            stage: AtomicU8::new(BEFORE),
            rides: Mutex::default(),
            asked: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        })
    }

    /// What is acknowledged from here on may be in no backup.
    pub fn backups_begin(&self) {
        self.stage.store(MEANWHILE, Ordering::SeqCst);
    }

    pub fn restored(&self) {
        self.stage.store(AFTER, Ordering::SeqCst);
    }

    /// Rides that were sent so far, whatever came of them.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Those that were not taken.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub fn to_be_erased(&self) -> impl Iterator<Item = UserId> {
        self.erased().map(|person| person.user)
    }

    pub fn erased(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().take(ERASED)
    }

    /// Ride after ride, until it is stopped.
    pub async fn write(&self) {
        join_all((0..PEOPLE).map(|of| self.write_of(of))).await;
    }

    async fn write_of(&self, of: usize) {
        let (clock, person) = (Clock::system(), &self.people[of]);
        for number in 0_u64.. {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let bytes = Bytes::from(track::gpx(&person.name, number));
            let sent = self.stage.load(Ordering::SeqCst);
            let upload = self.app.upload(person, bytes.clone(), random::uuid_v7());
            let answer = tokio::time::timeout(ANSWER_WITHIN, upload).await;
            self.asked.fetch_add(1, Ordering::Relaxed);
            if !matches!(answer, Ok(Ok(_))) {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            if let Ok(Ok((_, activity))) = answer {
                let (id, stage) = (activity.id, self.stage.load(Ordering::SeqCst));
                // One that was under way as a stage began belongs to neither.
                if stage == sent {
                    self.rides.lock().push(Ride { of, id, bytes, stage });
                }
            }
            clock.sleep(PAUSE).await;
        }
    }

    pub async fn judge(&self) -> Judgement {
        let mut judgement = self.judge_kept(ERASED).await;
        for person in self.people.iter().take(ERASED) {
            if let Err(why) = self.is_gone(person).await {
                judgement.came_back.push(format!("{}: {why}", person.name));
            }
        }
        judgement
    }

    /// What was acknowledged to all but the first of them is there.
    pub async fn judge_kept(&self, but: usize) -> Judgement {
        let rides = std::mem::take(&mut *self.rides.lock());
        let count = |stage| rides.iter().filter(|ride| ride.stage == stage).count();
        let mut judgement = Judgement {
            before: count(BEFORE),
            meanwhile: count(MEANWHILE),
            after: count(AFTER),
            ..Judgement::default()
        };
        let must = |ride: &&Ride| ride.of >= but && ride.stage != MEANWHILE;
        judgement.looked_for = rides.iter().filter(must).count();
        for ride in rides.iter().filter(must) {
            let (person, id) = (&self.people[ride.of], ride.id);
            let whose = format!("{}: {id}, stage {}", person.name, ride.stage);
            match answered(async || self.app.original(person, id).await).await {
                Ok(bytes) if bytes == ride.bytes => {}
                Ok(_) => judgement.lost.push(format!("{whose}: it is another")),
                Err(why) => judgement.lost.push(format!("{whose}: {why}")),
            }
        }
        judgement
    }

    /// Nothing is shown of him, nobody gets in as he, and his address is anybody's. What gives no answer is not gone.
    async fn is_gone(&self, person: &Person) -> Result<()> {
        refused(
            "the profile",
            answered(async || self.app.profile(person).await).await,
        )?;
        refused(
            "the session",
            answered(async || self.app.refresh(person).await).await,
        )?;
        let place = answered(async || self.app.locate(&person.email).await).await;
        if let Ok(place) = place {
            refused(
                "the log-in",
                answered(async || self.app.log_in(&place, person).await).await,
            )?;
        }
        let again = answered(async || {
            let newcomer = Newcomer {
                name: "another".to_owned(),
                country: person.country,
                email: person.email.clone(),
            };
            self.app.register(newcomer).await
        });
        let another = again
            .await
            .map_err(|why| anyhow!("the address is not free: {why}"))?;
        ensure!(another.user != person.user, "he registers anew under his old id");
        Ok(())
    }
}

/// It was refused as what is not there, by a code.
fn refused<T>(what: &str, answer: Result<T, Failure>) -> Result<()> {
    match answer {
        Ok(_) => Err(anyhow!("{what} is answered")),
        Err(Failure::Refused {
            status: 400..=499, ..
        }) => Ok(()),
        Err(why) => Err(anyhow!("{what}: {why}")),
    }
}

/// Asks until something is said: a shard may just be opening.
async fn answered<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let answer = ask().await;
        let said = match &answer {
            Ok(_) => true,
            Err(Failure::Refused { status, .. }) => (400..500).contains(status) && *status != 429,
            Err(_) => false,
        };
        if said || clock.monotonic() - begun > ANSWERED_WITHIN {
            return answer;
        }
        clock.sleep(AGAIN_AFTER).await;
    }
}
