//! People who write and read all the time while something is done to their shards. Of each write it is kept when it was
//! sent, when it was answered and how: so it can be said afterwards what was lost, and for how long nobody could write.
//!
//! Writers repeat nothing by themselves. What was not acknowledged is settled at the end, under the same key.

mod account;
mod pause;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::future::{join, join_all};
use parking_lot::Mutex;
use platform_model::EpochPosition;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use tokio::sync::watch;
use uuid::Uuid;

pub use account::Account;
pub use pause::p50;

use super::Scene;
use super::app::{Activity, App, Failure, Kind, Person, track};
use super::tally::Tally;

/// Between two writes of one writer.
const WRITER_PAUSE: Duration = Duration::from_millis(2);
/// Between two reads of one reader, and after a failure.
const READER_PAUSE: Duration = Duration::from_millis(25);
/// For acknowledgements to come, however slow the machine is.
const ACKS_WITHIN: Duration = Duration::from_secs(60);

/// One file on its way.
#[derive(Debug, Clone)]
pub struct Write {
    /// Which of the traffic's people.
    pub who: usize,
    pub bytes: Bytes,
    pub key: Uuid,
    /// By the clock of the traffic.
    pub sent: Duration,
    pub ended: Duration,
    pub outcome: Result<Ack, String>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
pub struct Ack {
    pub id: Uuid,
    /// Where in the change log it stands.
    pub at: Option<EpochPosition>,
}

/// What goes on beside an act.
pub struct Traffic {
    app: App,
    pub people: Vec<Person>,
    pub tally: Arc<Tally>,
    pub clock: Clock,
    stopped: AtomicBool,
    next: AtomicU64,
    acknowledged: watch::Sender<usize>,
    writes: Mutex<Vec<Write>>,
}

impl Traffic {
    /// Of these people; tracks are numbered from `first`, so that no two acts upload the same. Below 100,000: a track is
    /// an hour after the one before, and no workout is of another century.
    pub fn new(scene: &Scene<'_>, people: Vec<Person>, first: u64) -> Self {
        let tally = Arc::new(Tally::default());
        Self {
            app: scene.app.counted(&tally),
            people,
            tally,
            clock: Clock::system(),
            stopped: AtomicBool::new(false),
            next: AtomicU64::new(first),
            acknowledged: watch::Sender::new(0),
            writes: Mutex::default(),
        }
    }

    /// Everybody goes on, with so many writers and one reader each, until `act` has ended.
    ///
    /// # Errors
    /// What `act` says.
    pub async fn during<T>(&self, writers: usize, act: impl Future<Output = Result<T>>) -> Result<T> {
        let act = async {
            let outcome = act.await;
            self.stopped.store(true, Ordering::Relaxed);
            outcome
        };
        let all = (0..self.people.len()).map(|who| async move {
            let writers = join_all((0..writers).map(|_| self.write(who)));
            join(writers, self.read(who)).await;
        });
        join(act, join_all(all)).await.0
    }

    /// Waits for so many acknowledgements more.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn acknowledged(&self, more: usize) -> Result<()> {
        let mut changes = self.acknowledged.subscribe();
        let wanted = *changes.borrow() + more;
        let reached = changes.wait_for(|count| *count >= wanted);
        let reached = tokio::time::timeout(ACKS_WITHIN, reached).await;
        // The sender lives in `self`, so only the time can be over.
        reached
            .context("too few writes were acknowledged in time")?
            .map(|_| ())?;
        Ok(())
    }

    /// Waits until everybody has an acknowledgement of something that he sent after `since`.
    ///
    /// # Errors
    /// When one of them does not get one in time.
    pub async fn all_served_since(&self, since: Duration) -> Result<Vec<Duration>> {
        loop {
            let first = self.first_after(since);
            if let Some(all) = first.iter().copied().collect::<Option<Vec<Duration>>>() {
                return Ok(all);
            }
            let passed = self.clock.monotonic().saturating_sub(since);
            let without = first
                .iter()
                .zip(&self.people)
                .filter(|(first, _)| first.is_none());
            anyhow::ensure!(
                passed < ACKS_WITHIN,
                "nothing was acknowledged for {} s to {}",
                passed.as_secs(),
                without
                    .map(|(_, person)| person.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            self.clock.sleep(READER_PAUSE).await;
        }
    }

    /// All writes that have ended, by the time of that.
    pub fn writes(&self) -> Vec<Write> {
        let mut writes = self.writes.lock().clone();
        writes.sort_by_key(|write| write.ended);
        writes
    }

    async fn write(&self, who: usize) {
        while !self.stopped.load(Ordering::Relaxed) {
            let person = &self.people[who];
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = Bytes::from(track::gpx(&person.name, number));
            let (key, sent) = (random::uuid_v7(), self.clock.monotonic());
            let answer = self.send(person, &bytes, key).await;
            let ended = self.clock.monotonic();
            let outcome = answer.map_err(|failure| failure.to_string());
            let acknowledged = outcome.is_ok();
            self.writes.lock().push(Write {
                who,
                bytes,
                key,
                sent,
                ended,
                outcome,
            });
            if acknowledged {
                self.acknowledged.send_modify(|count| *count += 1);
                self.clock.sleep(WRITER_PAUSE).await;
            } else {
                self.clock.sleep(READER_PAUSE).await;
            }
        }
    }

    async fn send(&self, person: &Person, bytes: &Bytes, key: Uuid) -> Result<Ack, Failure> {
        let answer = self.app.send_file(person, bytes.clone(), key).await?;
        let activity: Activity = answer.read()?;
        Ok(Ack {
            id: activity.id,
            at: answer.written,
        })
    }

    /// Reads what was acknowledged last: it must be there, whoever serves.
    async fn read(&self, who: usize) {
        while !self.stopped.load(Ordering::Relaxed) {
            self.clock.sleep(READER_PAUSE).await;
            let person = &self.people[who];
            let Some(id) = self.newest(who) else {
                // A failure is counted where the request was made.
                let _ = self.app.profile(person).await;
                continue;
            };
            let read = self.app.activity(person, id).await;
            if let Err(Failure::Refused { code, .. }) = &read
                && code == "not-found"
            {
                self.tally.wrong(
                    Kind::Detail,
                    &format!("{}: {id} is acknowledged and not there", person.name),
                );
            }
        }
    }

    fn newest(&self, who: usize) -> Option<Uuid> {
        let writes = self.writes.lock();
        let mut own = writes.iter().rev().filter(|write| write.who == who);
        own.find_map(|write| write.outcome.as_ref().ok().map(|ack| ack.id))
    }
}
