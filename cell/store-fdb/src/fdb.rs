//! The store: hands out snapshots and runs commits, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};
use foundationdb::api::NetworkAutoStop;
use foundationdb::options::TransactionOption;
use foundationdb::{Database, FdbResult, Transaction};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::keys::KeySpace;
use crate::meters::{self, Call};
use crate::snapshot::FdbSnapshot;
use crate::status::{self, Told};
use crate::{OpenError, Settings, codes, commit, network, open, times};

/// Commits under way at once; one more waits, and is refused unwritten when its time is over.
const COMMITS_MAX: usize = 256;

/// What all calls share. The database is dropped before the network.
pub(crate) struct Shared {
    pub database: Database,
    pub keys: KeySpace,
    pub clock: Clock,
    _network: NetworkAutoStop,
}

impl Shared {
    /// A transaction with bounds: by default it is tried for ever.
    pub fn begin(&self, within: Duration) -> FdbResult<Transaction> {
        let transaction = self.database.create_trx()?;
        transaction.set_option(TransactionOption::Timeout(times::timeout_ms(within)))?;
        transaction.set_option(TransactionOption::RetryLimit(0))?;
        Ok(transaction)
    }

    pub fn limits() -> Limits {
        Limits {
            snapshot_life: Some(times::SNAPSHOT_LIFE),
            ..Limits::PORTABLE
        }
    }
}

/// A cell's rows on a FoundationDB cluster.
pub struct Fdb {
    shared: Arc<Shared>,
    tasks: TaskGroup,
    commits: Arc<Semaphore>,
    /// The cluster holds this world's data, and not nothing.
    is_claimed: bool,
}

impl Fdb {
    /// Opens the cell's rows; once in a process. An empty cluster becomes this world's, if the settings say so.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(settings: Settings, clock: Clock, tasks: &TaskGroup) -> Result<Arc<Self>, OpenError> {
        settings.check()?;
        let network = network::start()?;
        let path = settings.cluster_file.to_string_lossy().into_owned();
        let database = Database::from_path(&path).map_err(|error| OpenError::ClusterFile {
            path: settings.cluster_file.clone(),
            reason: error.message().into(),
        })?;
        let shared = Shared {
            database,
            keys: KeySpace::of(&settings.cell),
            clock,
            _network: network,
        };
        let is_claimed = open::when_ready(&shared, &settings).await?;
        Ok(Arc::new(Self {
            shared: Arc::new(shared),
            tasks: tasks.clone(),
            commits: Arc::new(Semaphore::new(COMMITS_MAX)),
            is_claimed,
        }))
    }

    /// Whether the cluster held this world's data when it was opened; else it was empty.
    pub fn is_claimed(&self) -> bool {
        self.is_claimed
    }

    /// How the cluster is, as its status tells it: clock, locks, stores, version, space. What cannot be had is not told.
    pub async fn health(&self) -> Vec<Told> {
        match read_status(&self.shared).await {
            Ok(Some(status)) => status::judge(&status, self.shared.clock.unix_s()),
            Ok(None) => status::silent("the cluster has no status"),
            Err(error) => status::silent(&reason(error.code(), error.message())),
        }
    }

    /// Waits for its turn, no longer than the commit may take.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, CommitError> {
        let waiting = Arc::clone(&self.commits).acquire_owned();
        let permit = tokio::time::timeout(times::commit_within(), waiting).await;
        let taken = permit.ok().and_then(Result::ok);
        taken.ok_or_else(|| CommitError::Unavailable {
            reason: format!("{COMMITS_MAX} commits are under way and none has ended"),
        })
    }

    /// In a task of its own, so that a caller that goes away leaves nothing half done.
    async fn commit_in_task(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let until = self.shared.clock.monotonic() + times::commit_within();
        let permit = self.permit().await?;
        let (answer, outcome) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn("fdb commit", async move {
            let committed = commit::commit(&shared, &batch, &fences, until).await;
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
impl Store for Fdb {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let opened = self.shared.clock.monotonic();
        let transaction = at_a_version(&self.shared).await;
        let took = self.shared.clock.monotonic().saturating_sub(opened);
        match transaction {
            Ok(transaction) => {
                meters::note(Call::Snapshot, "ok", took);
                let shared = Arc::clone(&self.shared);
                Ok(Arc::new(FdbSnapshot::new(shared, transaction, opened)))
            }
            Err(error) => {
                meters::note(Call::Snapshot, "unavailable", took);
                let reason = reason(error.code(), error.message());
                Err(StoreError::Unavailable { reason })
            }
        }
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.limits().check_commit(&batch, &fences)?;
        let began = self.shared.clock.monotonic();
        let committed = self.commit_in_task(batch, fences).await;
        let took = self.shared.clock.monotonic().saturating_sub(began);
        meters::note(Call::Commit, meters::of_commit(&committed), took);
        committed
    }

    fn limits(&self) -> Limits {
        Shared::limits()
    }
}

/// A transaction that has its read version.
async fn at_a_version(shared: &Shared) -> FdbResult<Transaction> {
    let transaction = shared.begin(times::SNAPSHOT_WITHIN)?;
    transaction.get_read_version().await?;
    Ok(transaction)
}

async fn read_status(shared: &Shared) -> FdbResult<Option<Bytes>> {
    let transaction = shared.begin(times::SNAPSHOT_WITHIN)?;
    let status = transaction.get(status::KEY, true).await?;
    Ok(status.map(|status| copied(&status)))
}

/// For people: the library's words, with a hint where there is one.
pub(crate) fn reason(code: i32, message: &str) -> String {
    format!("{message} ({code}){}", codes::hint(code))
}

/// Bytes of the library, copied out.
pub(crate) fn copied(slice: &[u8]) -> Bytes {
    Bytes::copy_from_slice(slice)
}
