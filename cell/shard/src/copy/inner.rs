//! What the tasks of one copy share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cell_store::{Snapshot, Store};
use parking_lot::{Mutex, RwLock};
use platform_runtime::{CancellationToken, Clock};
use tokio::sync::Notify;

use super::core::{Core, Door};
use super::settings::CopySettings;
use crate::applied::Applied;
use crate::keys::ShardKeys;

pub(crate) struct Inner {
    pub settings: Arc<CopySettings>,
    pub core: Mutex<Core>,
    pub door: Arc<RwLock<Door>>,
    pub store: Arc<dyn Store>,
    pub keys: ShardKeys,
    pub clock: Clock,
    pub wake: Arc<Notify>,
    pub stop: CancellationToken,
    /// Cancelled when the copy's task is gone.
    pub ended: CancellationToken,
    /// How often the machine is ticked, in microseconds.
    pub tick_micros: AtomicU64,
}

impl Inner {
    /// A snapshot, and the head of the newest entry that it shows.
    pub(crate) async fn snapshot(&self) -> Option<(Arc<dyn Snapshot>, Applied)> {
        let snapshot = self.store.snapshot().await.ok()?;
        let bytes = snapshot.get(&self.keys.applied).await.ok()?;
        let applied = match bytes {
            Some(bytes) => Applied::decode(&bytes)?,
            None => Applied::default(),
        };
        Some((snapshot, applied))
    }
}

impl Applied {
    pub(crate) fn head(&self) -> cell_replica::Head {
        cell_replica::Head {
            position: self.position,
            term: self.term,
            chain: self.chain,
        }
    }
}
