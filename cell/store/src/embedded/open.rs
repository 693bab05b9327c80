//! Opening, in the order that keeps evidence: lock, read the mark, read the journals, judge; only then change
//! anything: rewrite the tail, let fjall recover, judge again, and mark the store as open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

use super::journal::Journal;
use super::mark::{Durable, Mark};
use super::marker::{self, Ending};
use super::snapshot::EmbeddedSnapshot;
use super::writer::Writer;
use super::{Embedded, EmbeddedOptions, OpenError, POSITION_KEY, QUEUE_COMMITS_MAX, Shared, journal, tail};

pub(super) fn open(dir: &Path, options: EmbeddedOptions) -> Result<Embedded, OpenError> {
    create_dir(dir)?;
    let engine_dir = dir.join("fjall");
    let (mut mark, durable) = Mark::open(dir, !engine_dir.exists())?;
    recover_tail(dir, &engine_dir, durable)?;
    let (database, data) = open_engine(&engine_dir, &options)?;
    tail::sync_dir(dir)?;
    let version = EmbeddedSnapshot::new(database.snapshot(), data.clone());
    let position = position(&version, &engine_dir)?;
    refuse_if_behind(dir, Some(position), durable)?;
    mark.write(position, false)
        .map_err(OpenError::io("write", &super::mark::path(dir)))?;
    let shared = Arc::new(Shared {
        published: RwLock::new(Arc::new(version)),
        stopped: AtomicBool::new(false),
        stop_reason: Mutex::default(),
        fsyncs: AtomicU64::new(0),
        fsync_us: AtomicU64::new(0),
        commits: AtomicU64::new(0),
        position: AtomicU64::new(position),
    });
    let (requests, receiver) = mpsc::channel(QUEUE_COMMITS_MAX);
    let writer = Writer {
        database,
        data,
        requests: receiver,
        shared: Arc::clone(&shared),
        mode: persist_mode(&options),
    };
    let threads = start(writer, mark, &shared, dir)?;
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

/// Judges the journals, and after an unclean stop makes their tail durable anew.
fn recover_tail(dir: &Path, engine_dir: &Path, durable: Option<Durable>) -> Result<(), OpenError> {
    let journals = journal::scan(engine_dir)?;
    let last = journals.iter().rev().find_map(|journal| journal.last);
    remove_if_never_made(engine_dir, &journals, durable)?;
    // Journals without a batch say nothing: all may have moved to tables. That is judged after fjall has opened.
    if last.is_some() {
        refuse_if_behind(dir, last, durable)?;
    }
    let Some(durable) = durable.filter(|durable| !durable.clean) else {
        return Ok(());
    };
    let torn: usize = journals.iter().map(|journal| journal.torn).sum();
    let rewritten = tail::rewrite(engine_dir, &journals, durable.position)?;
    let durable = durable.position;
    tracing::info!(
        torn,
        rewritten,
        durable,
        ?last,
        "the store was not closed in order: its tail is made durable anew"
    );
    Ok(())
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
        let database = Database::builder(dir)
            .cache_size(options.cache_bytes)
            .worker_threads(options.worker_threads.max(1))
            .manual_journal_persist(true)
            .journal_compression(fjall::CompressionType::None)
            .open()?;
        let data = database.keyspace("data", KeyspaceCreateOptions::default)?;
        Ok((database, data))
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(fjall::Error::Locked)) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Ok(Err(error)) => Err(OpenError::engine(dir, error)),
        Err(_) => Err(OpenError::engine(dir, "fjall panicked on what it found")),
    }
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

/// Starts the marker and the writer; when the writer ends, the marker does, and the last mark is written.
fn start(
    writer: Writer,
    mark: Mark,
    shared: &Arc<Shared>,
    dir: &Path,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let spawn_error = || OpenError::io("start the threads of", dir);
    let ending = Arc::new(Ending::default());
    let (shared_of_marker, ending_of_marker) = (Arc::clone(shared), Arc::clone(&ending));
    let marking = std::thread::Builder::new()
        .name("store-mark".into())
        .spawn(move || marker::run(mark, &shared_of_marker, &ending_of_marker))
        .map_err(spawn_error())?;
    let shared = Arc::clone(shared);
    let writing = std::thread::Builder::new()
        .name("store-write".into())
        .spawn(move || {
            let closers = catch_unwind(AssertUnwindSafe(|| writer.run())).unwrap_or_else(|_| {
                shared.stop("the writer panicked");
                Vec::new()
            });
            ending.end();
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
