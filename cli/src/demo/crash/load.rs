//! Uploads under which a cell is killed, and people of other cells who must not notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use tokio::sync::watch;
use uuid::Uuid;

use crate::demo::app::{App, Failure, Person};
use crate::demo::track;

/// Between two requests of a bystander.
const BYSTANDER_PAUSE: Duration = Duration::from_millis(50);
/// Tracks of one round are numbered from a multiple of this.
const NUMBERS_OF_A_ROUND: u64 = 100_000;

/// One file on its way.
#[derive(Clone)]
pub struct Upload {
    pub person: Person,
    pub bytes: Bytes,
    pub key: Uuid,
    /// Once it is acknowledged.
    pub id: Option<Uuid>,
}

/// The uploads of one round.
pub struct Load {
    next: AtomicU64,
    stopped: AtomicBool,
    acknowledged: watch::Sender<usize>,
    uploads: Mutex<Vec<Upload>>,
}

impl Load {
    pub fn new(round: usize) -> Self {
        let first = u64::try_from(round).unwrap_or(0) * NUMBERS_OF_A_ROUND;
        Self {
            next: AtomicU64::new(first),
            stopped: AtomicBool::new(false),
            acknowledged: watch::Sender::new(0),
            uploads: Mutex::default(),
        }
    }

    /// Uploads one file after the other until the load stops; a file without an answer is kept as such.
    pub async fn uploader(&self, app: &App, person: &Person) {
        while !self.stopped.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = Bytes::from(track::gpx(&person.name, number));
            let key = random::uuid_v7();
            let answer = app.upload(person, bytes.clone(), key).await;
            let id = answer.ok().map(|(_, activity)| activity.id);
            self.uploads.lock().push(Upload {
                person: person.clone(),
                bytes,
                key,
                id,
            });
            match id {
                Some(_) => self.acknowledged.send_modify(|count| *count += 1),
                // The cell is gone, or soon will be: whoever asks again at once only adds noise.
                None => Clock::system().sleep(BYSTANDER_PAUSE).await,
            }
        }
    }

    /// Waits for so many acknowledgements.
    pub async fn reached(&self, wanted: usize) {
        let mut changes = self.acknowledged.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = changes.wait_for(|count| *count >= wanted).await;
    }

    /// Uploaders end after the request that they are in.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Those that were acknowledged, and those without an answer or with a refusal.
    pub fn uploads(&self) -> (Vec<Upload>, Vec<Upload>) {
        self.uploads
            .lock()
            .iter()
            .cloned()
            .partition(|upload| upload.id.is_some())
    }
}

/// Everybody of the other cells, for ever.
pub async fn bystanders(app: &App, people: &[Person]) -> std::convert::Infallible {
    join_all(people.iter().map(|person| bystander(app, person))).await;
    std::future::pending().await
}

async fn bystander(app: &App, person: &Person) {
    for number in 0_u64.. {
        // A failure is counted where the request was made.
        let _ = read_and_write(app, person, number).await;
        Clock::system().sleep(BYSTANDER_PAUSE).await;
    }
}

async fn read_and_write(app: &App, person: &Person, number: u64) -> Result<(), Failure> {
    app.rename(person, &format!("{} {number}", person.name)).await?;
    app.profile(person).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kill_waits_for_acknowledgements() {
        let load = Load::new(1);
        let mut waits = Box::pin(load.reached(2));
        load.acknowledged.send_modify(|count| *count += 1);
        assert!(futures::poll!(&mut waits).is_pending());
        load.acknowledged.send_modify(|count| *count += 1);
        waits.await;
    }

    #[test]
    fn rounds_never_upload_the_same_track() {
        let first = |round| Load::new(round).next.load(Ordering::Relaxed);
        assert!(first(2) - first(1) >= NUMBERS_OF_A_ROUND);
    }
}
