//! What the clients of one round remember: operations on names as a history, files, titles, failures by person, and when each
//! client last had an answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chaos::checkers::linearizable::{Action, Operation};
use chaos::history::Outcome;
use parking_lot::Mutex;
use platform_model::EpochPosition;
use platform_runtime::clock::Clock;
use uuid::Uuid;

use super::edits::Edits;

/// Operations that one round remembers at most; more are not made.
const OPERATIONS_MAX: usize = 200_000;
/// Failures that are kept with their text, of each round.
const SAMPLES_MAX: usize = 5;

/// A file on its way, or come in.
#[derive(Debug, Clone)]
pub struct Sent {
    pub person: usize,
    pub bytes: Bytes,
    pub outcome: Outcome,
    /// Once it is acknowledged.
    pub id: Option<Uuid>,
    /// The number of its track: a name that the client gave it.
    pub number: u64,
}

#[derive(Debug, Default)]
struct Inner {
    operations: Vec<Operation>,
    sent: Vec<Sent>,
    /// Of each person.
    edits: Vec<Edits>,
    /// Failed requests of each person.
    failures: Vec<usize>,
    samples: Vec<String>,
    /// When each client (person, kind) last had an answer.
    answered_at: Vec<[Duration; KINDS]>,
    /// The pair of each name that was written, where its answer named it.
    pairs: BTreeMap<String, EpochPosition>,
    /// The version of the profile that each name made, where somebody was told.
    versions: BTreeMap<String, u64>,
    /// The newest pair that each person's writers were told.
    newest: Vec<Option<EpochPosition>>,
    requests: usize,
    unsettled: usize,
    /// The longest time between two answers to writes of each person.
    silence: Vec<Duration>,
}

/// Kinds of clients that a person has.
const KINDS: usize = 4;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Write,
    Read,
    Send,
    Edit,
}

/// Shared by all clients of a round.
pub struct Record {
    clock: Clock,
    stopped: AtomicBool,
    inner: Mutex<Inner>,
}

impl Record {
    pub fn new(people: usize) -> Self {
        let clock = Clock::system();
        let now = clock.monotonic();
        Self {
            stopped: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                failures: vec![0; people],
                edits: vec![Edits::default(); people],
                newest: vec![None; people],
                silence: vec![Duration::ZERO; people],
                answered_at: vec![[now; KINDS]; people],
                ..Inner::default()
            }),
            clock,
        }
    }

    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Microseconds: the clock of histories.
    pub fn tick(&self) -> u64 {
        u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX)
    }

    /// Clients begin nothing new.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.inner.lock().operations.len() >= OPERATIONS_MAX
    }

    pub fn answered(&self, person: usize, kind: Kind) {
        let now = self.now();
        let mut inner = self.inner.lock();
        inner.requests += 1;
        let before = std::mem::replace(&mut inner.answered_at[person][kind as usize], now);
        if kind == Kind::Write {
            inner.silence[person] = inner.silence[person].max(now.saturating_sub(before));
        }
    }

    pub fn failed(&self, person: usize, why: String) {
        let mut inner = self.inner.lock();
        inner.requests += 1;
        inner.failures[person] += 1;
        if inner.samples.len() < SAMPLES_MAX {
            inner.samples.push(why);
        }
    }

    /// A pair that an answer named. `of`: the name that was written with it; none where an answer is repeated.
    pub fn written(&self, person: usize, of: Option<&str>, pair: EpochPosition) {
        let mut inner = self.inner.lock();
        if let Some(name) = of {
            inner.pairs.insert(name.to_owned(), pair);
        }
        let newest = inner.newest[person].max(Some(pair));
        inner.newest[person] = newest;
    }

    /// A profile that an answer showed: this name made this version of it.
    pub fn version(&self, name: &str, version: u64) {
        self.inner.lock().versions.insert(name.to_owned(), version);
    }

    pub fn newest(&self, person: usize) -> Option<EpochPosition> {
        self.inner.lock().newest[person]
    }

    pub fn unsettled(&self) {
        self.inner.lock().unsettled += 1;
    }

    pub fn operation(&self, (client, person): (u64, &str), invoked: u64, action: Action, outcome: Outcome) {
        let completed = self.tick();
        self.inner.lock().operations.push(Operation {
            client,
            key: person.to_owned(),
            invoked,
            completed,
            action,
            outcome,
        });
    }

    pub fn sent(&self, sent: Sent) {
        self.inner.lock().sent.push(sent);
    }

    pub fn edits<T>(&self, person: usize, f: impl FnOnce(&mut Edits) -> T) -> T {
        f(&mut self.inner.lock().edits[person])
    }

    /// Whether every client of every person had an answer after this time.
    pub fn all_answered_since(&self, time: Duration) -> bool {
        let inner = self.inner.lock();
        inner.answered_at.iter().flatten().all(|at| *at > time)
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.inner.lock().operations.clone()
    }

    pub fn pairs(&self) -> BTreeMap<String, EpochPosition> {
        self.inner.lock().pairs.clone()
    }

    pub fn versions(&self) -> BTreeMap<String, u64> {
        self.inner.lock().versions.clone()
    }

    pub fn files(&self) -> Vec<Sent> {
        self.inner.lock().sent.clone()
    }

    pub fn failures_of(&self, person: usize) -> usize {
        self.inner.lock().failures[person]
    }

    pub fn samples(&self) -> Vec<String> {
        self.inner.lock().samples.clone()
    }

    /// Writes that were acknowledged: names, files and titles.
    pub fn written_count(&self) -> usize {
        let inner = self.inner.lock();
        let is_written =
            |one: &&Operation| matches!(one.action, Action::Write(_)) && matches!(one.outcome, Outcome::Done);
        let names = inner.operations.iter().filter(is_written).count();
        let files = inner.sent.iter().filter(|sent| sent.id.is_some()).count();
        names + files + inner.edits.iter().map(Edits::acknowledged).sum::<usize>()
    }

    /// Requests, and those without an end.
    pub fn totals(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.requests, inner.unsettled)
    }

    /// The longest time that somebody's writes were not answered.
    pub fn silence_of(&self, person: usize) -> Duration {
        self.inner.lock().silence[person]
    }
}
