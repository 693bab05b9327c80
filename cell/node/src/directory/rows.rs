//! The row `digest -> (user, claim id, home)` of a directory shard: it *is* the claim, inserted if absent, removed only
//! for its own claim id. Time never frees it.

use std::time::Duration;

use bytes::Bytes;
use cell_sdk::{ClaimDigest, ClaimEntry};
use cell_shard::{KeyRange, Mode, Request, Scope, Shard, Tx, TxError, WriteError};
use platform_model::{Actor, Epoch, HomeId, RequestId, UserId};
use platform_runtime::random;
use uuid::Uuid;

use super::{faults, restored};

/// Shared table of a directory shard; part of its keys.
const TABLE: &str = "claims";
/// Beside it: digest -> the claim id that is known to be active, and the epoch of the person's shard that said so.
const SETTLED: &str = "settled";
/// Beside it too: digest -> the claim id that was claimed once more, and how often. Who looked before that may not let the row
/// go by what was true then.
const RENEWED: &str = "renewed";
/// And: digest -> the claim id that was taken along to another home, or taken back, and the version of that.
const VERSIONS: &str = "versions";
/// Stands in log entries.
const DOMAIN: &str = "directory";
const DEADLINE: Duration = Duration::from_secs(3);
/// Version of the row: version, user (16), claim id (16), home as text.
const VERSION: u8 = 1;
const HOME_AT: usize = 1 + 16 + 16;

/// Why the shard gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error(transparent)]
    Tx(#[from] TxError),
    #[error("a row of the directory is damaged")]
    Damaged,
    /// Restored from a backup, and not everybody has said again what is his.
    #[error("the directory was restored and is not complete yet")]
    Incomplete,
}

pub(super) type Failed = WriteError<RowError>;

/// Inserts the claim if the value is free; true if it stands under this claim id. Durable on every in-sync copy. Whoever holds
/// it may take it along to another home: what comes late, of a lower version than is known, changes nothing. `known`: by the
/// person's own record, which the shard where he lives has said now. A new one is not taken while the directory lacks
/// what others hold. One that stands already is noted as claimed once more: its registration goes on.
pub(super) async fn claim(
    shard: &Shard,
    digest: ClaimDigest,
    entry: &ClaimEntry,
    known: bool,
) -> Result<bool, Failed> {
    let (row, claim_id, user, version) = (encode(entry), entry.claim_id, entry.user, entry.version);
    let insert = |tx: Tx| {
        let (row, home) = (row.clone(), entry.home.clone());
        async move {
            match tx.get(&digest.0).await? {
                Some(held) => {
                    let held = decode(&held)?;
                    let is_his = held.claim_id == claim_id && held.user == user;
                    if !is_his && !faults::gives_what_is_held() {
                        return Ok(false);
                    }
                    let newest = version_of(&tx, digest, claim_id).await?;
                    if held.home != home && (known || version >= newest) {
                        tx.put(digest.0, row)?;
                        // Another shard said so, whose epochs say nothing of this one's.
                        tx.shared(SETTLED)?.clear(digest.0)?;
                    }
                    if version > newest {
                        tx.shared(VERSIONS)?.put(digest.0, numbered(claim_id, version))?;
                    }
                    if !known {
                        renew(&tx, digest, claim_id).await?;
                    }
                    Ok(true)
                }
                None if !known && restored::is_incomplete(&tx).await? => Err(RowError::Incomplete),
                None => {
                    if version > 0 {
                        tx.shared(VERSIONS)?.put(digest.0, numbered(claim_id, version))?;
                    }
                    Ok(tx.put(digest.0, row).map(|()| true)?)
                }
            }
        }
    };
    Ok(shard.write(&request(), insert).await?.value)
}

