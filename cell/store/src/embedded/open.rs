//! Opening, in the order that keeps evidence: lock, read the mark, read the journals, judge; only then change
//! anything: rewrite the tail, let fjall recover, judge again, and mark the store as open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use fjall::compaction::Leveled;
use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::journal::{First, Journal};
use super::mark::{Durable, Mark};
use super::marker::{self, Ending};
use super::snapshot::EmbeddedSnapshot;
use super::writer::Writer;
use super::{
    Embedded, EmbeddedOptions, OpenError, POSITION_KEY, QUEUE_COMMITS_MAX, Shared, journal, tail, watch,
};

/// Memory for rows that are in no table yet, and size of a table. A table is made durable in one piece, and commits
/// meanwhile wait for the disk behind it: with small ones nobody waits for long, and a start reads less of the journals.
const TABLE_BYTES: u64 = 8 << 20;

/// The note that a journal was found missing.
const MISSING: &str = "journal-missing";

pub(super) fn open(dir: &Path, options: EmbeddedOptions) -> Result<Embedded, OpenError> {
    create_dir(dir)?;
    let engine_dir = dir.join("fjall");
    refuse_if_found_missing(dir)?;
    let (mut mark, durable) = Mark::open(dir, !engine_dir.exists())?;
    let first = recover_tail(dir, &engine_dir, durable)?;
    let (database, data) = open_engine(&engine_dir, &options)?;
    tail::sync_dir(dir)?;
    refuse_if_journal_is_gone(dir, &data, first)?;
    let version = EmbeddedSnapshot::new(database.snapshot(), data.clone());
    let position = position(&version, &engine_dir)?;
    refuse_if_behind(dir, Some(position), durable)?;
    tail::drop_evidence(dir)?;
    mark.write(position, false)
        .map_err(OpenError::io("write", &super::mark::path(dir)))?;
    let shared = Arc::new(Shared::new(version, position));
    let (requests, receiver) = mpsc::channel(QUEUE_COMMITS_MAX);
    let writer = Writer {
        database,
        data,
        requests: receiver,
        shared: Arc::clone(&shared),
        mode: persist_mode(&options),
        usual: 1,
        #[cfg(test)]
        stall: Arc::clone(&options.stall),
    };
    let threads = start(writer, mark, options.stall_max, dir)?;
    Ok(Embedded {
        shared,
        requests: Some(requests),
        threads: Mutex::new(threads),
    })
}

#[cfg(not(test))]
fn persist_mode(_options: &EmbeddedOptions) -> PersistMode {
    PersistMode::SyncAll
}

#[cfg(test)]
fn persist_mode(options: &EmbeddedOptions) -> PersistMode {
    if options.skip_fsync {
        PersistMode::Buffer
    } else {
        PersistMode::SyncAll
    }
}

/// Makes the directory and makes its name durable, and that of each directory above it that is new.
fn create_dir(dir: &Path) -> Result<(), OpenError> {
    let here = Path::new(".");
    let new: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| !dir.exists() && **dir != *Path::new(""))
        .collect();
    std::fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
    new.iter().filter_map(|dir| dir.parent()).try_for_each(|parent| {
        tail::sync_dir(if parent.as_os_str().is_empty() {
            here
        } else {
            parent
        })
    })
}

/// Judges the journals, and after an unclean stop makes their tail durable anew. Answers the first batch in them.
fn recover_tail(dir: &Path, engine_dir: &Path, durable: Option<Durable>) -> Result<Option<First>, OpenError> {
    let journals = journal::scan(engine_dir)?;
    let first = journals.iter().find_map(|journal| journal.first);
    let last = journals.iter().rev().find_map(|journal| journal.last);
    remove_if_never_made(engine_dir, &journals, durable)?;
    // Journals without a batch say nothing: all may have moved to tables. That is judged after fjall has opened.
    if last.is_some() {
        refuse_if_behind(dir, last, durable)?;
    }
    let Some(durable) = durable.filter(|durable| !durable.clean) else {
        return Ok(first);
    };
    let torn: usize = journals.iter().map(|journal| journal.torn).sum();
    let rewritten = tail::rewrite(dir, engine_dir, &journals, durable.position)?;
    let durable = durable.position;
    tracing::info!(
        torn,
        rewritten,
        durable,
        ?last,
        "the store was not closed in order: its tail is made durable anew"
    );
    Ok(first)
}

/// A crash within the very first opening leaves a directory that fjall neither opens nor makes anew. It holds
/// nothing: no batch, no version, and nothing was ever marked as durable.
fn remove_if_never_made(dir: &Path, journals: &[Journal], durable: Option<Durable>) -> Result<(), OpenError> {
    let empty = journals
        .iter()
        .all(|journal| journal.whole == 0 && journal.torn == 0);
    let never_durable = durable.is_none_or(|durable| durable.position == 0);
    if dir.exists() && !dir.join("version").exists() && empty && never_durable {
        std::fs::remove_dir_all(dir).map_err(OpenError::io("remove the unfinished", dir))?;
    }
    Ok(())
}

fn refuse_if_behind(dir: &Path, found: Option<u64>, durable: Option<Durable>) -> Result<(), OpenError> {
    match (found, durable) {
        (Some(found), Some(durable)) if found < durable.position => Err(OpenError::Behind {
            dir: dir.to_owned(),
            found,
            durable: durable.position,
        }),
        _ => Ok(()),
    }
}

