//! The library's traits over [`View`] and [`Writer`].

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;

use openraft::alias::{LogIdOf, VoteOf};
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::APPEND_BYTES_MAX;
use super::disk::{Disk, OpenError, Owner, Write};
use super::view::View;
use super::writer::{self, Done, LogStats, Writer};
use crate::codec;
use crate::types::{Entry, Types};

/// The writing end; the library owns the only one.
#[derive(Debug)]
pub struct LogStore {
    view: Arc<RwLock<View>>,
    writer: Writer,
}

/// A reading end, for replication and for the state machine.
#[derive(Debug, Clone)]
pub struct LogReader {
    view: Arc<RwLock<View>>,
}

/// A log that was opened.
#[derive(Debug)]
pub struct Opened {
    pub store: LogStore,
    pub stats: LogStats,
    /// Whether this node ever took part in an election.
    pub has_voted: bool,
    /// The random name of this copy of the data.
    pub copy: u64,
    /// Resolves when the file is closed, after the library dropped the store.
    pub closed: oneshot::Receiver<()>,
}

impl LogStore {
    /// Opens or makes the log at `path`. Blocks; at most once a start.
    pub fn open(path: &Path, owner: &Owner) -> Result<Opened, OpenError> {
        let (disk, view) = Disk::open(path, owner)?;
        Self::over(disk, view)
    }

    pub(super) fn over(disk: Disk, view: View) -> Result<Opened, OpenError> {
        let (has_voted, copy) = (view.vote.is_some(), disk.copy);
        let (writer, stats, closed) = writer::start(disk)?;
        let store = Self {
            view: Arc::new(RwLock::new(view)),
            writer,
        };
        Ok(Opened {
            store,
            stats,
            has_voted,
            copy,
            closed,
        })
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let view = self.view.read();
        Ok(LogState {
            last_purged_log_id: view.purged,
            last_log_id: view.last_log_id(),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader {
            view: Arc::clone(&self.view),
        }
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> io::Result<()> {
        self.writer.durably(Write::Vote(*vote)).await?;
        self.view.write().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogIdOf<Types>>) -> io::Result<()> {
        let Some(log_id) = committed else { return Ok(()) };
        self.view.write().committed = Some(log_id);
        self.writer.submit(Write::Committed(log_id), Done::Nobody).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogIdOf<Types>>> {
        Ok(self.view.read().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut rows = Vec::new();
        {
            let mut view = self.view.write();
            for entry in entries {
                rows.push((entry.index(), codec::encode(&entry)?));
                view.append(entry)?;
            }
        }
        self.writer
            .submit(Write::Append(rows), Done::Library(callback))
            .await
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> io::Result<()> {
        let from = last.map_or(0, |log_id| log_id.index + 1);
        self.view.write().truncate(from);
        self.writer.submit(Write::Truncate { from }, Done::Nobody).await
    }

    async fn purge(&mut self, upto: LogIdOf<Types>) -> io::Result<()> {
        self.view.write().purge(upto);
        self.writer.submit(Write::Purge { upto }, Done::Nobody).await
    }
}

impl RaftLogReader<Types> for LogReader {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        Ok(self.view.read().read(range, usize::MAX))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        Ok(self.view.read().read(start..end, APPEND_BYTES_MAX))
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<Types>>> {
        Ok(self.view.read().vote)
    }
}