/// Removes the row if it has this claim id, and names `home` where one is asked for: by word of whoever made the claim. He takes
/// its id along wherever he lives, so of a home that he left only the home tells what is its own.
pub(super) async fn release(
    shard: &Shard,
    digest: ClaimDigest,
    claim_id: Uuid,
    home: Option<&HomeId>,
) -> Result<(), Failed> {
    let is_meant =
        move |held: &ClaimEntry| held.claim_id == claim_id && home.is_none_or(|home| held.home == *home);
    let remove = |tx: Tx| async move {
        match tx.get(&digest.0).await? {
            Some(held) if is_meant(&decode(&held)?) => remove(&tx, digest),
            _ => Ok(()),
        }
    };
    shard.write(&request(), remove).await.map(|_| ())
}

/// Removes the row if it is as it was looked at; false if it is not: what was asked about it then says nothing of it now.
pub(super) async fn release_looked(shard: &Shard, row: &Looked) -> Result<bool, Failed> {
    let remove = |tx: Tx| async move {
        let now = read_row(&tx, row.digest).await?;
        let same = now.is_some_and(|now| (now.entry, now.renewed) == (row.entry.clone(), row.renewed));
        if same {
            remove(&tx, row.digest)?;
        }
        Ok(same)
    };
    Ok(shard.write(&request(), remove).await?.value)
}

fn remove(tx: &Tx, digest: ClaimDigest) -> Result<(), RowError> {
    tx.shared(SETTLED)?.clear(digest.0)?;
    tx.shared(RENEWED)?.clear(digest.0)?;
    tx.shared(VERSIONS)?.clear(digest.0)?;
    Ok(tx.clear(digest.0)?)
}

async fn version_of(tx: &Tx, digest: ClaimDigest, claim_id: Uuid) -> Result<u64, RowError> {
    let noted = tx.shared(VERSIONS)?.get(&digest.0).await?;
    Ok(number_in(noted.as_deref(), claim_id).unwrap_or(0))
}

async fn renew(tx: &Tx, digest: ClaimDigest, claim_id: Uuid) -> Result<(), RowError> {
    let renewed = tx.shared(RENEWED)?;
    let before = renewed.get(&digest.0).await?;
    let count = number_in(before.as_deref(), claim_id)
        .unwrap_or(0)
        .wrapping_add(1);
    Ok(renewed.put(digest.0, numbered(claim_id, count))?)
}

/// Who holds the value. A directory that lacks what others hold does not say that nobody does.
pub(super) async fn lookup(shard: &Shard, digest: ClaimDigest) -> Result<Option<ClaimEntry>, Failed> {
    let read = |tx: Tx| async move {
        match tx.get(&digest.0).await? {
            Some(row) => decode(&row).map(Some),
            None if restored::is_incomplete(&tx).await? => Err(RowError::Incomplete),
            None => Ok(None),
        }
    };
    Ok(shard.read(&request(), read).await?.value)
}

/// The row, if one is here: whether somebody holds the value elsewhere it does not say.
pub(super) async fn look(shard: &Shard, digest: ClaimDigest) -> Result<Option<Looked>, Failed> {
    let read = |tx: Tx| async move { read_row(&tx, digest).await };
    Ok(shard.read(&request(), read).await?.value)
}

async fn read_row(tx: &Tx, digest: ClaimDigest) -> Result<Option<Looked>, RowError> {
    let Some(row) = tx.get(&digest.0).await? else {
        return Ok(None);
    };
    let settled = tx.shared(SETTLED)?.get(&digest.0).await?;
    let renewed = tx.shared(RENEWED)?.get(&digest.0).await?;
    Looked::read(digest, &row, (settled.as_deref(), renewed.as_deref())).map(Some)
}

/// A row, and in which epoch the person's own shard has said that this very claim is his; none: it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Looked {
    pub digest: ClaimDigest,
    pub entry: ClaimEntry,
    pub settled: Option<Epoch>,
    /// How often it was claimed once more.
    pub renewed: u64,
}

impl Looked {
    fn read(
        digest: ClaimDigest,
        row: &[u8],
        (settled, renewed): (Option<&[u8]>, Option<&[u8]>),
    ) -> Result<Self, RowError> {
        let entry = decode(row)?;
        Ok(Self {
            digest,
            // One of an earlier build names no epoch.
            settled: settled
                .and_then(|row| row.strip_prefix(entry.claim_id.as_bytes()))
                .map(|epoch| Epoch(number(epoch).unwrap_or(0))),
            renewed: number_in(renewed, entry.claim_id).unwrap_or(0),
            entry,
        })
    }
}