/// fjall answers most damage with an error, some with a panic; both are an error here.
fn open_engine(dir: &Path, options: &EmbeddedOptions) -> Result<(Database, Keyspace), OpenError> {
    let opened = catch_unwind(AssertUnwindSafe(|| -> fjall::Result<_> {
        let builder = Database::builder(dir).worker_threads(options.worker_threads.max(1));
        #[cfg(test)]
        let builder = if options.no_workers {
            builder.worker_threads_unchecked(0)
        } else {
            builder
        };
        let database = builder
            .cache_size(options.cache_bytes)
            .manual_journal_persist(true)
            .journal_compression(fjall::CompressionType::None)
            .open()?;
        let data = database.keyspace("data", layout)?;
        Ok((database, data))
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(fjall::Error::Locked)) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Ok(Err(error)) => Err(OpenError::engine(dir, error)),
        Err(_) => Err(OpenError::engine(dir, "fjall panicked on what it found")),
    }
}

/// Of a store that is made now; one that is there already keeps its own.
fn layout() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(TABLE_BYTES)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
}

/// The tables must hold what came before the oldest journal; if they do not, a journal before it is gone. Says nothing once
/// a worker has moved the first batch to a table, which is soon after opening: so what was found stays written down.
fn refuse_if_journal_is_gone(dir: &Path, data: &Keyspace, first: Option<First>) -> Result<(), OpenError> {
    let Some(first) = first else { return Ok(()) };
    let look = || -> Result<Option<u64>, fjall::LsmError> {
        if data.tree.get_highest_persisted_seqno() >= Some(first.seqno) {
            return Ok(None);
        }
        let row = data.tree.get(POSITION_KEY, first.seqno)?;
        let position = row.map_or(Some(0), |row| row[..].try_into().ok().map(u64::from_be_bytes));
        Ok(position)
    };
    let before = catch_unwind(AssertUnwindSafe(look))
        .unwrap_or(Ok(None))
        .map_err(|error| OpenError::engine(dir, error))?;
    match before {
        Some(before) if before + 1 != first.position => {
            let file = dir.join(MISSING);
            let text = format!(
                "the tables end at {before}, the journals begin at {}\n",
                first.position
            );
            std::fs::write(&file, text).map_err(OpenError::io("write", &file))?;
            tail::sync_dir(dir)?;
            refuse_if_found_missing(dir)
        }
        _ => Ok(()),
    }
}

/// Refuses until a person has taken the note away.
fn refuse_if_found_missing(dir: &Path) -> Result<(), OpenError> {
    let file = dir.join(MISSING);
    if file.exists() {
        return Err(OpenError::Damaged {
            file,
            offset: 0,
            reason: "a journal is missing before the oldest one",
        });
    }
    Ok(())
}

fn position(version: &EmbeddedSnapshot, dir: &Path) -> Result<u64, OpenError> {
    let Some(row) = version
        .read(POSITION_KEY)
        .map_err(|error| OpenError::engine(dir, error))?
    else {
        return Ok(0);
    };
    let bytes = row[..]
        .try_into()
        .map_err(|_| OpenError::engine(dir, "the row of the position is damaged"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Starts the marker, the watcher and the writer; when the writer ends, they do, and the last mark is written.
fn start(
    writer: Writer,
    mark: Mark,
    stall_max: Duration,
    dir: &Path,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let spawn_error = || OpenError::io("start the threads of", dir);
    let (shared, ending) = (Arc::clone(&writer.shared), Arc::new(Ending::default()));
    let (shared_of_marker, ending_of_marker) = (Arc::clone(&shared), Arc::clone(&ending));
    let database = writer.database.clone();
    let marking = std::thread::Builder::new()
        .name("store-mark".into())
        .spawn(move || {
            // The database is closed before the mark is given back: then the store is.
            let database = database;
            marker::run(mark, &database, &shared_of_marker, &ending_of_marker)
        })
        .map_err(spawn_error())?;
    let (shared_of_watcher, ending_of_watcher) = (Arc::clone(&shared), Arc::clone(&ending));
    let watching = std::thread::Builder::new()
        .name("store-watch".into())
        .spawn(move || watch::run(&shared_of_watcher, &ending_of_watcher, stall_max))
        .map_err(spawn_error())?;
    let writing = std::thread::Builder::new()
        .name("store-write".into())
        .spawn(move || {
            let closers = catch_unwind(AssertUnwindSafe(|| writer.run())).unwrap_or_else(|_| {
                shared.stop("the writer panicked");
                Vec::new()
            });
            ending.end();
            drop(watching.join());
            if let Ok(mark) = marking.join() {
                close(mark, &shared, closers);
            }
        })
        .map_err(spawn_error())?;
    Ok(vec![writing])
}

/// The last mark: clean, unless the engine has failed.
fn close(mut mark: Mark, shared: &Shared, closers: Vec<oneshot::Sender<()>>) {
    if !shared.is_stopped() {
        if let Err(error) = mark.write(shared.position.load(Ordering::Acquire), true) {
            tracing::error!(error = %error, "the last mark cannot be written: the next start will check the tail");
        }
        shared.stop("the engine is closed");
    }
    drop(mark);
    drop(closers);
}
