//! Where a log goes on behind its end: in the log of a newer backup of the same shard, made while it was kept. What
//! the parts of that backup are worth is not asked: its manifest says where its log begins, and an entry that both logs
//! have, with its chain, that it is the same history.

use std::cmp::Reverse;

use cell_layers::keys::Kek;
use cell_shard::{LogEntry, Origin};

use super::cursor::Cursor;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::read;
use crate::store::BackupStore;

/// Newer backups over which one log is followed.
pub(super) const CROSSED_MAX: usize = 256;

/// The log of a newer backup, read to the segment that goes past where another ends, and the entries behind that.
pub(super) type Onward = (Cursor, Vec<LogEntry>);

/// Newer backups of the same shard and world whose manifests open, the newest first.
///
/// # Errors
/// [`BackupError::TooMany`]; the store's.
pub(super) async fn newer(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
) -> Result<Vec<Manifest>, BackupError> {
    let mut newer = Vec::new();
    for name in store.names_of(&base.shard).await? {
        if name.at() <= base.name.at() {
            continue;
        }
        match read::manifest(store, &name, kek).await {
            Ok(open) if is_newer(&open, base) => newer.push(open),
            Err(error @ BackupError::Store(_)) => return Err(error),
            // Another world's, damaged, or removed meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
    newer.sort_by_key(|open| Reverse(open.origin.pair()));
    Ok(newer)
}

pub(super) fn is_newer(other: &Manifest, base: &Manifest) -> bool {
    let is_alike = (&other.world, &other.shard) == (&base.world, &base.shard);
    is_alike && other.origin.pair() > base.origin.pair()
}

/// The first of those whose log goes on from where another ends.
///
/// # Errors
/// As [`join`].
pub(super) async fn first(
    store: &BackupStore,
    kek: &Kek,
    candidates: Vec<&Manifest>,
    at: &Origin,
) -> Result<Option<Onward>, BackupError> {
    for base in candidates {
        if let Some(onward) = join(store, kek, base, at).await? {
            return Ok(Some(onward));
        }
    }
    Ok(None)
}

/// The log of a backup, if it has the very entry at which another ends, and more behind it.
///
/// # Errors
/// The store's; what is wrong with that log behind the common entry: then it goes on, and cannot be read. Another
/// history, or what is broken before, is none.
async fn join(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    at: &Origin,
) -> Result<Option<Onward>, BackupError> {
    if base.origin.position > at.position {
        return Ok(None);
    }
    let mut cursor = Cursor::begin(base.clone());
    let mut has_met = cursor.at() == *at;
    loop {
        let mut entries = match cursor.entries(store, kek).await {
            Ok(Some(entries)) => entries,
            Ok(None) => return Ok(None),
            Err(error) if has_met || matches!(error, BackupError::Store(_) | BackupError::Stopped) => {
                return Err(error);
            }
            Err(_) => return Ok(None),
        };
        has_met |= entries.iter().any(|entry| entry.origin() == *at);
        if !has_met && cursor.at().position >= at.position {
            return Ok(None);
        }
        let known = entries.partition_point(|entry| entry.position <= at.position);
        if known < entries.len() {
            return Ok(Some((cursor, entries.split_off(known))));
        }
    }
}
