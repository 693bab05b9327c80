//! What people of the scenario `relocate` are called, as registers: somebody is renamed and read all the time while he moves,
//! and one order must explain what was answered, wherever it was answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaos::checkers::linearizable;
use chaos::checkers::linearizable::{Action, Operation};
use chaos::history::Outcome;
use chaos::verdict::Verdict;
use cli_world::app::{App, Person};
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::relocate_people::{AGAIN_AFTER, ANSWER_WITHIN, ENDS_WITHIN};

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(40);
/// More are not made.
const OPERATIONS_MAX: usize = 200_000;
const NOBODY: u64 = u64::MAX;

/// The history of all names, by one clock.
pub struct Names {
    clock: Clock,
    operations: Mutex<Vec<Operation>>,
}

impl Names {
    pub fn new() -> Self {
        Self {
            clock: Clock::system(),
            operations: Mutex::default(),
        }
    }

    /// The name with which somebody came in.
    pub fn begins(&self, person: &Person) {
        self.note(
            NOBODY,
            person,
            0,
            (Action::Write(person.name.clone()), Outcome::Done),
        );
    }

    /// Two who rename somebody and one who reads him, until `ended`; then until the last is answered.
    pub async fn live(&self, app: &App, person: &Person, ended: &AtomicBool) {
        let writers = futures::future::join(
            self.renames(app, person, 0, ended),
            self.renames(app, person, 1, ended),
        );
        futures::future::join(writers, self.reads(app, person, ended)).await;
    }

    async fn renames(&self, app: &App, person: &Person, client: u64, ended: &AtomicBool) {
        for number in 0_u64.. {
            if ended.load(Ordering::Relaxed) || self.operations.lock().len() >= OPERATIONS_MAX {
                return;
            }
            let name = format!("{client}-{number}");
            let (key, invoked) = (random::uuid_v7(), self.tick());
            let begun = self.clock.monotonic();
            let mut outcome = Outcome::Unknown;
            while outcome == Outcome::Unknown && self.clock.monotonic() - begun < ENDS_WITHIN {
                let asked = app.rename_under(person, &name, key);
                match tokio::time::timeout(ANSWER_WITHIN, asked).await {
                    Ok(Ok(_)) => outcome = Outcome::Done,
                    _ => self.clock.sleep(AGAIN_AFTER).await,
                }
            }
            self.note(client, person, invoked, (Action::Write(name), outcome));
            self.clock.sleep(PAUSE).await;
        }
    }

    async fn reads(&self, app: &App, person: &Person, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            self.read(app, person).await;
            self.clock.sleep(PAUSE).await;
        }
    }

    /// What he is called now. False: nobody says so.
    pub async fn read(&self, app: &App, person: &Person) -> bool {
        let invoked = self.tick();
        let asked = tokio::time::timeout(ANSWER_WITHIN, app.profile(person)).await;
        let Ok(Ok(profile)) = asked else {
            return false;
        };
        self.note(
            2,
            person,
            invoked,
            (Action::Read(profile.display_name), Outcome::Done),
        );
        true
    }

    /// How many there are, and whether one order explains them.
    pub fn judge(&self) -> (usize, Verdict) {
        let operations = self.operations.lock().clone();
        let verdict = tokio::task::block_in_place(|| linearizable(&operations));
        (operations.len(), verdict)
    }

    fn tick(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&self, client: u64, person: &Person, invoked: u64, (action, outcome): (Action, Outcome)) {
        let completed = self.tick();
        self.operations.lock().push(Operation {
            client,
            key: person.user.to_string(),
            invoked,
            completed,
            action,
            outcome,
        });
    }
}
