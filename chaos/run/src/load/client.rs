//! What one client does, over and over: writes somebody's name, reads it, sends files, or changes
//! the title of one.

use std::time::Duration;

use bytes::Bytes;
use chaos::checkers::linearizable::Action;
use chaos::history::Outcome;
use cli_world::app::{App, Failure, Profile, track};
use platform_model::EpochPosition;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use uuid::Uuid;

use super::edits::{number_of, title};
use super::record::Kind;
use super::{ANSWER_WITHIN, PAUSE, Record, Resident, Sent};

/// Before a request is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(150);

/// The number of the file whose title is changed: no other has it.
const EDITED: u64 = 40_000;

#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub app: &'a App,
    pub record: &'a Record,
    pub resident: &'a Resident,
    /// His number in the record.
    pub person: usize,
    pub client: u64,
    pub round: usize,
    pub settle_within: Duration,
}

impl Client<'_> {
    pub async fn writes_names(self) {
        let person = &self.resident.person;
        for number in 0_u64.. {
            if self.record.is_stopped() {
                return;
            }
            let name = format!("{}-{}-{number}", self.round, self.client);
            let (key, invoked) = (random::uuid_v7(), self.record.tick());
            let written = self
                .until_answered(Kind::Write, || self.app.rename_under(person, &name, key))
                .await;
            let outcome = outcome_of(written.is_some());
            if let Some(answer) = written {
                // A repeated answer names where it was read, not where it was written; its profile is the effect's.
                let of = (!answer.replayed).then_some(name.as_str());
                if let Some(pair) = answer.written {
                    self.record.written(self.person, of, pair);
                }
                if let Ok(profile) = answer.read::<Profile>() {
                    self.record.version(&name, profile.version);
                }
            }
            self.remember(invoked, Action::Write(name), outcome);
            pause().await;
        }
    }

    pub async fn reads_names(self) {
        let person = &self.resident.person;
        while !self.record.is_stopped() {
            let invoked = self.record.tick();
            let asked =
                tokio::time::timeout(ANSWER_WITHIN, self.app.profile_since(person, self.seen())).await;
            match asked {
                Ok(Ok(profile)) => {
                    self.record.answered(self.person, Kind::Read);
                    if let Some(name) = &profile.display_name {
                        self.record.version(name, profile.version);
                    }
                    self.remember(invoked, Action::Read(profile.display_name), Outcome::Done);
                }
                Ok(Err(failure)) => self.record.failed(self.person, failure.to_string()),
                Err(_) => self
                    .record
                    .failed(self.person, "read profile: no answer in time".to_owned()),
            }
            pause().await;
        }
    }

    /// What a writer was told last is handed back by every second reader: he must see that or later.
    fn seen(&self) -> Option<EpochPosition> {
        if self.client.is_multiple_of(2) {
            self.record.newest(self.person)
        } else {
            None
        }
    }

    /// Sends the file whose title is changed, and only then the others: no two files of one person are on their way at
    /// once, so that no lost update takes one. Whether updates are lost, names show.
    pub async fn sends_files_and_changes_a_title(self, changes: Self) {
        let edited = changes.sends(Kind::Edit, EDITED).await;
        let changing = async {
            if let Some(id) = edited {
                changes.changes_the_title_of(id).await;
            }
        };
        tokio::join!(self.sends_files(), changing);
    }

    async fn sends_files(self) {
        for number in 0_u64.. {
            if self.record.is_stopped() {
                return;
            }
            self.sends(Kind::Send, number).await;
            pause().await;
        }
    }

    /// Sends one file, and tells under which id it is there.
    async fn sends(&self, kind: Kind, number: u64) -> Option<Uuid> {
        let person = &self.resident.person;
        let (bytes, key) = (Bytes::from(track::gpx(&person.name, number)), random::uuid_v7());
        let upload = || self.app.upload(person, bytes.clone(), key);
        let answer = self.until_answered(kind, upload).await;
        let id = answer.map(|(_, activity)| activity.id);
        self.record.sent(Sent {
            person: self.person,
            outcome: outcome_of(id.is_some()),
            bytes,
            id,
            number,
        });
        id
    }

    /// Changes the title of one file over and over, and looks after each change what is there: a failover may have taken
    /// the newest back.
    async fn changes_the_title_of(self, id: Uuid) {
        let person = &self.resident.person;
        for number in 1_usize.. {
            if self.record.is_stopped() {
                return;
            }
            let (title, key) = (title(number), random::uuid_v7());
            let change = || self.app.retitle_under(person, id, &title, key);
            let changed = self.until_answered(Kind::Edit, change).await;
            self.record
                .edits(self.person, |edits| edits.ended(outcome_of(changed.is_some())));
            // Not while it is unreachable: the next one looks then.
            if let Some(shown) = self.shown(id).await {
                let newest = self.record.edits(self.person, |edits| edits.newest());
                let again = if shown < newest {
                    self.shown(id).await
                } else {
                    Some(shown)
                };
                let again = again.unwrap_or(shown);
                self.record.edits(self.person, |edits| edits.read(shown, again));
            }
            pause().await;
        }
    }

    /// The change whose title a file has.
    async fn shown(&self, id: Uuid) -> Option<usize> {
        let asked = self.app.activity(&self.resident.person, id);
        let asked = tokio::time::timeout(ANSWER_WITHIN, asked).await;
        let activity = asked.ok()?.ok()?;
        Some(number_of(activity.name.as_deref()))
    }

    /// Sends under one key until there is an answer; none when that took too long after the load has stopped.
    async fn until_answered<T, F>(&self, kind: Kind, send: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = Clock::system();
        let mut stopped_at = None;
        loop {
            match tokio::time::timeout(ANSWER_WITHIN, send()).await {
                Ok(Ok(answer)) => {
                    self.record.answered(self.person, kind);
                    return Some(answer);
                }
                Ok(Err(failure)) => self.record.failed(self.person, failure.to_string()),
                Err(_) => self
                    .record
                    .failed(self.person, format!("{kind:?}: no answer in time")),
            }
            if self.record.is_stopped() {
                let since = *stopped_at.get_or_insert_with(|| clock.monotonic());
                if clock.monotonic().saturating_sub(since) > self.settle_within {
                    self.record.unsettled();
                    return None;
                }
            }
            clock.sleep(AGAIN_AFTER).await;
        }
    }

    fn remember(&self, invoked: u64, action: Action, outcome: Outcome) {
        let who = (self.client, self.resident.person.name.as_str());
        self.record.operation(who, invoked, action, outcome);
    }
}

fn outcome_of(is_answered: bool) -> Outcome {
    if is_answered {
        Outcome::Done
    } else {
        Outcome::Unknown
    }
}

async fn pause() {
    let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(0);
    Clock::system()
        .sleep(Duration::from_millis(pause / 2 + random::below(pause)))
        .await;
}
