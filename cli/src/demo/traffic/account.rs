//! What became of every write: acknowledged and there, acknowledged and lost, unanswered and settled.

use std::collections::BTreeSet;

use platform_report::Figure;
use uuid::Uuid;

use super::{Traffic, Write};
use crate::demo::story::{Story, count};

/// The newest acknowledged files of each person that are compared byte by byte; of all others it is asked whether they
/// are there.
const COMPARED: usize = 40;
/// Failures that are told with their text.
const TOLD: usize = 5;

/// The sum of one act.
#[derive(Debug, Default)]
pub struct Account {
    pub acknowledged: usize,
    pub lost: Vec<String>,
    /// How many were lost of each of the traffic's people.
    pub lost_of: Vec<usize>,
    /// Without an answer, or with a refusal.
    pub open: usize,
    pub unsettled: Vec<String>,
}

impl Traffic {
    /// Looks for everything that was acknowledged, and sends what was not again under its key.
    pub async fn account(&self) -> Account {
        let writes = self.writes();
        let mut account = Account::default();
        for who in 0..self.people.len() {
            let own = || writes.iter().filter(move |write| write.who == who);
            for write in own().filter(|write| write.outcome.is_err()) {
                account.open += 1;
                if let Some(why) = self.unsettled(write).await {
                    account.unsettled.push(why);
                }
            }
            let acknowledged: Vec<(&Write, Uuid)> = own()
                .filter_map(|write| Some((write, write.outcome.as_ref().ok()?.id)))
                .collect();
            account.acknowledged += acknowledged.len();
            let lost = self.lost(who, &acknowledged).await;
            account.lost_of.push(lost.len());
            account.lost.extend(lost);
        }
        account
    }

    async fn unsettled(&self, write: &Write) -> Option<String> {
        let person = &self.people[write.who];
        let again = self.send(person, &write.bytes, write.key).await.err()?;
        let first = write.outcome.as_ref().err()?;
        Some(format!("{}: {first}; sent again: {again}", person.name))
    }

    async fn lost(&self, who: usize, acknowledged: &[(&Write, Uuid)]) -> Vec<String> {
        let person = &self.people[who];
        let listed: BTreeSet<Uuid> = match self.app.all_ids(person).await {
            Ok(ids) => ids.into_iter().collect(),
            Err(failure) => return vec![format!("{}: {failure}", person.name)],
        };
        let gone = acknowledged.iter().filter(|(_, id)| !listed.contains(id));
        let mut lost: Vec<String> = gone
            .map(|(_, id)| format!("{}: {id} is not in the list", person.name))
            .collect();
        for (write, id) in acknowledged.iter().rev().take(COMPARED) {
            match self.app.original(person, *id).await {
                Ok(bytes) if bytes == write.bytes => {}
                // Counted above.
                Err(failure) if failure.code() == "not-found" && !listed.contains(id) => {}
                Ok(_) => lost.push(format!("{}: {id} came back with other bytes", person.name)),
                Err(failure) => lost.push(format!("{}: {id}: {failure}", person.name)),
            }
        }
        lost
    }
}

impl Account {
    /// As figures whose names begin with the act's.
    pub fn report(&self, act: &str, story: &mut Story<'_>) {
        for text in self.lost.iter().take(TOLD) {
            story.note(format!("lost in `{act}`: {text}"));
        }
        for text in self.unsettled.iter().take(TOLD) {
            story.note(format!("not settled in `{act}`: {text}"));
        }
        let figures = [
            ("acknowledged-writes", self.acknowledged, None),
            ("acknowledged-lost", self.lost.len(), Some(0.0)),
            ("unanswered-writes", self.open, None),
            ("unanswered-not-settled", self.unsettled.len(), Some(0.0)),
        ];
        for (name, value, most) in figures {
            let (name, value) = (format!("{act}-{name}"), count(value));
            story.figure(match most {
                Some(most) => Figure::at_most(name, value, "writes", most),
                None => Figure::info(name, value, "writes"),
            });
        }
    }
}
