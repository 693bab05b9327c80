//! The store: hands out snapshots and runs commits, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::{
    CommitError, Fence, KeyRange, Limits, Mutation, Snapshot, Store, StoreError, Value, WriteBatch,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tikv_client::{Timestamp, TransactionClient};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::attempt;
use crate::failure::ReadFailure;
use crate::keys::KeySpace;
use crate::meters::{self, Call};
use crate::snapshot::TikvSnapshot;
use crate::{Health, OpenError, Settings, commit, decide, health, janitor, open};

/// Commits under way at once; one more waits, and is refused unwritten when its time is over.
const COMMITS_MAX: usize = 256;
/// The client locks in requests of so many bytes of keys and values, and sends the keys of the whole transaction with
/// each.
const REQUEST_BYTES: usize = 16 << 10;
/// Bytes of keys that one commit may so send together. More would not be over in a commit's time.
const SENT_KEY_BYTES_MAX: usize = 256 << 20;

/// What all calls share.
pub(crate) struct Shared {
    pub client: TransactionClient,
    pub settings: Settings,
    pub keys: KeySpace,
    pub clock: Clock,
    /// Where the client was opened, and its calls run ([`attempt`]).
    pub home: Handle,
}

impl Shared {
    /// What every engine keeps, and how long the cluster keeps what a snapshot shows.
    pub fn limits(&self) -> Limits {
        Limits {
            snapshot_life: Some(self.settings.snapshot_life),
            ..Limits::PORTABLE
        }
    }

    /// See [`attempt::retried`].
    pub async fn retried<T, F, Fut>(&self, call: F) -> Result<T, ReadFailure>
    where
        T: Send + 'static,
        F: FnMut() -> Fut,
        Fut: Future<Output = tikv_client::Result<T>> + Send + 'static,
    {
        attempt::retried(&self.clock, &self.home, call).await
    }

    /// On the cluster's clock.
    pub async fn timestamp(&self) -> Result<Timestamp, ReadFailure> {
        let asked = || {
            let client = self.client.clone();
            async move { client.current_timestamp().await }
        };
        self.retried(asked).await
    }
}

/// A cell's rows on a TiKV cluster. Several processes of the cell may have it open at once: fences order them.
pub struct Tikv {
    shared: Arc<Shared>,
    /// The cluster holds this world's data, and not nothing.
    is_claimed: bool,
    tasks: TaskGroup,
    commits: Arc<Semaphore>,
}

impl std::fmt::Debug for Tikv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tikv")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl Tikv {
    /// Opens the cell's rows: checks the settings, waits until the cluster answers, makes sure that it holds this
    /// world's data. An empty cluster becomes this world's, if the settings say so. Its janitor and its commits run in `tasks`,
    /// and they and all reads on the runtime of whoever opens it.
    ///
    /// # Errors
    /// See [`OpenError`]: what is wrong for good is told at once, the rest after [`Settings::ready_within`].
    pub async fn open(settings: Settings, clock: Clock, tasks: &TaskGroup) -> Result<Arc<Self>, OpenError> {
        settings.check()?;
        let (client, is_claimed) = open::when_ready(&settings, &clock).await?;
        let tasks = tasks.on(&Handle::current());
        let shared = Arc::new(Shared {
            client,
            keys: KeySpace::of(&settings.cell),
            settings,
            clock,
            home: Handle::current(),
        });
        tasks.spawn("tikv janitor", janitor::run(Arc::clone(&shared), tasks.token()));
        Ok(Arc::new(Self {
            shared,
            is_claimed,
            tasks,
            commits: Arc::new(Semaphore::new(COMMITS_MAX)),
        }))
    }

    /// Resolves the locks of the cell that are older than `age`, as the janitor does from time to time; answers how many
    /// there were. It takes a transaction that still runs for a dead one: `age` is above what any may last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn resolve_locks(&self, age: Duration) -> Result<usize, StoreError> {
        let resolved = janitor::resolve_older(&self.shared, age).await;
        resolved.map_err(|reason| StoreError::Unavailable { reason })
    }

    /// How the cluster is: its clock, locks that nobody ends, its stores.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn health(&self) -> Result<Health, StoreError> {
        let found = health::health(&self.shared, self.is_claimed).await;
        found.map_err(|reason| StoreError::Unavailable { reason })
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, CommitError> {
        let within = Duration::from_millis(self.limits().commit_ms_max);
        let permit = tokio::time::timeout(within, Arc::clone(&self.commits).acquire_owned()).await;
        permit
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| CommitError::Unavailable {
                reason: format!("{COMMITS_MAX} commits are under way and none has ended"),
            })
    }

    /// In a task of its own, so that a caller that goes away leaves no locks behind for others to wait out.
    async fn commit_in_task(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let permit = self.permit().await?;
        let (answer, outcome) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn("tikv commit", async move {
            let committed = commit::commit(&shared, &batch, &fences).await;
            drop(permit);
            // The caller may have gone.
            let _ = answer.send(committed);
        });
        let ended = || CommitError::Unknown {
            reason: "the process ends".into(),
        };
        outcome.await.unwrap_or_else(|_| Err(ended()))
    }
}

