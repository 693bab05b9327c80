//! After a round has healed: is everything there that was acknowledged, once and whole, and do the names make one history?

mod rewrites;

use std::collections::BTreeMap;

use bytes::Bytes;
use chaos::checkers::acknowledged::{Counts, Mode, Write, acknowledged};
use chaos::checkers::linearizable::Action;
use chaos::checkers::transactions::Promise;
use chaos::checkers::{linearizable, transactions};
use chaos::history::Outcome;
use chaos::verdict::Verdict;
use cli_world::app::{App, Person};
use futures::StreamExt;
use platform_model::replica_set::ASYNC_LAG_ENTRIES;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::{Load, Resident, Sent};
use crate::planted::Checker;

/// Files that are read back at a time.
const READERS: usize = 4;

/// What came of one round.
pub struct Judgement {
    /// What was judged, for whoever keeps it: a name and its JSON.
    pub histories: Vec<(&'static str, Value)>,
    pub counts: Counts,
    pub acknowledged: Verdict,
    pub linearizable: Verdict,
    /// The same names as transactions that read a profile and write the next, in the order of their pairs.
    pub transactions: Verdict,
    /// What could not be read at all.
    pub unreadable: Vec<String>,
    /// Writes acknowledged before the standbys had them, of each person: what a failover lost of them.
    pub edits: Vec<(Verdict, Counts)>,
}

impl Judgement {
    /// Of those writes: acknowledged, and lost.
    pub fn async_counts(&self) -> (usize, usize) {
        let sum = |of: fn(&Counts) -> usize| self.edits.iter().map(|(_, counts)| of(counts)).sum();
        (sum(|counts| counts.acknowledged), sum(|counts| counts.async_lost))
    }

    /// How often a checker found anything.
    pub fn found(&self, by: Checker) -> usize {
        match by {
            Checker::Acknowledged => self.acknowledged.found,
            Checker::Linearizable => self.linearizable.found,
            Checker::Transactions => self.transactions.found,
            Checker::Async => self.edits.iter().map(|(verdict, _)| verdict.found).sum(),
        }
    }

    /// Everything that was found wrong.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        let whole = [&self.acknowledged, &self.linearizable, &self.transactions];
        whole
            .into_iter()
            .chain(self.edits.iter().map(|(verdict, _)| verdict))
    }
}

/// Reads everything back and lets the checkers judge.
pub async fn judge(app: &App, load: &Load) -> Judgement {
    let mut unreadable = Vec::new();
    for resident in &load.residents {
        let invoked = load.record.tick();
        match app.profile(&resident.person).await {
            Ok(profile) => {
                let who = (u64::MAX, resident.person.name.as_str());
                if let Some(name) = &profile.display_name {
                    load.record.version(name, profile.version);
                }
                load.record
                    .operation(who, invoked, Action::Read(profile.display_name), Outcome::Done);
            }
            Err(failure) => unreadable.push(format!("{}: {failure}", resident.person.name)),
        }
    }
    let files = load.record.files();
    let (mut writes, mut found) = (Vec::new(), Vec::new());
    for (index, resident) in load.residents.iter().enumerate() {
        let own: Vec<&Sent> = files.iter().filter(|sent| sent.person == index).collect();
        match found_of(app, resident, &own).await {
            Ok(names) => {
                writes.extend(own.iter().map(|sent| write(&resident.person, sent)));
                found.extend(names);
            }
            // Whether anything is lost cannot be told then.
            Err(why) => unreadable.push(why),
        }
    }
    let operations = load.record.operations();
    // The checkers take a core for a moment: the proxies and the reads go on beside them.
    let history = rewrites::as_transactions(&operations, &load.record.pairs(), &load.record.versions());
    let (acknowledged, linearizable, transactions) = tokio::task::block_in_place(|| {
        let strict = transactions(&history, Promise::Strict);
        (
            acknowledged(&writes, &found, 0),
            linearizable(&operations),
            strict,
        )
    });
    let histories = vec![
        ("linearizable", json!(operations)),
        ("transactions", json!(history)),
        ("acknowledged", json!({ "writes": writes, "found": found })),
    ];
    Judgement {
        edits: edits(load),
        histories,
        counts: acknowledged.1,
        acknowledged: acknowledged.0,
        linearizable,
        transactions,
        unreadable,
    }
}

/// Where nobody but one node may serve somebody nothing may be lost.
fn edits(load: &Load) -> Vec<(Verdict, Counts)> {
    let judged = load.residents.iter().enumerate().map(|(index, resident)| {
        let lost_max = if resident.seats.len() > 1 {
            usize::try_from(ASYNC_LAG_ENTRIES).unwrap_or(usize::MAX)
        } else {
            0
        };
        let edits = load.record.edits(index, |edits| edits.clone());
        edits.judge(&resident.person.name, lost_max)
    });
    judged.collect()
}

fn write(person: &Person, sent: &Sent) -> Write {
    Write {
        id: name(person, sent),
        mode: Mode::Sync,
        outcome: sent.outcome,
    }
}

fn name(person: &Person, sent: &Sent) -> String {
    match sent.id {
        Some(id) => format!("{} {id}", person.name),
        None => format!("{} track {}", person.name, sent.number),
    }
}

/// The names of the files that somebody has, each as often as it is listed; one that came back changed under another.
async fn found_of(app: &App, resident: &Resident, own: &[&Sent]) -> Result<Vec<String>, String> {
    let person = &resident.person;
    let ids = app
        .all_ids(person)
        .await
        .map_err(|failure| format!("{}: {failure}", person.name))?;
    if let Some(lost) = resident.before.iter().find(|id| !ids.contains(id)) {
        return Err(format!("{}: {lost} of an earlier round is gone", person.name));
    }
    let ids = ids.into_iter().filter(|id| !resident.before.contains(id));
    let known: BTreeMap<Uuid, &Sent> = own.iter().filter_map(|sent| Some((sent.id?, *sent))).collect();
    let originals = futures::stream::iter(ids.map(|id| async move { (id, app.original(person, id).await) }));
    let originals: Vec<_> = originals.buffer_unordered(READERS).collect().await;
    let mut names = Vec::new();
    for (id, bytes) in originals {
        let bytes = bytes.map_err(|failure| format!("{} {id}: {failure}", person.name))?;
        names.push(name_of(person, id, &bytes, known.get(&id).copied(), own));
    }
    Ok(names)
}

fn name_of(person: &Person, id: Uuid, bytes: &Bytes, known: Option<&Sent>, own: &[&Sent]) -> String {
    match known {
        Some(sent) if sent.bytes == *bytes => name(person, sent),
        Some(_) => format!("{} {id}, changed", person.name),
        // Of unknown outcome: known by its bytes.
        None => match own.iter().find(|sent| sent.id.is_none() && sent.bytes == *bytes) {
            Some(sent) => name(person, sent),
            None => format!("{} {id}, strange", person.name),
        },
    }
}
