//! The directory's entry of a person who moves: a row of the directory shard of the jurisdiction that he leaves, which decides
//! where he lives. Here or at another node; every step is a compare-and-set, and may be repeated.
//!
//! One who was never relocated has none. One who comes back to a jurisdiction finds the row of then: who lives somewhere in a
//! later user epoch replaces it.

use std::time::Duration;

use bytes::Bytes;
use cell_relay::home::{Entry, EntryRefusal, OperationId};
use cell_sdk::ClaimDigest;
use cell_shard::{Mode, Request, Scope, Shard, Tx, TxError, WriteError};
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{Actor, DataClass, HomeId, Jurisdiction, RegionId, RequestId, UserId};
use platform_runtime::random;
use platform_wire::directory::Target;
use platform_wire::relocation::{EntryStep, EntryTold};
use prost::Message;

use super::Parts;
use crate::directory::is_incomplete;

/// Shared table of a directory shard; part of its keys.
const TABLE: &str = "homes";
const DOMAIN: &str = "directory";
const DEADLINE: Duration = Duration::from_secs(3);
const VERSION: u32 = 1;
/// Kind of the digest by which the directory shard of a person is found.
const KIND: &str = "person";

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    home: String,
    #[prost(uint64, tag = "3")]
    user_epoch: u64,
    #[prost(uint64, tag = "4")]
    operation: u64,
    #[prost(uint64, tag = "5")]
    newest: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error(transparent)]
    Tx(#[from] TxError),
    #[error("an entry of the directory is damaged")]
    Damaged,
    /// Restored to before something that others know.
    #[error("the directory lacks what others hold, and takes no relocation yet")]
    Incomplete,
}

