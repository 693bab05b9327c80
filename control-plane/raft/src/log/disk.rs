//! The log on disk: one redb file with a table of entries by index and a table of single records.
//!
//! A transaction is durable when [`Disk::commit`] returns, with one fsync, and one more when the file grows. Never
//! reads after [`Disk::open`].

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use platform_model::WorldId;
use platform_runtime::random;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, Table, TableDefinition,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::backend::Counted;
use super::view::View;
use crate::codec;
use crate::types::{LogId, Vote};

const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
const OWNER: &str = "owner";
const COPY: &str = "copy";
const VOTE: &str = "vote";
const PURGED: &str = "purged";
const COMMITTED: &str = "committed";
/// redb's page cache. The log is read once, at the start.
const CACHE_BYTES: usize = 8 << 20;

/// Whose log this is, written at the first start and compared at each later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub world: WorldId,
    pub node_id: u64,
}

/// Why the file does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process has the file open")]
    InUse,
    #[error("the log belongs to controller {} of world {}", found.node_id, found.world)]
    ForeignOwner { found: Owner },
    #[error("damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One change, in the order of the log.
#[derive(Debug)]
pub enum Write {
    /// Consecutive entries, encoded.
    Append(Vec<(u64, Vec<u8>)>),
    /// Removes the entries from this index on.
    Truncate {
        from: u64,
    },
    /// Removes the entries up to this one, itself too.
    Purge {
        upto: LogId,
    },
    Vote(Vote),
    /// How far the log is known to be committed; a hint that spares work after a restart.
    Committed(LogId),
}

/// An open file. One writer at a time: the borrow checker of [`super::writer`] and redb's lock see to it.
#[derive(Debug)]
pub struct Disk {
    db: Database,
    /// The random name of this copy of the data, given when the file was made.
    pub copy: u64,
    fsyncs: Arc<AtomicU64>,
}

impl Disk {
    /// Opens or makes `path` and reads all that it holds.
    pub fn open(path: &Path, owner: &Owner) -> Result<(Self, View), OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Self::open_on(FileBackend::new(file).map_err(open_error)?, owner)
    }

    /// Opens whatever keeps bytes; tests put power failures here.
    pub fn open_on(backend: impl StorageBackend, owner: &Owner) -> Result<(Self, View), OpenError> {
        let (backend, fsyncs) = Counted::new(backend);
        let db = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(open_error)?;
        let mut disk = Self { db, copy: 0, fsyncs };
        disk.copy = disk.claim(owner)?;
        let view = disk.load()?;
        Ok((disk, view))
    }

    /// Fsyncs since the opening.
    pub fn fsyncs(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.fsyncs)
    }

    /// All of `writes` or none of them, durable when it returns.
    pub fn commit(&self, writes: &[Write]) -> io::Result<()> {
        let transaction = self.db.begin_write().map_err(io::Error::other)?;
        {
            let mut entries = transaction.open_table(ENTRIES).map_err(io::Error::other)?;
            let mut records = transaction.open_table(RECORDS).map_err(io::Error::other)?;
            for write in writes {
                apply(write, &mut entries, &mut records)?;
            }
        }
        transaction.commit().map_err(io::Error::other)
    }

    /// Writes who owns the file and names the copy, or compares and reads the name.
    fn claim(&self, owner: &Owner) -> Result<u64, OpenError> {
        let copy = random::u64();
        let transaction = self.db.begin_write().map_err(io::Error::other)?;
        {
            transaction.open_table(ENTRIES).map_err(io::Error::other)?;
            let mut records = transaction.open_table(RECORDS).map_err(io::Error::other)?;
            let found: Option<Owner> = read(&records, OWNER)?;
            match found {
                Some(found) if found == *owner => {
                    let copy = read(&records, COPY)?;
                    return copy.ok_or_else(|| OpenError::Damaged("the copy has no name".to_owned()));
                }
                Some(found) => return Err(OpenError::ForeignOwner { found }),
                None => {
                    put(&mut records, OWNER, owner)?;
                    put(&mut records, COPY, &copy)?;
                }
            }
        }
        transaction.commit().map_err(io::Error::other)?;
        Ok(copy)
    }

    fn load(&self) -> Result<View, OpenError> {
        let transaction = self.db.begin_read().map_err(io::Error::other)?;
        let records = transaction.open_table(RECORDS).map_err(io::Error::other)?;
        let entries = transaction.open_table(ENTRIES).map_err(io::Error::other)?;
        let mut view = View {
            vote: read(&records, VOTE)?,
            purged: read(&records, PURGED)?,
            committed: read(&records, COMMITTED)?,
            ..View::default()
        };
        for row in entries.iter().map_err(io::Error::other)? {
            let (index, record) = row.map_err(io::Error::other)?;
            let entry = codec::decode(record.value())
                .map_err(|e| OpenError::Damaged(format!("entry {}: {e}", index.value())))?;
            view.append(entry)
                .map_err(|e| OpenError::Damaged(e.to_string()))?;
        }
        Ok(view)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        tracing::debug!(fsyncs = self.fsyncs.load(Ordering::Relaxed), "the log is closed");
    }
}

type Entries<'a> = Table<'a, u64, &'static [u8]>;
type Records<'a> = Table<'a, &'static str, &'static [u8]>;

fn apply(write: &Write, entries: &mut Entries<'_>, records: &mut Records<'_>) -> io::Result<()> {
    match write {
        Write::Append(rows) => {
            for (index, record) in rows {
                entries
                    .insert(index, record.as_slice())
                    .map_err(io::Error::other)?;
            }
            Ok(())
        }
        Write::Truncate { from } => entries.retain_in(*from.., |_, _| false).map_err(io::Error::other),
        Write::Purge { upto } => {
            entries
                .retain_in(..=upto.index, |_, _| false)
                .map_err(io::Error::other)?;
            put(records, PURGED, upto)
        }
        Write::Vote(vote) => put(records, VOTE, vote),
        Write::Committed(log_id) => put(records, COMMITTED, log_id),
    }
}

fn put<T: Serialize>(records: &mut Records<'_>, key: &'static str, value: &T) -> io::Result<()> {
    let record = codec::encode(value)?;
    records.insert(key, record.as_slice()).map_err(io::Error::other)?;
    Ok(())
}

fn read<T: DeserializeOwned>(
    records: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &'static str,
) -> Result<Option<T>, OpenError> {
    let Some(record) = records.get(key).map_err(io::Error::other)? else {
        return Ok(None);
    };
    codec::decode(record.value())
        .map(Some)
        .map_err(|e| OpenError::Damaged(format!("record `{key}`: {e}")))
}

fn open_error(error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        DatabaseError::Storage(redb::StorageError::Io(source)) => OpenError::Io(source),
        other => OpenError::Damaged(other.to_string()),
    }
}
