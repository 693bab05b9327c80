//! The engine for the conformance suite: places are cells of the cluster, other processes are this test binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use cell_store::Store;
use cell_store::conformance::{Factory, write_until_killed};
use platform_model::CellId;

use super::cluster::{Cluster, new_cell};

const PLACE: &str = "CELL_STORE_TIKV_TEST_PLACE";

pub(super) struct TikvFactory {
    cluster: Cluster,
}

impl TikvFactory {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

fn cell(place: &Path) -> Result<CellId, String> {
    let name = place.to_str().ok_or("a place is the name of a cell")?;
    name.parse().map_err(|error| format!("{error}"))
}

async fn open(cluster: &Cluster, place: &Path) -> Result<Arc<dyn Store>, String> {
    let opened = cluster.open(cluster.settings(&cell(place)?)).await;
    Ok(opened.map_err(|error| format!("{error}: {}", error.hint()))?)
}

#[async_trait]
impl Factory for TikvFactory {
    fn name(&self) -> &str {
        "tikv"
    }

    async fn place(&self) -> Result<PathBuf, String> {
        Ok(new_cell().to_string().into())
    }

    async fn open(&self, place: &Path) -> Result<Arc<dyn Store>, String> {
        open(&self.cluster, place).await
    }

    fn writer_process(&self, place: &Path) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command
            .args(["--exact", "tests::factory::writer", "--nocapture"])
            .env(PLACE, place);
        Some(command)
    }

    async fn place_on_lossy_disk(&self) -> Result<PathBuf, String> {
        Err("the disks are the cluster's".into())
    }

    async fn place_on_small_disk(&self) -> Result<PathBuf, String> {
        Err("the disks are the cluster's".into())
    }
}

/// Not a test: the process that the suite kills, when it is started with a place.
#[test]
fn writer() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let cluster = Cluster::from_environment("a writer").expect("the suite has a cluster");
        let store = open(&cluster, Path::new(&place)).await.expect("opens");
        let mut out = std::io::stdout();
        writeln!(out).expect("written");
        write_until_killed(store, out).await.expect("commits");
    });
}
