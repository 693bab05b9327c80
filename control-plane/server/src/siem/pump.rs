//! From the ledger to one sink: a batch is read, sent, and the cursor moved; then the next.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use control_plane_ledger::{Entry, Recorded, encoding, ocsf};
use platform_runtime::retry::Policy;
use platform_runtime::{Clock, TaskGroup};

use super::cursor::Cursor;
use super::sink::{Event, Sink};
use super::{Sender, SinkError};
use crate::ledger::{LedgerStore, ReadPage};

/// Events in memory at once.
const BATCH_MAX: usize = 256;
/// Between attempts of a sink that fails: doubles up to the cap, for as long as it takes.
const AGAIN: Policy = Policy {
    attempts: u32::MAX,
    base: Duration::from_millis(200),
    cap: Duration::from_secs(30),
    within: Duration::MAX,
};

/// Serves one sink.
pub struct Pump {
    store: LedgerStore,
    sink: Sink,
    sender: Sender,
    cursor: PathBuf,
    clock: Clock,
}

/// Why a batch has to wait.
#[derive(Debug, thiserror::Error)]
enum Waits {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("entry {sequence} of the ledger cannot be read")]
    Damaged { sequence: u64 },
    #[error("the cursor cannot be moved")]
    Cursor(#[source] std::io::Error),
}

impl Pump {
    pub fn new(store: LedgerStore, sink: Sink, sender: Sender, cursor: PathBuf, clock: Clock) -> Self {
        Self {
            store,
            sink,
            sender,
            cursor,
            clock,
        }
    }

    /// Runs until the group ends.
    pub fn start(self, tasks: &TaskGroup) {
        let ended = tasks.token();
        tasks.spawn("siem", async move {
            tokio::select! { () = ended.cancelled() => {}, () = self.run() => {} }
        });
    }

    async fn run(mut self) {
        let mut cursor = Cursor::open(self.cursor.clone(), self.sender.world.as_str());
        let mut held = self.store.held();
        let mut failures = 0;
        loop {
            let last = *held.borrow_and_update();
            let lag = last.saturating_sub(cursor.delivered());
            metrics::gauge!("controld_siem_lag_entries", "sink" => self.sink.name()).set(lag as f64);
            if lag == 0 {
                if held.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.batch(&mut cursor).await {
                Ok(()) => failures = 0,
                Err(waits) => {
                    failures += 1;
                    let sink = self.sink.name();
                    metrics::counter!("controld_siem_failures_total", "sink" => sink).increment(1);
                    tracing::warn!(
                        error = &waits as &dyn Error,
                        sink,
                        lag,
                        "events wait for the SIEM"
                    );
                    self.clock.sleep(AGAIN.wait(failures)).await;
                }
            }
        }
    }

    async fn batch(&mut self, cursor: &mut Cursor) -> Result<(), Waits> {
        let events = self.next(cursor.delivered()).await?;
        let Some(last) = events.last().map(|event| event.sequence) else {
            return Ok(());
        };
        self.sink.send(&events).await?;
        let sent = u64::try_from(events.len()).unwrap_or(0);
        metrics::counter!("controld_siem_events_total", "sink" => self.sink.name()).increment(sent);
        // A small file on a thread that serves little else.
        cursor.move_to(last).map_err(Waits::Cursor)
    }

    /// The events after `delivered`, up to one that cannot be read.
    async fn next(&self, delivered: u64) -> Result<Vec<Event>, Waits> {
        // A member of an old world holds nothing from before the ledger began.
        let from = (delivered + 1).max(self.store.held_from());
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.read(from, BATCH_MAX)).await;
        let ReadPage { entries, damaged } = read.unwrap_or_default();
        let events: Vec<Event> = entries.iter().map_while(|entry| self.event(entry)).collect();
        match events.is_empty() {
            true => Err(Waits::Damaged {
                sequence: damaged.unwrap_or(from),
            }),
            false => Ok(events),
        }
    }

    fn event(&self, recorded: &Recorded) -> Option<Event> {
        let entry: Entry = encoding::decode(&recorded.canonical).ok()?;
        let event = ocsf::event(&entry, &self.sender.source());
        (encoding::hash(&recorded.canonical) == recorded.hash).then(|| Event {
            sequence: entry.sequence,
            time_ms: entry.record.time_ms,
            severity: event["severity_id"].as_u64().unwrap_or(0),
            json: event.to_string(),
        })
    }
}