#[async_trait]
impl Store for Tikv {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let opened = self.shared.clock.monotonic();
        let at = self.shared.timestamp().await;
        let took = self.shared.clock.monotonic().saturating_sub(opened);
        match at {
            Ok(at) => {
                meters::note(Call::Snapshot, "ok", took);
                Ok(Arc::new(TikvSnapshot::new(Arc::clone(&self.shared), at, opened)))
            }
            Err(failure) => {
                meters::note(Call::Snapshot, "unavailable", took);
                Err(StoreError::Unavailable {
                    reason: failure.reason,
                })
            }
        }
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.limits().check_commit(&batch, &fences)?;
        check_sent(&batch)?;
        let began = self.shared.clock.monotonic();
        let committed = self.commit_in_task(batch, fences).await;
        let took = self.shared.clock.monotonic().saturating_sub(began);
        meters::note(Call::Commit, outcome(&committed), took);
        committed
    }

    async fn decide(&self, range: &KeyRange) -> Result<(), StoreError> {
        let began = self.shared.clock.monotonic();
        let decided = decide::decide(&self.shared, range).await;
        let took = self.shared.clock.monotonic().saturating_sub(began);
        let outcome = if decided.is_ok() { "ok" } else { "unavailable" };
        meters::note(Call::Decide, outcome, took);
        let locks = decided.map_err(|reason| StoreError::Unavailable { reason })?;
        if locks > 0 {
            meters::note_orphans(locks);
            tracing::info!(
                locks,
                took_ms = took.as_millis(),
                "commits of others were decided"
            );
        }
        Ok(())
    }

    async fn settled(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let began = self.shared.clock.monotonic();
        let read = decide::settled(&self.shared, key).await;
        let took = self.shared.clock.monotonic().saturating_sub(began);
        let outcome = if read.is_ok() { "ok" } else { "unavailable" };
        meters::note(Call::Get, outcome, took);
        read.map_err(|reason| StoreError::Unavailable { reason })
    }

    fn limits(&self) -> Limits {
        self.shared.limits()
    }
}

/// What of a batch within all limits this engine cannot commit in time: hundreds of very long keys.
fn check_sent(batch: &WriteBatch) -> Result<(), CommitError> {
    let of_key = |mutation: &Mutation| match mutation {
        Mutation::Put { key, .. } | Mutation::Clear { key } => key.len(),
        Mutation::ClearRange { .. } => 0,
    };
    let keys: usize = batch.mutations().iter().map(of_key).sum();
    let sent = keys * batch.bytes().div_ceil(REQUEST_BYTES);
    if sent > SENT_KEY_BYTES_MAX {
        return Err(CommitError::TooLarge {
            what: "batch_key_bytes as TiKV's client sends them",
            actual: sent,
            max: SENT_KEY_BYTES_MAX,
        });
    }
    Ok(())
}

fn outcome(committed: &Result<(), CommitError>) -> &'static str {
    match committed {
        Ok(()) => "ok",
        Err(CommitError::Fenced { .. }) => "fenced",
        Err(CommitError::TooLarge { .. } | CommitError::Invalid { .. }) => "refused",
        Err(CommitError::Unavailable { .. }) => "unavailable",
        Err(CommitError::Unknown { .. }) => "unknown",
    }
}
