//! This controller's copy of the ledger: segment files that are only ever appended to.
//!
//! [`LedgerStore::record`] is called while a batch of commands is applied, before anyone is told of it: an entry that
//! cannot be written stops the controller rather than being lost. It is not synced there: until a snapshot takes the
//! place of Raft's log, which is synced on a majority, a restart applies the same commands and records the same
//! entries again; before that, [`Journal::sync`] makes them durable.
//!
//! What a snapshot of a peer jumps over is a gap. What comes behind it is kept apart (`ahead`) until `catch_up` has
//! fetched the missing entries from a peer, verified against the digests in the state.
//!
//! `run` writes files, `recover` judges them at a start, `read` reads them out, `keeper` does what is due.

mod archive;
mod catch_up;
mod keeper;
mod read;
mod recover;
mod run;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane_ledger::{Chain, Digest, Entry, Head, Recorded, encoding};
use control_plane_raft::{Journal, Recorder};
use parking_lot::Mutex;
use platform_model::WorldId;
use tokio::sync::watch;

use run::{Kind, Run};

pub use archive::Archive;
pub use keeper::Keeper;
pub use read::ReadPage;

/// Clone: a shared handle.
#[derive(Debug, Clone)]
pub struct LedgerStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    archive: Option<Archive>,
    files: Mutex<Files>,
    /// The last entry without a gap before it.
    held: watch::Sender<u64>,
}

#[derive(Debug)]
struct Files {
    /// From the beginning on, without gaps.
    main: Run,
    /// Behind gaps, in order.
    ahead: VecDeque<Run>,
    /// Why nothing can be written any more.
    failed: Option<String>,
}

/// Entries that this controller lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it stands.
    pub from: Head,
    /// Where the gap ends.
    pub to: Head,
}

impl LedgerStore {
    /// Opens or makes the folder and judges what is in it. Blocks: it reads every segment.
    ///
    /// # Errors
    /// What the file system says. Damage is none: what is damaged is set aside, and fetched from a peer.
    pub fn open(dir: &Path, world: &WorldId, archive: Option<Archive>) -> io::Result<Self> {
        let files = recover::open(dir, Head::genesis(world.as_str()))?;
        let (held, _) = watch::channel(files.main.head().sequence);
        let store = Self {
            shared: Arc::new(Shared {
                dir: dir.to_owned(),
                archive,
                files: Mutex::new(files),
                held,
            }),
        };
        store.join_ahead()?;
        Ok(store)
    }

    /// The end of what is held without a gap.
    pub fn head(&self) -> Head {
        self.shared.files.lock().main.head()
    }

    /// What the first entry follows that is held here.
    pub fn begins(&self) -> Head {
        self.shared.files.lock().main.begins()
    }

    /// The last entry that can be read, whenever it changes.
    pub fn held(&self) -> watch::Receiver<u64> {
        self.shared.held.subscribe()
    }

    /// What lacks, if the state's ledger ends at `head`.
    pub fn gap(&self, head: Head) -> Option<Gap> {
        let files = self.shared.files.lock();
        let from = files.main.head();
        let to = files.ahead.front().map_or(head, Run::begins);
        (to.sequence > from.sequence).then_some(Gap { from, to })
    }

    /// Looks whether the beginning is there, which a damaged first segment is not: what stands behind it then waits
    /// for it. What lies in the archive is there. Blocks.
    ///
    /// # Errors
    /// What the file system says; nothing can be written from then on.
    pub fn require_beginning(&self, chain: &Chain) -> io::Result<()> {
        let wanted = earliest(chain);
        if self.held_from() <= wanted.sequence + 1 {
            return Ok(());
        }
        self.writing(|files| {
            let empty = files.main.another(Kind::Segment, wanted);
            let behind = std::mem::replace(&mut files.main, empty);
            if !behind.is_empty() {
                files.ahead.push_front(behind.into_ahead()?);
            }
            Ok(())
        })?;
        self.tell();
        Ok(())
    }

    /// Appends entries that were fetched and verified: they must follow what is held. Blocks.
    ///
    /// # Errors
    /// What the file system says; nothing can be written from then on.
    pub fn fill(&self, entries: &[Recorded]) -> io::Result<()> {
        self.writing(|files| {
            for entry in entries {
                files.main.append(&entry.canonical, entry.hash)?;
            }
            Ok(())
        })?;
        self.join_ahead()
    }

    /// Takes in what stands behind a gap that is filled. Blocks.
    fn join_ahead(&self) -> io::Result<()> {
        let joined = self.writing(|files| {
            while let Some(next) = files.ahead.front() {
                if next.begins().sequence > files.main.head().sequence {
                    break;
                }
                files.join_first()?;
            }
            Ok(())
        });
        self.tell();
        joined
    }

