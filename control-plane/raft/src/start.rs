//! What a node does once: opens its files, and follows the library until the end.

use std::path::Path;
use std::sync::Arc;

use openraft::Raft;
use openraft::async_runtime::watch::WatchReceiver;
use platform_runtime::TaskGroup;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::apply::StateMachine;
use crate::config::RaftConfig;
use crate::error::StartError;
use crate::log::{LogStore, OpenError, Opened, Owner};
use crate::machine::Machine;
use crate::network::{Copies, Quiet};
use crate::snapshot::SnapshotStore;
use crate::status::{NodeStatus, Part};
use crate::types::Types;

/// What a data directory holds.
pub struct Files {
    pub log: Opened,
    pub snapshots: Arc<SnapshotStore>,
    pub copies: Arc<Copies>,
}

/// Opens or makes the data directory, off the runtime's threads.
pub async fn open(config: &RaftConfig) -> Result<Files, StartError> {
    let (dir, owner) = (
        config.data_dir.clone(),
        Owner {
            world: config.world.clone(),
            node_id: config.node_id,
        },
    );
    let opening = spawn_blocking(move || {
        std::fs::create_dir_all(&dir).map_err(|source| StartError::Storage {
            dir: dir.clone(),
            source,
        })?;
        let failed = |error: OpenError, path: &Path| open_error(error, path, &dir, &owner);
        let path = dir.join("raft.redb");
        let log = LogStore::open(&path, &owner).map_err(|e| failed(e, &path))?;
        let path = dir.join("snapshots");
        let snapshots = SnapshotStore::open(path.clone()).map_err(|e| failed(e.into(), &path))?;
        let path = dir.join("copies.json");
        let copies = Copies::open(path.clone(), log.copy).map_err(|e| failed(e.into(), &path))?;
        Ok(Files {
            log,
            snapshots: Arc::new(snapshots),
            copies: Arc::new(copies),
        })
    });
    let failed = |e| StartError::Storage {
        dir: config.data_dir.clone(),
        source: std::io::Error::other(e),
    };
    opening.await.map_err(failed)?
}

fn open_error(error: OpenError, path: &Path, dir: &Path, owner: &Owner) -> StartError {
    let (path, dir) = (path.to_owned(), dir.to_owned());
    match error {
        OpenError::InUse => StartError::InUse { path },
        OpenError::ForeignOwner { found } if found.world != owner.world => StartError::WrongWorld {
            dir,
            found: found.world,
            expected: owner.world.clone(),
        },
        OpenError::ForeignOwner { found } => StartError::WrongNode {
            dir,
            found: found.node_id,
            expected: owner.node_id,
        },
        OpenError::Damaged(reason) => StartError::Damaged { path, reason },
        OpenError::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => StartError::Damaged {
            path,
            reason: source.to_string(),
        },
        OpenError::Io(source) => StartError::Storage { dir, source },
    }
}

/// Publishes the status, lets a restarted node campaign once its promise has run out, and stops with the group.
pub fn follow<M: Machine>(
    raft: &Raft<Types, StateMachine<M>>,
    quiet: Quiet,
    tasks: &TaskGroup,
) -> watch::Receiver<NodeStatus> {
    let mut metrics = raft.metrics();
    let (publish, status) = watch::channel(NodeStatus::of(&metrics));
    let (raft, ended) = (raft.clone(), tasks.token());
    tasks.spawn("raft-status", async move {
        let mut silent = !quiet.left().is_zero();
        loop {
            tokio::select! {
                () = ended.cancelled() => break,
                changed = metrics.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(quiet.left()), if silent => silent = false,
            }
            raft.runtime_config().elect(!silent);
            let now = NodeStatus::of(&metrics);
            record(&now);
            publish.send_replace(now);
        }
        // The core reports how it ended through its metrics.
        let _ = raft.shutdown().await;
    });
    status
}

fn record(status: &NodeStatus) {
    metrics::gauge!("raft_term").set(status.term as f64);
    metrics::gauge!("raft_is_leader").set(f64::from(u8::from(status.part == Part::Leader)));
    metrics::gauge!("raft_committed_index").set(status.committed.unwrap_or(0) as f64);
}
