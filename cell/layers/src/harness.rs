//! What the tests of the layers run on: a shard over the model store, one person's root, a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_shard::{Mode, Ownership, Request, Scope, Shard, ShardLimits, WriteError};
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, Store, WriteBatch};
use platform_model::{Actor, Epoch, RequestId, RootRef, UserId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::{Clock, ManualClock};
use uuid::Uuid;

use crate::keys::UserKey;
use crate::{LayerError, RootTx};

pub(crate) const DOMAIN: &str = "training";
/// Log time at which every bench begins.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

/// Generated from `proto/sample.proto`.
pub(crate) mod sample {
    include!(concat!(env!("OUT_DIR"), "/sample.rs"));
}

/// A shard of that name over any store, the clock that it goes by, and its tasks.
pub(crate) async fn open_over(store: Arc<dyn Store>, name: &str) -> (Shard, ManualClock, TaskGroup) {
    let (clock, hand) = Clock::manual(START_MS);
    let tasks = TaskGroup::new();
    let ownership = Ownership {
        shard: name.parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(1),
    };
    let limits = ShardLimits::of(&ownership.shard);
    let shard = Shard::open(store, ownership, clock, &tasks, limits).await;
    (shard.expect("opens"), hand, tasks)
}

pub(crate) struct Bench {
    pub store: Arc<Memory>,
    pub shard: Shard,
    pub key: UserKey,
    pub root: RootRef,
    pub hand: ManualClock,
    _tasks: TaskGroup,
}

impl Bench {
    pub(crate) async fn open() -> Self {
        Self::open_shard("eu/eu-central/000").await
    }

    pub(crate) async fn open_shard(name: &str) -> Self {
        let store = Memory::new();
        let (shard, hand, tasks) = open_over(Arc::clone(&store) as _, name).await;
        Self {
            store,
            shard,
            key: UserKey::generate(),
            root: RootRef::user(UserId::from_uuid(Uuid::from_u128(7))),
            hand,
            _tasks: tasks,
        }
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            actor: Actor::Anonymous,
            domain: DOMAIN,
            request_id: RequestId::from_uuid(Uuid::from_u128(1)),
            mode: Mode::Sync,
            scope: Scope::Root(self.root),
            not_older_than: None,
            deadline: Duration::from_secs(20),
        }
    }

    /// Runs one transaction; the shard's own failures are failures of the test.
    pub(crate) async fn write<T, F, Fut>(&self, f: F) -> Result<T, LayerError>
    where
        F: Fn(RootTx) -> Fut,
        Fut: Future<Output = Result<T, LayerError>> + Send,
    {
        let open = |tx| f(RootTx::new(tx, self.root, DOMAIN, &self.key));
        match self.shard.write(&self.request(), open).await {
            Ok(answer) => Ok(answer.value),
            Err(WriteError::Rejected(error)) => Err(error),
            Err(other) => panic!("the shard: {other}"),
        }
    }

    /// Whether any key or value, of data or log, holds these bytes.
    pub(crate) fn holds(&self, canary: &[u8]) -> bool {
        let within = |bytes: &Bytes| bytes.windows(canary.len()).any(|part| part == canary);
        self.store
            .rows()
            .iter()
            .any(|(key, value)| within(key) || within(value))
    }

    /// The stored rows whose key holds this text, values of data only.
    pub(crate) fn rows_with(&self, text: &str) -> Vec<(Bytes, Bytes)> {
        let within = |key: &Bytes| key.windows(text.len()).any(|part| part == text.as_bytes());
        self.store
            .rows()
            .into_iter()
            .filter(|(key, _)| within(key))
            .collect()
    }

    /// Changes the store behind the shard's back, as an attacker with the disk would.
    pub(crate) async fn tamper(&self, change: impl FnOnce(&mut WriteBatch)) {
        let mut batch = WriteBatch::default();
        change(&mut batch);
        let outcome: Result<(), CommitError> = self.store.commit(batch, Vec::<Fence>::new()).await;
        outcome.expect("committed");
    }
}