    /// Everything that writes: after a failure nothing is written any more, because what stands at the end of the
    /// file is not known.
    fn writing<T>(&self, write: impl FnOnce(&mut Files) -> io::Result<T>) -> io::Result<T> {
        let mut files = self.shared.files.lock();
        if let Some(why) = &files.failed {
            return Err(io::Error::other(why.clone()));
        }
        let written = write(&mut files);
        if let Err(error) = &written {
            files.failed = Some(format!("the ledger cannot be written: {error}"));
            metrics::gauge!("controld_ledger_failed").set(1.0);
        }
        written
    }

    fn tell(&self) {
        let head = self.head().sequence;
        metrics::gauge!("controld_ledger_held").set(head as f64);
        self.shared
            .held
            .send_if_modified(|held| std::mem::replace(held, head) != head);
    }
}

impl Recorder for LedgerStore {
    fn record(&self, entries: &[Entry]) -> io::Result<()> {
        self.writing(|files| {
            for entry in entries {
                let canonical = encoding::encode(entry);
                let hash = encoding::hash(&canonical);
                files.place(entry, &canonical, hash)?;
            }
            Ok(())
        })?;
        self.tell();
        Ok(())
    }

    fn replaced(&self, chain: &Chain) -> io::Result<()> {
        self.writing(|files| {
            let begins = earliest(chain);
            if files.main.is_empty() && files.main.begins().sequence < begins.sequence {
                files.main.begin_at(begins);
            }
            files.compare(chain.head())
        })?;
        self.tell();
        Ok(())
    }
}

impl Journal for LedgerStore {
    fn sync(&self) -> io::Result<()> {
        let unsynced = self.writing(|files| {
            let ahead = files.ahead.iter_mut().flat_map(Run::take_unsynced);
            let ahead: Vec<_> = ahead.collect();
            Ok([files.main.take_unsynced(), ahead].concat())
        })?;
        // Without the lock: entries go on being written meanwhile.
        let synced = run::sync(&self.shared.dir, &unsynced);
        self.writing(|_| synced)
    }
}

/// The first entry that a member without any can still verify by the state.
fn earliest(chain: &Chain) -> Head {
    match chain.sealed().first() {
        Some(first) if chain.sealed().len() >= control_plane_ledger::chain::SEALED_KEPT_MAX => first.begins(),
        _ => chain.begins(),
    }
}

impl Files {
    /// Puts an entry where it belongs: at the end, behind a gap, or nowhere if it is held already.
    fn place(&mut self, entry: &Entry, canonical: &[u8], hash: Digest) -> io::Result<()> {
        let after = Head {
            sequence: entry.sequence - 1,
            hash: entry.previous,
        };
        let here = Head {
            sequence: entry.sequence,
            hash,
        };
        let mut runs = std::iter::once(&mut self.main).chain(&mut self.ahead);
        if let Some(run) = runs.find(|run| run.holds(entry.sequence)) {
            return run.compare(here);
        }
        let mut runs = std::iter::once(&mut self.main).chain(&mut self.ahead);
        if let Some(run) = runs.find(|run| run.head().sequence == after.sequence) {
            run.compare(after)?;
            return run.append(canonical, hash);
        }
        let mut run = self.main.another(Kind::Ahead, after);
        run.append(canonical, hash)?;
        let at = self
            .ahead
            .partition_point(|known| known.begins().sequence < after.sequence);
        self.ahead.insert(at, run);
        Ok(())
    }

    /// What is held must be what the state says.
    fn compare(&self, head: Head) -> io::Result<()> {
        let mut runs = std::iter::once(&self.main).chain(&self.ahead);
        match runs.find(|run| run.holds(head.sequence)) {
            Some(run) => run.compare(head),
            None => Ok(()),
        }
    }

    /// Appends the first of the runs ahead to the main one, whose end it begins at, and removes it.
    fn join_first(&mut self) -> io::Result<()> {
        let Some(run) = self.ahead.pop_front() else {
            return Ok(());
        };
        if let Err(error) = self.main.compare(run.begins()) {
            tracing::error!(%error, "a part of the ledger does not follow the rest: set aside");
            return run.set_aside();
        }
        for entry in run.entries()? {
            if !self.main.holds(run.sequence_of(&entry)) {
                self.main.append(&entry.canonical, entry.hash)?;
            }
        }
        // Durable in its new place before it is removed from the old one.
        let unsynced = self.main.take_unsynced();
        run::sync(self.main.dir(), &unsynced)?;
        run.remove()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod worlds;
