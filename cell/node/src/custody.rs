//! What operators have done to data at this node: backups of the shards that it serves, copies restored on its disk,
//! people erased. Long work runs beside the requests, a few at a time ([`jobs`]). Backups keep themselves where the settings say
//! so ([`scheduled`]); what is written behind a backup is kept without being asked for ([`keeping`]).
//!
//! Each begin is put on record by the controllers, and asks the law; a backup goes to the one sink that the settings name, if the law names it. Nothing here
//! decides which copy leads: what was restored serves nobody until the controllers take it.

mod backing;
mod erasing;
mod exporting;
mod faults;
mod jobs;
mod keeping;
mod listing;
mod personal;
mod reapplying;
mod register;
mod rehearsing;
mod removing;
mod resuming;
mod rpc;
mod scheduled;
mod sweeping;
#[cfg(test)]
pub(crate) mod tests;
mod views;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cell_backup::BackupStore;
use cell_backup::retention::Rules;
use cell_law::Law;
use cell_layers::keys::Kek;
use cell_sdk::{Domain, Lent};
use cell_store::Store;
use parking_lot::Mutex;
use platform_model::{NodeId, RoutingTable, ShardId, UserId, WorldId};
use platform_runtime::{Clock, TaskGroup};
use platform_wire::follow::Followed;
use platform_wire::{Refusal, RefusalCode};

use crate::home_keys::HomeKeys;
use crate::hosted::Hosted;
use crate::relocation::Elsewheres;
use jobs::Jobs;
use keeping::Logs;

pub use personal::LentCustody;
pub use register::Register;
pub use rpc::routes;

/// Clones share the parts.
#[derive(Clone)]
pub struct Custody {
    pub shared: Arc<Parts>,
    erasing: Arc<Mutex<Erasing>>,
    jobs: Jobs,
    /// Held by whoever removes backups, from when it was seen what stays until the rest is gone.
    removing: Arc<tokio::sync::Mutex<()>>,
    logs: Logs,
}

/// Who is being erased by a command that is under way.
type Erasing = BTreeSet<UserId>;

/// What it works with.
pub struct Parts {
    pub world: WorldId,
    pub node: NodeId,
    pub hosted: Hosted,
    pub followed: Followed,
    pub law: Law,
    pub keys: HomeKeys,
    pub disk: Arc<dyn Store>,
    /// Where backups are restored aside, to be compared.
    pub scratch: PathBuf,
    pub lent: Lent,
    pub domains: Arc<Vec<Box<dyn Domain>>>,
    /// Where people were before.
    pub elsewhere: Arc<dyn Elsewheres>,
    pub register: Arc<dyn Register>,
    /// Where backups go, and what the law calls it; none where the settings name no store.
    pub sink: Option<Sink>,
    pub clock: Clock,
    pub tasks: TaskGroup,
}

/// A backup store, by the name that it has in the law.
#[derive(Clone)]
pub struct Sink {
    pub name: String,
    /// Where it is, as the settings say; none: as the law does.
    pub region: Option<String>,
    pub store: BackupStore,
    /// At most so many go there in a second of one shard; 0: as many as go.
    pub bytes_per_second: u64,
    /// What is made and removed there without being asked for; none: nothing.
    pub rules: Option<Rules>,
    /// How often what is behind a backup goes there too; none: never.
    pub log_every: Option<Duration>,
}

/// Why the place that the settings name is not the law's sink of that name: a law that names another region permits what
/// is in that one, not what is here.
fn misplaced(table: &RoutingTable, sink: &Sink) -> Option<String> {
    let known = table.matrix().and_then(|matrix| matrix.sink(&sink.name))?;
    let here = sink
        .region
        .as_ref()
        .filter(|here| known.region.as_str() != here.as_str())?;
    let (name, there) = (&sink.name, &known.region);
    Some(format!(
        "the law has the sink {name} in {there}, this node's settings have it in {here}"
    ))
}

impl Custody {
    pub fn new(parts: Parts) -> Self {
        Self {
            shared: Arc::new(parts),
            erasing: Arc::default(),
            jobs: Jobs::new(),
            removing: Arc::default(),
            logs: Logs::default(),
        }
    }

    fn sink(&self) -> Result<&Sink, Refusal> {
        let sink = self.shared.sink.as_ref().ok_or_else(|| {
            Refusal::new(RefusalCode::Unknown, "this node has no backup store")
                .hint("set `backup.folder` or `backup.bucket`, and `backup.sink`, in its settings")
        })?;
        match misplaced(&self.shared.followed.current(), sink) {
            Some(why) => Err(Refusal::new(RefusalCode::LawForbids, why)),
            None => Ok(sink),
        }
    }

    fn kek(&self, shard: &ShardId) -> Result<Kek, Refusal> {
        let kek = self.shared.keys.jurisdiction_key(shard.jurisdiction());
        kek.ok_or_else(|| {
            let message = format!("this node has no key of {}", shard.jurisdiction());
            Refusal::new(RefusalCode::Placement, message)
        })
    }
}
