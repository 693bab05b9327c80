//! The people of the scenario `events`: authors who show workouts, and followers in every home who are shown them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use chaos::checkers::events::Told;
use chaos::verdict::Verdict;
use cli_world::app::{Activity, App, Newcomer, Person, track};
use futures::future::join_all;
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::shown::{self, ARRIVES_WITHIN};

/// Where authors and followers live: one of each in every country.
const COUNTRIES: [&str; 3] = ["DE", "FR", "US"];
/// Between two workouts of one author, at least.
const PAUSE: Duration = Duration::from_millis(120);
/// Workouts of one author: a follower keeps a thousand, and all of them must be there in the end.
const TOLD_MAX: u32 = 300;
/// Before something is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(150);
/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Everyone, and what they told.
pub struct People {
    app: App,
    authors: Vec<Person>,
    followers: Vec<Person>,
    /// Of each author, the workouts that were acknowledged, in their order.
    told: Vec<Mutex<Vec<String>>>,
    stopped: AtomicBool,
    failed: AtomicUsize,
    /// Between two workouts of one author, so that they last for the whole run.
    pause: Duration,
}

impl People {
    /// # Errors
    /// When somebody gets no home.
    pub async fn come_in(app: &App, lasts: Duration) -> Result<Self> {
        let (mut authors, mut followers) = (Vec::new(), Vec::new());
        for country in COUNTRIES {
            authors.push(register(app, &format!("author-{country}"), country).await?);
            followers.push(register(app, &format!("follower-{country}"), country).await?);
        }
        let people = Self {
            app: app.clone(),
            told: authors.iter().map(|_| Mutex::default()).collect(),
            authors,
            followers,
            stopped: AtomicBool::new(false),
            failed: AtomicUsize::new(0),
            pause: PAUSE.max(lasts / TOLD_MAX),
        };
        for author in &people.authors {
            for follower in &people.followers {
                let (key, home) = (random::uuid_v7(), follower.home.to_string());
                let admit = || app.admit_follower(author, (follower.user, &home), key);
                people.until_answered(ANSWER_WITHIN * 10, admit).await?;
            }
        }
        Ok(people)
    }

    /// Every author tells one workout after the other until [`Self::stop`]; each is sent until it is acknowledged.
    pub async fn tell(&self) {
        join_all((0..self.authors.len()).map(|author| self.tells(author))).await;
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    async fn tells(&self, author: usize) {
        let clock = Clock::system();
        for number in 0..u64::from(TOLD_MAX) {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let person = &self.authors[author];
            let (bytes, key) = (Bytes::from(track::gpx(&person.name, number)), random::uuid_v7());
            let sent = || async {
                let answer = self.app.send_file(person, bytes.clone(), key).await?;
                answer.read::<Activity>()
            };
            match self.until_answered(ARRIVES_WITHIN, sent).await {
                Ok(activity) => self.told[author].lock().push(activity.id.to_string()),
                // Counted: nothing that comes after it could be judged.
                Err(_) => return,
            }
            clock.sleep(self.pause).await;
        }
    }

    async fn until_answered<T, E: std::fmt::Display, Fut: Future<Output = Result<T, E>>>(
        &self,
        within: Duration,
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
            if clock.monotonic() - begun > within {
                self.failed.fetch_add(1, Ordering::Relaxed);
                anyhow::bail!("{why}");
            }
            clock.sleep(AGAIN_AFTER).await;
        }
    }

    /// Requests that nobody answered however often they were sent.
    pub fn unsettled(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Workouts that were acknowledged.
    pub fn told(&self) -> usize {
        self.told.iter().map(|told| told.lock().len()).sum()
    }

    /// Waits until every follower has seen all that was told, and judges what each saw.
    ///
    /// # Errors
    /// When a follower's list cannot be read at all.
    pub async fn judge(&self) -> Result<Judgement> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        let told = self.all_told();
        let mut judgement = Judgement::default();
        for follower in &self.followers {
            let seen = loop {
                let seen = shown::seen(&self.app, follower).await;
                let late = clock.monotonic() - begun > ARRIVES_WITHIN;
                match seen {
                    Ok(seen) if late || shown::has_all(&told, &seen) => break seen,
                    Err(why) if late => return Err(why).context(follower.name.clone()),
                    _ => clock.sleep(AGAIN_AFTER).await,
                }
            };
            judgement.effects += seen.len();
            judgement.verdicts.push(shown::verdict(&told, &seen, follower));
        }
        judgement.arrived_in = clock.monotonic() - begun;
        Ok(judgement)
    }

    /// Whether what this planted fault leads to is seen by now. Whoever gives no answer sees nothing, and what nobody is
    /// shown by now may still come.
    pub async fn anybody_shows(&self, plant: &str) -> bool {
        for follower in &self.followers {
            let seen = tokio::time::timeout(ANSWER_WITHIN, shown::seen(&self.app, follower)).await;
            let Ok(Ok(seen)) = seen else { continue };
            let came = shown::those_shown(self.all_told(), &seen);
            let by_now = Judgement {
                verdicts: vec![shown::verdict(&came, &seen, follower)],
                ..Judgement::default()
            };
            if leads_to(plant).is_some() && by_now.shows(plant) {
                return true;
            }
        }
        false
    }