/// What a person reads of it: that a step was rejected says nothing, why does.
pub(super) fn reason(error: &WriteError<EntryError>) -> String {
    match error {
        WriteError::Rejected(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Takes a step on the row of the person.
pub(super) async fn step_here(
    shard: &Shard,
    user: UserId,
    step: &EntryStep,
) -> Result<EntryTold, WriteError<EntryError>> {
    let key = user.as_bytes();
    if *step == EntryStep::Read {
        let read = |tx: Tx| async move { tx.get(key).await?.map(|row| decode(&row)).transpose() };
        let entry = shard.read(&request(), read).await?.value;
        return Ok(told(entry, None));
    }
    let take = |tx: Tx| async move {
        // What began before its backup goes on to its end.
        if matches!(step, EntryStep::Start { .. }) && is_incomplete(&tx).await? {
            return Err(EntryError::Incomplete);
        }
        let before = tx.get(key).await?.map(|row| decode(&row)).transpose()?;
        let (after, refused) = apply(before.clone(), step);
        if after != before
            && let Some(after) = &after
        {
            tx.put(key, encode(after))?;
        }
        Ok(told(after, refused))
    };
    Ok(shard.write(&request(), take).await?.value)
}

fn told(entry: Option<Entry<HomeId>>, refused: Option<String>) -> EntryTold {
    let operation = entry.as_ref().and_then(|entry| entry.operation);
    EntryTold {
        operation: operation.map_or(0, |operation| operation.0),
        newest: entry.as_ref().map_or(0, |entry| entry.newest.0),
        entry: entry.map(|entry| (entry.home, entry.user_epoch)),
        refused,
    }
}

/// The entry that an answer tells of; none: nobody ever relocated him.
pub(super) fn entry_of(told: &EntryTold) -> Option<Entry<HomeId>> {
    let (home, user_epoch) = told.entry.clone()?;
    Some(Entry {
        home,
        user_epoch,
        operation: Some(told.operation)
            .filter(|operation| *operation != 0)
            .map(OperationId),
        newest: OperationId(told.newest),
    })
}

/// A step that was taken before is taken again without an effect.
fn apply(before: Option<Entry<HomeId>>, step: &EntryStep) -> (Option<Entry<HomeId>>, Option<String>) {
    let taken = match step {
        EntryStep::Read => return (before, None),
        EntryStep::Start {
            operation,
            home,
            user_epoch,
            to,
        } => start(before.as_ref(), OperationId(*operation), (home, *user_epoch), to),
        EntryStep::Commit { operation, to } => on(before.as_ref(), |entry| {
            let done = entry.home == *to && entry.newest == OperationId(*operation);
            if done && entry.operation.is_none() {
                return Ok(());
            }
            entry.commit(OperationId(*operation), to.clone())
        }),
        EntryStep::Cancel { operation } => on(before.as_ref(), |entry| entry.cancel(OperationId(*operation))),
    };
    match taken {
        Ok(after) => (Some(after), None),
        Err(why) => (before, Some(why)),
    }
}

fn start(
    before: Option<&Entry<HomeId>>,
    operation: OperationId,
    (home, user_epoch): (&HomeId, u64),
    to: &HomeId,
) -> Result<Entry<HomeId>, String> {
    let mut entry = match before {
        Some(entry) if entry.user_epoch >= user_epoch => entry.clone(),
        older => Entry {
            user_epoch,
            newest: older.map_or(OperationId(0), |entry| entry.newest),
            ..Entry::new(home.clone())
        },
    };
    if (&entry.home, entry.user_epoch) != (home, user_epoch) {
        let (home, epoch) = (&entry.home, entry.user_epoch);
        return Err(format!("he lives in {home} since user epoch {epoch}"));
    }
    if entry.operation != Some(operation) {
        entry
            .start(operation, to.clone())
            .map_err(|why| why.to_string())?;
    }
    Ok(entry)
}

fn on(
    before: Option<&Entry<HomeId>>,
    f: impl FnOnce(&mut Entry<HomeId>) -> Result<(), EntryRefusal>,
) -> Result<Entry<HomeId>, String> {
    let mut entry = before.cloned().ok_or("nobody ever relocated him")?;
    f(&mut entry).map_err(|why| why.to_string())?;
    Ok(entry)
}

fn request() -> Request {
    Request {
        actor: Actor::Service(DOMAIN.to_owned()),
        domain: DOMAIN,
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Shared(TABLE),
        not_older_than: None,
        deadline: DEADLINE,
    }
}

fn encode(entry: &Entry<HomeId>) -> Bytes {
    let stored = Stored {
        version: VERSION,
        home: entry.home.to_string(),
        user_epoch: entry.user_epoch,
        operation: entry.operation.map_or(0, |operation| operation.0),
        newest: entry.newest.0,
    };
    stored.encode_to_vec().into()
}

fn decode(row: &Bytes) -> Result<Entry<HomeId>, EntryError> {
    let stored = Stored::decode(row.clone()).map_err(|_| EntryError::Damaged)?;
    if stored.version != VERSION {
        return Err(EntryError::Damaged);
    }
    Ok(Entry {
        home: stored.home.parse().map_err(|_| EntryError::Damaged)?,
        user_epoch: stored.user_epoch,
        operation: Some(stored.operation)
            .filter(|operation| *operation != 0)
            .map(OperationId),
        newest: OperationId(stored.newest),
    })
}

impl Parts {
    /// Takes a step on the entry of a person who leaves `authority`, or comes from there.
    ///
    /// # Errors
    /// Why there is no answer now; the step may have been taken.
    pub(super) async fn entry(
        &self,
        authority: &Jurisdiction,
        user: UserId,
        step: &EntryStep,
    ) -> Result<EntryTold, String> {
        let digest = self.entry_digest(user);
        let table = self.followed.current();
        let shard = table.shard_of_claim(authority, &digest.0);
        let shard = shard.ok_or_else(|| format!("{authority} has no directory"))?;
        if let Some(here) = self.hosted.get(&shard) {
            let told = step_here(&here, user, step).await;
            return told.map_err(|error| reason(&error));
        }
        let served = table.primary_of(&shard);
        let served = served.filter(|(route, _)| route.node != *self.hosted.node());
        let (route, node) = served.ok_or("the directory's shard is not served now")?;
        let region = table.cells.get(&route.node.cell).map(|cell| cell.region.clone());
        let region = region.ok_or("the directory's cell is not known")?;
        self.may_tell(authority, &region)?;
        let target = Target {
            node: route.node.clone(),
            region,
            address: node.address.clone(),
            epoch: route.epoch,
            shard,
        };
        let told = self.entries.step(&target, &digest.0, user, step).await;
        told.map_err(|error| error.to_string())
    }

    pub(super) fn entry_digest(&self, user: UserId) -> ClaimDigest {
        self.lent.directory().digest(KIND, &user.to_string())
    }

    /// An id and the name of a home leave for a node in that region.
    pub(super) fn may_tell(&self, subject: &Jurisdiction, region: &RegionId) -> Result<(), String> {
        let table = self.followed.current();
        let to = Destination::Region(region);
        let crossing = self
            .law
            .egress(&table, subject, DataClass::Operational, Purpose::Service, to);
        match crossing {
            Ok(Crossing::Free) => Ok(()),
            Ok(Crossing::WithConsent(purpose)) => Err(format!("only with consent to {purpose}")),
            Err(why) => Err(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(text: &str) -> HomeId {
        text.parse().expect("a home")
    }

    fn begin(operation: u64, from: &str, user_epoch: u64, to: &str) -> EntryStep {
        EntryStep::Start {
            operation,
            home: home(from),
            user_epoch,
            to: home(to),
        }
    }

    /// Takes the steps one after the other; answers the entry and the last refusal.
    fn after(steps: &[EntryStep]) -> (Option<Entry<HomeId>>, Option<String>) {
        steps
            .iter()
            .fold((None, None), |(entry, _), step| apply(entry, step))
    }

    const WEST: &str = "eu/eu-west";
    const CENTRAL: &str = "eu/eu-central";

    #[test]
    fn a_step_that_is_repeated_changes_nothing() {
        let (start, commit) = (
            begin(1, WEST, 1, CENTRAL),
            EntryStep::Commit {
                operation: 1,
                to: home(CENTRAL),
            },
        );
        let once = after(&[start.clone(), commit.clone()]);
        assert_eq!(
            after(&[start.clone(), start.clone(), commit.clone(), commit]),
            once
        );
        let entry = once.0.expect("an entry");
        assert_eq!((entry.home, entry.user_epoch), (home(CENTRAL), 2));
    }

    #[test]
    fn a_cancelled_one_is_never_committed_nor_started_again() {
        let (start, cancel) = (begin(1, WEST, 1, CENTRAL), EntryStep::Cancel { operation: 1 });
        let commit = EntryStep::Commit {
            operation: 1,
            to: home(CENTRAL),
        };
        let (entry, refused) = after(&[start.clone(), cancel.clone(), commit]);
        assert!(refused.is_some());
        assert_eq!(entry.expect("an entry").home, home(WEST));
        assert!(
            after(&[start.clone(), cancel, start]).1.is_some(),
            "it comes twice"
        );
    }

    #[test]
    fn who_lives_somewhere_since_later_replaces_what_stands_here() {
        let there = [
            begin(1, WEST, 1, CENTRAL),
            EntryStep::Commit {
                operation: 1,
                to: home(CENTRAL),
            },
        ];
        let (_, refused) = after(&[&there[..], &[begin(2, WEST, 1, CENTRAL)]].concat());
        assert!(refused.is_some(), "an old home knows it no better");
        // He came back by way of another jurisdiction.
        let (entry, refused) = after(&[&there[..], &[begin(9, WEST, 3, CENTRAL)]].concat());
        assert_eq!(refused, None);
        let entry = entry.expect("an entry");
        assert_eq!((entry.home, entry.user_epoch), (home(WEST), 3));
        assert_eq!(entry.operation, Some(OperationId(9)));
    }

    #[test]
    fn a_row_reads_back_and_damage_is_named() {
        let (entry, _) = after(&[begin(1, WEST, 1, CENTRAL)]);
        let entry = entry.expect("an entry");
        let row = encode(&entry);
        assert_eq!(decode(&row).expect("ours"), entry);
        assert!(decode(&row.slice(..3)).is_err());
    }
}
