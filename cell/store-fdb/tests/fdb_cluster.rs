//! The conformance suite, when `MERIDIAN_FDB_CLUSTER_FILE` names a cluster. It never did where this was written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::conformance::{self, Factory};
use cell_store::{KeyRange, Store, WriteBatch};
use cell_store_fdb::{Fdb, Settings};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};
use tokio::sync::OnceCell;

const CLUSTER_FILE: &str = "MERIDIAN_FDB_CLUSTER_FILE";
/// Rows that are cleared at a time.
const PAGE_ROWS: usize = 500;

/// The library is opened once in a process, so all checks share one cell, emptied for each.
struct FdbFactory {
    cluster_file: PathBuf,
    cell: CellId,
    tasks: TaskGroup,
    opened: OnceCell<Arc<Fdb>>,
}

#[async_trait]
impl Factory for FdbFactory {
    fn name(&self) -> &str {
        "fdb"
    }

    async fn place(&self) -> Result<PathBuf, String> {
        let store = self.open(Path::new("")).await?;
        let all = KeyRange::prefix("");
        loop {
            // A batch clears a bounded number of keys by range: as many as a page has.
            let failed = |error: &dyn std::error::Error| error.to_string();
            let snapshot = store.snapshot().await.map_err(|error| failed(&error))?;
            let page = snapshot.scan(&all, PAGE_ROWS, false).await;
            let page = page.map_err(|error| failed(&error))?;
            let Some((last, _)) = page.rows.last() else {
                return Ok(PathBuf::new());
            };
            let mut clear = WriteBatch::new();
            clear.clear_range(KeyRange {
                start: all.start.clone(),
                end: [&last[..], &[0]].concat().into(),
            });
            let cleared = store.commit(clear, Vec::new()).await;
            cleared.map_err(|error| failed(&error))?;
        }
    }

    fn reopens(&self) -> Result<(), String> {
        Err("the client is started once in a process".into())
    }

    async fn open(&self, _place: &Path) -> Result<Arc<dyn Store>, String> {
        let settings = Settings {
            cluster_file: self.cluster_file.clone(),
            world: WorldId::new(&"7e57".repeat(16)).expect("64 hex digits"),
            cell: self.cell.clone(),
            ready_within: Duration::from_secs(10),
            claims: true,
        };
        let open = || Fdb::open(settings, Clock::system(), &self.tasks);
        let store = self
            .opened
            .get_or_try_init(open)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Arc::<Fdb>::clone(store))
    }

    async fn place_on_lossy_disk(&self) -> Result<PathBuf, String> {
        Err("the disks are the cluster's".into())
    }

    async fn place_on_small_disk(&self) -> Result<PathBuf, String> {
        Err("the disks are the cluster's".into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(cluster_file) = std::env::var_os(CLUSTER_FILE) else {
        println!("skipped: the conformance suite on FoundationDB: set {CLUSTER_FILE}");
        return;
    };
    let factory = FdbFactory {
        cluster_file: cluster_file.into(),
        cell: format!("test-{:016x}", random::u64()).parse().expect("a cell"),
        tasks: TaskGroup::new(),
        opened: OnceCell::new(),
    };
    let report = conformance::run(&factory).await;
    println!("{report}");
    assert!(report.passed(), "{report}");
}
