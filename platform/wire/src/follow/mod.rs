//! Follows the routing table: watches whichever controller answers, keeps a copy on disk, starts from that copy
//! when none does.
//!
//! The table never goes back: an older generation, a gap or another world ends the watch, and the next controller
//! is asked. It never stops serving what it holds; how old that is says [`Followed::age_ms`].
//! What a frame does to the table is in `held`, the copy's format in [`copy`], one watch in `watch`.

mod age;
pub mod copy;
mod held;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use platform_model::{Generation, RoutingTable};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use tokio::sync::watch as tokio_watch;

use crate::channel::InvalidAddress;
use crate::heads::Heads;
use age::Age;
use held::Held;

/// What to follow.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Addresses of controllers, `host:port`; tried in turn.
    pub controllers: Vec<String>,
    /// The file of the copy on disk. Its folder is made.
    pub cache: PathBuf,
    /// The file of the last ends of the ledger, [`crate::heads`].
    pub heads: PathBuf,
}

/// Why following did not begin. A missing or damaged copy is no reason: it is logged and the table begins empty.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("no controller to follow: the list `controllers` is empty")]
    NoControllers,
    #[error(transparent)]
    Address(#[from] InvalidAddress),
}

/// The table as it is followed. Clone: a shared handle; the tasks end with their group.
#[derive(Clone)]
pub struct Followed {
    /// The newest table; generation 0 until one is known.
    pub table: tokio_watch::Receiver<Arc<RoutingTable>>,
    age: Arc<Age>,
    /// What was told of the ledger.
    pub heads: Heads,
}

/// Starts four tasks in `tasks`: one watches, one writes the copy, one keeps what is told of the ledger, one tells
/// `identity` whom to believe no more.
///
/// # Errors
/// Only for a list of controllers that cannot be used.
pub fn start(
    follow: Follow,
    identity: Identity,
    clock: Clock,
    tasks: &TaskGroup,
) -> Result<Followed, FollowError> {
    if follow.controllers.is_empty() {
        return Err(FollowError::NoControllers);
    }
    let world = identity.world().clone();
    let age = Arc::new(Age::new(clock.clone()));
    let table = match copy::read(&follow.cache, &world) {
        Ok(Some(copy)) => {
            age.confirmed_at(copy.unix_ms);
            copy.table
        }
        Ok(None) => RoutingTable::empty(world.clone()),
        Err(error) => {
            tracing::warn!(%error, file = %follow.cache.display(), "the copy of the table is not used");
            RoutingTable::empty(world.clone())
        }
    };
    // From the copy on disk, before the first connection: a restart forgets nobody who is revoked.
    identity.revocations().set(&table.revocations);
    let (sender, receiver) = tokio_watch::channel(Arc::new(table));
    let heads = Heads::open(&follow.heads, &world);
    let (tell, told) = tokio_watch::channel(None);
    let held = Held::new(world, sender, Arc::clone(&age), tell);
    believe(&identity, receiver.clone(), tasks);
    let watcher = watch::Watcher::new(follow.controllers, identity, held)?;
    let token = tasks.token();
    tasks.spawn("table-watch", async move {
        tokio::select! { () = token.cancelled() => {}, () = watcher.run() => {} }
    });
    let (token, keeping) = (tasks.token(), heads.clone().keep(told, clock.clone()));
    tasks.spawn("ledger-heads", async move {
        tokio::select! { () = token.cancelled() => {}, () = keeping => {} }
    });
    let (token, kept) = (tasks.token(), receiver.clone());
    tasks.spawn("table-copy", async move {
        tokio::select! { () = token.cancelled() => {}, () = copy::keep(follow.cache, kept, clock) => {} }
    });
    Ok(Followed {
        table: receiver,
        age,
        heads,
    })
}

/// Tells the identity of each table's revocations.
fn believe(identity: &Identity, mut table: tokio_watch::Receiver<Arc<RoutingTable>>, tasks: &TaskGroup) {
    let (revocations, token) = (identity.revocations().clone(), tasks.token());
    tasks.spawn("table-revocations", async move {
        loop {
            let current = Arc::clone(&table.borrow_and_update());
            revocations.set(&current.revocations);
            tokio::select! {
                () = token.cancelled() => break,
                changed = table.changed() => if changed.is_err() { break },
            }
        }
    });
}

impl Followed {
    /// The newest table.
    pub fn current(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.table.borrow())
    }

    /// Milliseconds since a controller that heard its leader confirmed the table; `u64::MAX` while none is known.
    pub fn age_ms(&self) -> u64 {
        self.age.ms()
    }

    /// Waits until a table is known, from a controller or from the copy on disk.
    pub async fn ready(&self, within: Duration) -> bool {
        let mut table = self.table.clone();
        let known = table.wait_for(|t| t.generation > Generation(0));
        matches!(tokio::time::timeout(within, known).await, Ok(Ok(_)))
    }

    /// A table that the caller changes by hand, for tests of what follows one.
    pub fn by_hand(table: RoutingTable, clock: &Clock) -> (tokio_watch::Sender<Arc<RoutingTable>>, Self) {
        let age = Arc::new(Age::new(clock.clone()));
        age.confirmed();
        let heads = Heads::in_memory(&table.world);
        let (sender, table) = tokio_watch::channel(Arc::new(table));
        (sender, Self { table, age, heads })
    }
}
