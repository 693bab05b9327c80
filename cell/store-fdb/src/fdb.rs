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
use tokio::sync::oneshot;

use crate::keys::{self, KeySpace};
use crate::snapshot::FdbSnapshot;
use crate::{OpenError, Settings, codes, commit, network};

/// For a commit, from its first read on.
pub(crate) const COMMIT_MS: i32 = 4_000;
/// For a snapshot: longer than the cluster keeps its version, so that it expires before it times out.
const SNAPSHOT_MS: i32 = 10_000;
/// How long the cluster keeps a read version, less a margin.
const SNAPSHOT_LIFE: Duration = Duration::from_millis(4_500);
/// Between two tries of an open.
const PAUSE: Duration = Duration::from_millis(250);

/// What all calls share. The database is dropped before the network.
pub(crate) struct Shared {
    pub database: Database,
    pub keys: KeySpace,
    pub clock: Clock,
    _network: NetworkAutoStop,
}

impl Shared {
    /// A transaction with bounds: by default it is tried for ever.
    pub fn begin(&self, within_ms: i32) -> FdbResult<Transaction> {
        let transaction = self.database.create_trx()?;
        transaction.set_option(TransactionOption::Timeout(within_ms))?;
        transaction.set_option(TransactionOption::RetryLimit(0))?;
        Ok(transaction)
    }

    pub fn limits() -> Limits {
        Limits {
            snapshot_life: Some(SNAPSHOT_LIFE),
            ..Limits::PORTABLE
        }
    }
}

/// A cell's rows on a FoundationDB cluster.
pub struct Fdb {
    shared: Arc<Shared>,
    tasks: TaskGroup,
}

impl Fdb {
    /// Opens the cell's rows; once in a process. An empty cluster becomes this world's.
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
        claim_when_ready(&shared, &settings).await?;
        Ok(Arc::new(Self {
            shared: Arc::new(shared),
            tasks: tasks.clone(),
        }))
    }
}

/// Waits until the cluster answers; makes sure that it holds this world's data, or nothing.
async fn claim_when_ready(shared: &Shared, settings: &Settings) -> Result<(), OpenError> {
    let began = shared.clock.monotonic();
    loop {
        let reason = match claim(shared, settings).await {
            Ok(found) if found == settings.world.as_str() => return Ok(()),
            Ok(found) => {
                return Err(OpenError::OtherWorld {
                    found,
                    ours: settings.world.to_string(),
                });
            }
            Err(error) => error.message().to_owned(),
        };
        if shared.clock.monotonic().saturating_sub(began) + PAUSE >= settings.ready_within {
            return Err(OpenError::NotReady { reason });
        }
        tracing::info!(reason, "waiting for the FoundationDB cluster");
        shared.clock.sleep(PAUSE).await;
    }
}

/// Whose the cluster is, after a try to make it ours.
async fn claim(shared: &Shared, settings: &Settings) -> FdbResult<String> {
    let transaction = shared.begin(COMMIT_MS)?;
    if let Some(found) = transaction.get(&keys::marker(), false).await? {
        return Ok(String::from_utf8_lossy(&found).into_owned());
    }
    transaction.set(&keys::marker(), settings.world.as_str().as_bytes());
    // A commit that nobody heard of is read at the next try.
    transaction.commit().await.map_err(foundationdb::FdbError::from)?;
    Ok(settings.world.to_string())
}

#[async_trait]
impl Store for Fdb {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let unavailable = |error: foundationdb::FdbError| StoreError::Unavailable {
            reason: reason(error.code(), error.message()),
        };
        let transaction = self.shared.begin(SNAPSHOT_MS).map_err(unavailable)?;
        transaction.get_read_version().await.map_err(unavailable)?;
        metrics::counter!("cell_store_fdb_calls_total", "call" => "snapshot").increment(1);
        Ok(Arc::new(FdbSnapshot::new(Arc::clone(&self.shared), transaction)))
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.limits().check_commit(&batch, &fences)?;
        let (answer, outcome) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let began = shared.clock.monotonic();
        self.tasks.spawn("fdb commit", async move {
            // The caller may have gone.
            let _ = answer.send(commit::commit(&shared, &batch, &fences).await);
        });
        let ended = || CommitError::Unknown {
            reason: "the process ends".into(),
        };
        let committed = outcome.await.unwrap_or_else(|_| Err(ended()));
        let took = self.shared.clock.monotonic().saturating_sub(began);
        metrics::counter!("cell_store_fdb_calls_total", "call" => "commit").increment(1);
        metrics::histogram!("cell_store_fdb_call_seconds", "call" => "commit").record(took.as_secs_f64());
        committed
    }

    fn limits(&self) -> Limits {
        Shared::limits()
    }
}

/// For people: the library's words, with a hint where there is one.
pub(crate) fn reason(code: i32, message: &str) -> String {
    format!("{message} ({code}){}", codes::hint(code))
}

/// Bytes of the library, copied out.
pub(crate) fn copied(slice: &[u8]) -> Bytes {
    Bytes::copy_from_slice(slice)
}