/// Notes that the person's own shard has said, in that epoch, that this very claim is his: until another epoch of it began
/// it need not be asked again.
pub(super) async fn settle(
    shard: &Shard,
    digest: ClaimDigest,
    claim_id: Uuid,
    epoch: Epoch,
) -> Result<(), Failed> {
    let settle = |tx: Tx| async move {
        match tx.get(&digest.0).await? {
            Some(held) if decode(&held)?.claim_id == claim_id => {
                let settled = tx.shared(SETTLED)?;
                Ok(settled.put(digest.0, numbered(claim_id, epoch.0))?)
            }
            _ => Ok(()),
        }
    };
    shard.write(&request(), settle).await.map(|_| ())
}

/// The rows beside a claim's: settled, renewed.
type Beside = (Option<Bytes>, Option<Bytes>);

/// Rows behind `after`, in the order of their digests, at most `limit`.
pub(super) async fn page(
    shard: &Shard,
    after: Option<ClaimDigest>,
    limit: usize,
) -> Result<Vec<Looked>, Failed> {
    let start = after.map_or_else(Vec::new, |digest| [&digest.0[..], &[0]].concat());
    // Digests of any bytes: the range ends behind the longest row of the highest.
    let range = KeyRange::new(start, vec![0xff; 33]);
    let read = |tx: Tx| {
        let range = range.clone();
        async move {
            let page = tx.scan(range, limit, false).await?;
            let keys: Vec<Bytes> = page.rows.iter().map(|(key, _)| key.clone()).collect();
            let settled = tx.shared(SETTLED)?.get_many(&keys).await?;
            let renewed = tx.shared(RENEWED)?.get_many(&keys).await?;
            let beside = settled.into_iter().zip(renewed);
            let row = |((key, value), (settled, renewed)): (&(Bytes, Bytes), Beside)| {
                let digest = <[u8; 32]>::try_from(&key[..]).map_err(|_| RowError::Damaged)?;
                Looked::read(
                    ClaimDigest(digest),
                    value,
                    (settled.as_deref(), renewed.as_deref()),
                )
            };
            page.rows.iter().zip(beside).map(row).collect()
        }
    };
    Ok(shard.read(&request(), read).await?.value)
}

/// A row beside a claim's: of which claim id it is, and a number.
fn numbered(claim_id: Uuid, number: u64) -> Vec<u8> {
    [&claim_id.as_bytes()[..], &number.to_be_bytes()].concat()
}

fn number_in(row: Option<&[u8]>, claim_id: Uuid) -> Option<u64> {
    number(row?.strip_prefix(claim_id.as_bytes())?)
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// Whose claim a row is; none if it is none.
pub(crate) fn claimant(row: &[u8]) -> Option<UserId> {
    decode(row).ok().map(|entry| entry.user)
}

pub(super) fn request() -> Request {
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

fn encode(entry: &ClaimEntry) -> Bytes {
    let home = entry.home.to_string();
    let mut row = Vec::with_capacity(HOME_AT + home.len());
    row.push(VERSION);
    row.extend_from_slice(entry.user.as_bytes());
    row.extend_from_slice(entry.claim_id.as_bytes());
    row.extend_from_slice(home.as_bytes());
    row.into()
}

fn decode(row: &[u8]) -> Result<ClaimEntry, RowError> {
    let parse = || {
        let (head, home) = row.split_at_checked(HOME_AT)?;
        if head[0] != VERSION {
            return None;
        }
        Some(ClaimEntry {
            user: UserId::from_uuid(Uuid::from_slice(&head[1..17]).ok()?),
            claim_id: Uuid::from_slice(&head[17..]).ok()?,
            home: std::str::from_utf8(home).ok()?.parse().ok()?,
            // What the row says is as new as it is.
            version: 0,
        })
    };
    parse().ok_or(RowError::Damaged)
}

#[cfg(test)]
mod tests;
