//! Clients that write names, and what they remember: when each write was asked for and acknowledged, and what failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaos::checkers::linearizable::{Action, Operation};
use chaos::history::Outcome;
use cli_world::app::{App, Person};
use futures::future::join_all;
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::random;

/// Before a write that failed is sent again under its key.
const AGAIN_AFTER: Duration = Duration::from_millis(5);
/// Writes that are remembered at most; the writers end there.
const WRITES_MAX: usize = 4_000_000;
/// Clients without a rate begin so far apart at most.
const BEGIN_WITHIN: Duration = Duration::from_millis(20);
/// How long a session goes on with one token; well within its life.
const TOKEN_KEPT: Duration = Duration::from_secs(300);
/// Failures that are kept with their text.
const SAMPLES_MAX: usize = 5;

/// One acknowledged write, by the clock of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    pub asked: Duration,
    pub acked: Duration,
}

#[derive(Default)]
struct Inner {
    acked: Vec<Acked>,
    operations: Vec<Operation>,
    failed: usize,
    samples: Vec<String>,
}

/// Shared by all writers of a measurement.
pub struct Writers {
    clock: Clock,
    stopped: AtomicBool,
    inner: Mutex<Inner>,
    /// By name: who they are with the newest tokens, and since when they have these.
    sessions: Mutex<HashMap<String, (Arc<Person>, Duration)>>,
}

impl Writers {
    pub fn new() -> Self {
        Self {
            clock: Clock::system(),
            stopped: AtomicBool::new(false),
            inner: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    fn session(&self, person: &Person) -> (Arc<Person>, Duration) {
        let mut sessions = self.sessions.lock();
        let known = sessions.get(&person.name).cloned();
        known.unwrap_or_else(|| {
            let new = (Arc::new(person.clone()), self.now());
            sessions.insert(person.name.clone(), new.clone());
            new
        })
    }

    /// One client of each person sees to it that nobody's token expires. One that cannot now tries again with its next write.
    async fn refresh(&self, app: &App, person: &Person) {
        let (current, since) = self.session(person);
        if self.now() < since + TOKEN_KEPT {
            return;
        }
        if let Ok(tokens) = app.refresh(&current).await {
            let mut newer = Person::clone(&current);
            newer.take(tokens);
            let newer = (Arc::new(newer), self.now());
            self.sessions.lock().insert(person.name.clone(), newer);
        }
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// After a stop.
    pub fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// So many clients for each person, each asking as soon as it has its answer.
    pub async fn write(&self, app: &App, people: &[Person], clients: u64) {
        let each = people
            .iter()
            .flat_map(|person| (0..clients).map(move |client| (person, client)));
        join_all(each.map(|(person, client)| self.writer(app, person, client, None))).await;
    }

    /// At a fixed rate, each write at its own time, whether those before it have been answered or not: the times are
    /// from when it was due.
    pub async fn write_at(&self, app: &App, people: &[Person], clients: u64, per_second: f64) {
        let count = people.len() as u64 * clients;
        let between = Duration::from_secs_f64(count as f64 / per_second);
        let each = people
            .iter()
            .flat_map(|person| (0..clients).map(move |client| (person, client)));
        join_all(each.map(|(person, client)| self.writer(app, person, client, Some(between)))).await;
    }

    async fn writer(&self, app: &App, person: &Person, client: u64, between: Option<Duration>) {
        // Spread over a whole round, so that clients with a rate do not all come at once.
        let spread = between.unwrap_or(BEGIN_WITHIN).as_micros();
        let begun = self.now()
            + Duration::from_micros(random::below(u64::try_from(spread).unwrap_or(u64::MAX).max(1)));
        for number in 0_u32.. {
            if self.stopped.load(Ordering::Relaxed) || self.inner.lock().acked.len() >= WRITES_MAX {
                return;
            }
            let due = between.map(|between| begun + between * number);
            if let Some(due) = due {
                self.clock.sleep(due.saturating_sub(self.now())).await;
            }
            if client == 0 {
                self.refresh(app, person).await;
            }
            self.one(app, person, client, number, due).await;
        }
    }

    async fn one(&self, app: &App, person: &Person, client: u64, number: u32, due: Option<Duration>) {
        let (name, key) = (
            format!("{client}-{number}-{:x}", random::below(1 << 32)),
            random::uuid_v7(),
        );
        let asked = due.unwrap_or_else(|| self.now());
        let mut is_done = false;
        while !is_done {
            let (session, _) = self.session(person);
            match app.rename_under(&session, &name, key).await {
                Ok(_) => is_done = true,
                Err(failure) => {
                    let mut inner = self.inner.lock();
                    inner.failed += 1;
                    if inner.samples.len() < SAMPLES_MAX {
                        inner.samples.push(failure.to_string());
                    }
                    if self.stopped.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            if !is_done {
                self.clock.sleep(AGAIN_AFTER).await;
            }
        }
        let acked = self.now();
        let mut inner = self.inner.lock();
        if is_done {
            inner.acked.push(Acked { asked, acked });
        }
        inner.operations.push(Operation {
            client,
            key: person.name.clone(),
            invoked: micros(asked),
            completed: micros(acked),
            action: Action::Write(name),
            outcome: if is_done { Outcome::Done } else { Outcome::Unknown },
        });
    }

    /// What each person is called now, as reads of the history.
    pub async fn read_back(&self, app: &App, people: &[Person]) {
        for person in people {
            let asked = self.now();
            let (session, _) = self.session(person);
            let read = app.profile(&session).await;
            let mut inner = self.inner.lock();
            match read {
                Ok(profile) => inner.operations.push(Operation {
                    client: u64::MAX,
                    key: person.name.clone(),
                    invoked: micros(asked),
                    completed: micros(self.now()),
                    action: Action::Read(profile.display_name),
                    outcome: Outcome::Done,
                }),
                Err(failure) => inner.samples.push(failure.to_string()),
            }
        }
    }

    pub fn acked(&self) -> Vec<Acked> {
        self.inner.lock().acked.clone()
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.inner.lock().operations.clone()
    }

    /// Requests that failed, and the first of them in words.
    pub fn failed(&self) -> (usize, Vec<String>) {
        let inner = self.inner.lock();
        (inner.failed, inner.samples.clone())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The longest time without an acknowledgement between two times.
pub fn pause(acked: &[Acked], from: Duration, to: Duration) -> Duration {
    let (begun, ended) = longest_pause(acked, from, to);
    ended - begun
}

/// Begin and end of the longest time without an acknowledgement between two times.
pub fn longest_pause(acked: &[Acked], from: Duration, to: Duration) -> (Duration, Duration) {
    let mut times: Vec<Duration> = acked
        .iter()
        .map(|one| one.acked)
        .filter(|at| *at >= from && *at <= to)
        .collect();
    times.push(from);
    times.push(to);
    times.sort();
    times
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .max_by_key(|(begun, ended)| *ended - *begun)
        .unwrap_or((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_the_longest_time_without_an_acknowledgement() {
        let ms = Duration::from_millis;
        let acked: Vec<Acked> = [1, 2, 3, 30, 31, 90]
            .iter()
            .map(|at| Acked {
                asked: ms(0),
                acked: ms(*at),
            })
            .collect();
        assert_eq!(pause(&acked, ms(0), ms(40)), ms(27));
        assert_eq!(
            pause(&acked, ms(32), ms(60)),
            ms(28),
            "also when none comes at all"
        );
    }
}
