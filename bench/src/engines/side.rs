//! An engine with shards on it, and its twin without.
//!
//! The twin gets every commit of the shards, from their opening on. So it holds as much, has as much to flush and to
//! compact, and forms its groups under the same load: a place that began anew with each run would never compact. Its
//! commits are kept too, so that the keeping costs both the same.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use cell_shard::Shard;
use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::WorldId;
use platform_runtime::{Clock, TaskGroup, random};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::record::{Commit, Recorder};
use crate::commit::load::Phase;
use crate::commit::ours;
use crate::commit::rows::Rows;

/// Shards of the node that is measured, so committers.
pub const SHARDS: u16 = 8;
/// The world of tests: a cluster is one world's.
const WORLD: &str = "7e57";
const SHUTDOWN: Duration = Duration::from_secs(10);

/// What is measured.
#[derive(Debug, Clone)]
pub enum Engine {
    /// In folders below this one.
    Embedded(PathBuf),
    /// In cells of the cluster with these placement drivers.
    Tikv(Vec<String>),
}

impl Engine {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Tikv(_) => "tikv",
        }
    }

    /// A place that was never written to.
    async fn fresh(&self, tasks: &TaskGroup) -> Result<Arc<dyn Store>> {
        let name = format!("bench-{:016x}", random::u64());
        match self {
            Self::Embedded(dir) => {
                let opened = Embedded::open(&dir.join(name), EmbeddedOptions::default());
                Ok(opened.context("the engine does not open")?)
            }
            Self::Tikv(pd) => {
                let world = WorldId::new(&WORLD.repeat(16))?;
                let settings = Settings::new(pd.clone(), Tls::Plaintext, world, name.parse()?);
                let opened = Tikv::open(settings, Clock::system(), tasks).await;
                Ok(opened.map_err(|error| anyhow!("{error}; hint: {}", error.hint()))?)
            }
        }
    }
}

/// An open node on an engine, its batches recorded, and a place that gets them without a node.
pub struct Side {
    runtime: Runtime,
    tasks: TaskGroup,
    store: Arc<Recorder>,
    twin: Arc<Recorder>,
    shards: Vec<Shard>,
    rows: Rows,
    clock: Clock,
}

impl Side {
    /// # Errors
    /// Engine or shards do not open.
    pub fn open(engine: &Engine) -> Result<Self> {
        let runtime = Runtime::new().context("no runtime")?;
        let tasks = TaskGroup::new();
        let store = Recorder::new(runtime.block_on(engine.fresh(&tasks))?);
        let twin = Recorder::new(runtime.block_on(engine.fresh(&tasks))?);
        let recorded: Arc<dyn Store> = Arc::<Recorder>::clone(&store);
        let shards = runtime.block_on(ours::open_shards(&recorded, SHARDS, &tasks))?;
        Ok(Self {
            runtime,
            tasks,
            store,
            twin,
            shards,
            rows: Rows::new(),
            clock: Clock::system(),
        })
    }

    /// Runs `clients` for `time`; answers their transactions, and all batches since the last run: those that they became,
    /// and at first those of the opening.
    ///
    /// # Errors
    /// A transaction was not acknowledged.
    pub fn run(&self, clients: usize, time: Duration) -> Result<(Phase, Vec<Vec<Commit>>)> {
        let started = self.clock.monotonic();
        let running = ours::clients_until(&self.shards, &self.rows, &self.tasks, clients, started + time);
        let latencies = self.runtime.block_on(running)?;
        let phase = Phase {
            latencies,
            elapsed: self.clock.monotonic() - started,
            ..Phase::default()
        };
        Ok((phase, self.store.take()))
    }

    /// Does the commits of each group one after the other, under their fences, the groups at once, in the twin; answers
    /// how long that took. Each run's commits are to be done, in the order of the runs.
    ///
    /// # Errors
    /// The engine does not commit.
    pub fn replay(&self, groups: Vec<Vec<Commit>>) -> Result<Duration> {
        let took: Result<Duration> = self.runtime.block_on(async {
            let (done, mut finished) = mpsc::channel(groups.len().max(1));
            let started = self.clock.monotonic();
            for group in groups {
                let (twin, done) = (Arc::clone(&self.twin), done.clone());
                self.tasks.spawn("bench-bare", async move {
                    // The run may have failed by another group and hear no more.
                    let _ = done.send(commit_all(&*twin, group).await).await;
                });
            }
            drop(done);
            while let Some(outcome) = finished.recv().await {
                outcome?;
            }
            Ok(self.clock.monotonic() - started)
        });
        self.twin.take();
        took
    }

    /// Closes shards and tasks in order.
    pub fn close(self) {
        self.runtime.block_on(async {
            for shard in &self.shards {
                shard.close().await;
            }
            self.tasks.shutdown(SHUTDOWN).await;
        });
    }
}

async fn commit_all(store: &dyn Store, commits: Vec<Commit>) -> Result<()> {
    for Commit { batch, fences } in commits {
        store
            .commit(batch, fences)
            .await
            .context("bare does not commit")?;
    }
    Ok(())
}
