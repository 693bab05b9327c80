//! One generation of everything that a request looks up: the compiled table, the plain one (for token keys), the
//! pools of its nodes and the header values of its shards. Immutable; swapped in whole.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::RwLock;
use platform_model::{RegionId, RoutingTable, ShardId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::follow::Followed;
use router_table::{Homes, Moved, NodeIndex, Overrides, Place, RefusedOverride, ShardIndex, Table};
use tokio::sync::watch;

use crate::faults;
use crate::meters;
use crate::upstream::{NodePool, Upstreams};

/// How often the table's age is measured and expired overrides are dropped.
const TICK: Duration = Duration::from_secs(1);

/// People of whom it is remembered that they have moved, and for how long: an access token is renewed before.
const HOMES_MAX: usize = 100_000;
const HOMES_LIFE_MS: u64 = 3_600_000;

/// What one request works on, from its head to its answer.
pub struct Snapshot {
    pub table: Table,
    pub plain: Arc<RoutingTable>,
    pools: Vec<Arc<NodePool>>,
    shards: Vec<HeaderValue>,
}

impl Snapshot {
    pub fn new(plain: Arc<RoutingTable>, own_region: &RegionId, upstreams: &Upstreams) -> Self {
        let table = faults::door(Table::compile(&plain, own_region));
        let pools = upstreams.pools_of(&table);
        let value = |shard: &platform_model::ShardId| {
            HeaderValue::try_from(shard.to_string()).expect("names of shards are ASCII")
        };
        let shards = table.shards().iter().map(value).collect();
        Self {
            table,
            plain,
            pools,
            shards,
        }
    }

    pub fn pool(&self, node: NodeIndex) -> &Arc<NodePool> {
        &self.pools[node.0 as usize]
    }

    /// The value of the `meridian-shard` header.
    pub fn shard_header(&self, shard: ShardIndex) -> HeaderValue {
        self.shards[shard.0 as usize].clone()
    }
}

/// The snapshot in use, and what was learned beside it.
pub struct Known {
    pub snapshot: ArcSwap<Snapshot>,
    pub overrides: RwLock<Overrides>,
    /// People who live elsewhere than their tokens say.
    pub homes: RwLock<Homes>,
    source: Source,
    own_region: RegionId,
    upstreams: Upstreams,
    /// Counts tables and what was learned beside them.
    changes: watch::Sender<u64>,
}

/// Where tables come from.
pub struct Source {
    pub table: watch::Receiver<Arc<RoutingTable>>,
    /// Milliseconds since a controller confirmed the table; `u64::MAX` while there is none.
    pub age_ms: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl From<Followed> for Source {
    fn from(followed: Followed) -> Self {
        Self {
            table: followed.table.clone(),
            age_ms: Box::new(move || followed.age_ms()),
        }
    }
}

impl Known {
    pub fn new(source: Source, own_region: RegionId, upstreams: Upstreams, overrides: Overrides) -> Self {
        let plain = Arc::clone(&source.table.borrow());
        let first = Snapshot::new(plain, &own_region, &upstreams);
        Self {
            snapshot: ArcSwap::from_pointee(first),
            overrides: RwLock::new(overrides),
            homes: RwLock::new(Homes::new(HOMES_MAX, HOMES_LIFE_MS)),
            source,
            own_region,
            upstreams,
            changes: watch::Sender::new(0),
        }
    }

    /// Changes when a shard may be elsewhere than before.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Where a shard of people is served, as far as is known now; nowhere while its next primary is being chosen.
    pub fn place(&self, shard: &ShardId, now_ms: u64) -> Option<(Arc<Snapshot>, Place)> {
        let snapshot = self.snapshot.load_full();
        let index = snapshot.table.shard_index(shard)?;
        let place = self.place_of(&snapshot.table, index, now_ms)?;
        Some((snapshot, place))
    }

    /// As [`Self::place`], by this table.
    pub fn place_of(&self, table: &Table, shard: ShardIndex, now_ms: u64) -> Option<Place> {
        let learned = self.overrides.read().find(table, shard, now_ms);
        let named = || table.place(shard).filter(|_| !table.is_leaderless(shard));
        learned.or_else(named)
    }

    /// Takes a node's word for where a shard is.
    ///
    /// # Errors
    /// As [`Overrides::learn`].
    pub fn learn(
        &self,
        table: &Table,
        shard: ShardIndex,
        said: Moved,
        now_ms: u64,
    ) -> Result<Place, RefusedOverride> {
        let learned = self.overrides.write().learn(table, shard, said, now_ms)?;
        self.changes.send_modify(|changes| *changes += 1);
        Ok(learned)
    }

    /// Milliseconds since a controller confirmed the table; `None` while there is none.
    pub fn age_ms(&self) -> Option<u64> {
        Some((self.source.age_ms)()).filter(|age| *age != u64::MAX)
    }

    /// Takes every new table into use until the group ends.
    pub fn keep_up(self: &Arc<Self>, clock: Clock, tasks: &TaskGroup) {
        let (known, token) = (Arc::clone(self), tasks.token());
        let mut table = self.source.table.clone();
        tasks.spawn("table-compile", async move {
            loop {
                tokio::select! {
                    changed = table.changed() => match changed {
                        Ok(()) => {
                            let plain = Arc::clone(&table.borrow_and_update());
                            known.take(plain);
                        }
                        Err(_) => tokio::time::sleep(TICK).await,
                    },
                    () = tokio::time::sleep(TICK) => {}
                    () = token.cancelled() => return,
                }
                known.measure(clock.unix_ms());
            }
        });
    }

    /// Takes a table into use.
    pub fn take(&self, plain: Arc<RoutingTable>) {
        let next = Snapshot::new(plain, &self.own_region, &self.upstreams);
        tracing::info!(
            generation = next.table.generation().0,
            "a new routing table is in use"
        );
        self.snapshot.store(Arc::new(next));
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn measure(&self, now_ms: u64) {
        let mut overrides = self.overrides.write();
        overrides.expire(now_ms);
        let generation = self.snapshot.load().table.generation().0;
        meters::table(generation, self.age_ms(), overrides.len());
    }
}