    fn all_told(&self) -> Vec<Told> {
        let mut all = Vec::new();
        for (author, told) in self.authors.iter().zip(&self.told) {
            for (number, id) in (0_u64..).zip(told.lock().iter()) {
                all.push(shown::told(&author.name, number, id));
            }
        }
        all
    }
}

/// What followers saw.
#[derive(Default)]
pub struct Judgement {
    pub effects: usize,
    pub verdicts: Vec<Verdict>,
    /// From the end of the load until the last follower had all.
    pub arrived_in: Duration,
}

impl Judgement {
    pub fn wrong(&self) -> usize {
        self.verdicts.iter().map(|verdict| verdict.found).sum()
    }

    /// Whether somebody saw what this planted fault leads to; of one that is not known here, anything wrong.
    pub fn shows(&self, plant: &str) -> bool {
        match leads_to(plant) {
            Some(name) => self.verdicts.iter().any(|verdict| verdict.has(name)),
            None => self.wrong() > 0,
        }
    }
}

/// The anomaly to which a planted fault leads; none: it is not known here.
fn leads_to(plant: &str) -> Option<&'static str> {
    match plant {
        "event-without-mark" => Some("twice"),
        "event-answered-early" => Some("missing"),
        "event-out-of-order" => Some("out-of-order"),
        _ => None,
    }
}

async fn register(app: &App, name: &str, country: &str) -> Result<Person> {
    let (clock, key) = (Clock::system(), random::uuid_v7());
    let mut last = None;
    for _ in 0..20 {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse()?,
            email: format!("{name}@example.org"),
        };
        match app.register_under(newcomer, key).await {
            Ok(person) => return Ok(person),
            Err(failure) => last = Some(failure),
        }
        clock.sleep(AGAIN_AFTER).await;
    }
    Err(last.context("nobody was asked")?).with_context(|| format!("{name} gets no home"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shown::{has_all, verdict};
    use chaos::history::Outcome;
    use cli_world::app::Shared;
    use platform_model::UserId;
    use uuid::Uuid;

    fn person() -> Person {
        Person {
            name: "follower".into(),
            country: "DE".parse().expect("a country"),
            email: String::new(),
            password: String::new(),
            user: UserId::from_uuid(Uuid::from_u128(1)),
            home: "eu/eu-central".parse().expect("a home"),
            host: String::new(),
            access: String::new(),
            refresh: String::new(),
        }
    }

    fn told(number: u64) -> Told {
        Told {
            source: "author".into(),
            destination: String::new(),
            place: (0, number, 0),
            id: Uuid::from_u128(number.into()).to_string(),
            outcome: Outcome::Done,
        }
    }

    fn shared(number: u64, workout: u128) -> Shared {
        Shared {
            number,
            author: UserId::from_uuid(Uuid::from_u128(2)),
            author_home: "us/us-east".into(),
            workout: Uuid::from_u128(workout),
            title: None,
            distance_m: None,
            heart_rate_avg: None,
        }
    }

    #[test]
    fn what_is_shown_twice_late_or_never_is_seen() {
        let all = [told(1), told(2)];
        let found = |seen: &[Shared]| verdict(&all, seen, &person()).found;
        assert_eq!(found(&[shared(1, 1), shared(2, 2)]), 0);
        assert_eq!(found(&[shared(1, 1), shared(2, 2), shared(3, 1)]), 1, "twice");
        assert_eq!(found(&[shared(1, 2), shared(2, 1)]), 1, "out of order");
        assert_eq!(found(&[shared(1, 1)]), 1, "never");
        assert!(!has_all(&all, &[shared(1, 1)]) && has_all(&all, &[shared(1, 2), shared(2, 1)]));
    }

    #[test]
    fn a_planted_fault_is_caught_by_what_it_leads_to_and_by_nothing_else() {
        let all = [told(1), told(2)];
        let judged = |seen: &[Shared]| Judgement {
            verdicts: vec![shown::verdict(&all, seen, &person())],
            ..Judgement::default()
        };
        let twice = [shared(1, 1), shared(2, 2), shared(3, 1)];
        let overtaken = [shared(1, 2), shared(2, 1)];
        let never = [shared(1, 1)];
        let plants = [
            "event-without-mark",
            "event-answered-early",
            "event-out-of-order",
            "another",
        ];
        let shows = |seen: &[Shared]| plants.map(|plant| judged(seen).shows(plant));
        assert_eq!(shows(&twice), [true, false, false, true]);
        assert_eq!(shows(&never), [false, true, false, true]);
        assert_eq!(shows(&overtaken), [false, false, true, true]);
        assert_eq!(shows(&twice[..2]), [false; 4]);
    }

    #[test]
    fn while_some_are_still_on_their_way_those_that_came_are_judged() {
        let all = [told(1), told(2), told(3)];
        let found = |seen: &[Shared]| {
            let came = shown::those_shown(all.to_vec(), seen);
            let verdict = shown::verdict(&came, seen, &person());
            (verdict.found, verdict.has("out-of-order"))
        };
        assert_eq!(found(&[shared(1, 1), shared(2, 3)]), (0, false), "2 may come");
        assert_eq!(found(&[shared(1, 3), shared(2, 1)]), (1, true));
    }
}
