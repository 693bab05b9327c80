//! The model engine: a `BTreeMap` behind a lock. Simple enough to be right by reading it, so it is the oracle of
//! the differential tests; also the fast store of other crates' tests. It keeps nothing after the process.
//!
//! [`Memory::plant`] makes coming commits fail as a real engine can, the late commit after `Unknown` included.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::range::fill;
use crate::{
    CommitError, Fence, Key, KeyRange, Limits, Mutation, Page, Snapshot, SnapshotError, Store, StoreError,
    Value, WriteBatch, check_fences,
};

type Map = BTreeMap<Key, Value>;

/// What a planted fault does to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Goes through: to let some pass before the next fault.
    Pass,
    /// Nothing written, and `Unavailable`.
    Unavailable,
    /// Nothing written, and `Unknown`.
    UnknownLost,
    /// Written (if its fences hold), and `Unknown`.
    UnknownWritten,
    /// `Unknown` now; attempted just before the next commit, under its own fences.
    UnknownLate,
}

/// The store in memory. Clone handles with `Arc`.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    map: Arc<Map>,
    commits: u64,
    plants: VecDeque<Plant>,
    late: Vec<(WriteBatch, Vec<Fence>)>,
    stopped: bool,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Plants faults for the coming commits, one each, in order.
    pub fn plant(&self, plants: impl IntoIterator<Item = Plant>) {
        self.state.lock().plants.extend(plants);
    }

    /// From now on every call answers `Unavailable` (true), or no longer (false).
    pub fn stop(&self, stopped: bool) {
        self.state.lock().stopped = stopped;
    }

    /// Commits that were applied.
    pub fn commits(&self) -> u64 {
        self.state.lock().commits
    }

    /// All rows, in order.
    pub fn rows(&self) -> Vec<(Key, Value)> {
        self.state
            .lock()
            .map
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

#[async_trait]
impl Store for Memory {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let state = self.state.lock();
        if state.stopped {
            return Err(StoreError::Unavailable {
                reason: "stopped by a test".into(),
            });
        }
        Ok(Arc::new(MemorySnapshot {
            map: Arc::clone(&state.map),
        }))
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        Limits::PORTABLE.check_commit(&batch, &fences)?;
        let unknown = || CommitError::Unknown {
            reason: "planted by a test".into(),
        };
        let mut state = self.state.lock();
        if state.stopped {
            return Err(CommitError::Unavailable {
                reason: "stopped by a test".into(),
            });
        }
        for (late, late_fences) in std::mem::take(&mut state.late) {
            drop(state.apply(late, &late_fences));
        }
        match state.plants.pop_front().unwrap_or(Plant::Pass) {
            Plant::Pass => state.apply(batch, &fences),
            Plant::Unavailable => Err(CommitError::Unavailable {
                reason: "planted by a test".into(),
            }),
            Plant::UnknownLost => Err(unknown()),
            Plant::UnknownWritten => state.apply(batch, &fences).and(Err(unknown())),
            Plant::UnknownLate => {
                state.late.push((batch, fences));
                Err(unknown())
            }
        }
    }

    fn limits(&self) -> Limits {
        Limits::PORTABLE
    }
}

impl State {
    fn apply(&mut self, batch: WriteBatch, fences: &[Fence]) -> Result<(), CommitError> {
        check_fences(fences, |key| Ok(self.map.get(key).cloned()))?;
        let mut map = Map::clone(&self.map);
        let mut cleared = 0;
        for mutation in batch.into_mutations() {
            match mutation {
                Mutation::Put { key, value } => drop(map.insert(key, value)),
                Mutation::Clear { key } => drop(map.remove(&key)),
                Mutation::ClearRange { range } => clear_range(&mut map, &range, &mut cleared)?,
            }
        }
        self.map = Arc::new(map);
        self.commits += 1;
        Ok(())
    }
}

fn clear_range(map: &mut Map, range: &KeyRange, cleared: &mut usize) -> Result<(), CommitError> {
    let max = Limits::PORTABLE.clear_range_keys_max;
    let left = max - *cleared;
    let keys: Vec<Key> = map
        .range::<[u8], _>(range.bounds())
        .take(left + 1)
        .map(|(key, _)| key.clone())
        .collect();
    if keys.len() > left {
        return Err(CommitError::TooLarge {
            what: "clear_range_keys",
            actual: *cleared + keys.len(),
            max,
        });
    }
    *cleared += keys.len();
    for key in keys {
        map.remove(&key);
    }
    Ok(())
}

struct MemorySnapshot {
    map: Arc<Map>,
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        Ok(self.map.get(key).cloned())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        Limits::PORTABLE.check_get_many(keys)?;
        Ok(keys.iter().map(|key| self.map.get(key).cloned()).collect())
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        Limits::PORTABLE.check_scan(range)?;
        let rows = self
            .map
            .range::<[u8], _>(range.bounds())
            .map(|(key, value)| Ok((key.clone(), value.clone())));
        if reverse {
            fill(rows.rev(), limit, &Limits::PORTABLE)
        } else {
            fill(rows, limit, &Limits::PORTABLE)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::conformance::{self, Factory};

    struct MemoryFactory;

    #[async_trait]
    impl Factory for MemoryFactory {
        fn name(&self) -> &str {
            "memory"
        }

        async fn place(&self) -> Result<PathBuf, String> {
            Ok(PathBuf::new())
        }

        async fn open(&self, _place: &Path) -> Result<Arc<dyn Store>, String> {
            Ok(Memory::new())
        }

        fn is_durable(&self) -> bool {
            false
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn conforms() {
        let report = conformance::run(&MemoryFactory).await;
        println!("{report}");
        assert!(report.passed(), "{report}");
    }

    #[tokio::test]
    async fn a_late_commit_respects_the_fence_that_was_moved_meanwhile() {
        let memory = Memory::new();
        let row = |key: &'static str, value: &'static str| {
            let mut batch = WriteBatch::new();
            batch.put(key, value);
            batch
        };
        memory.commit(row("fence", "1"), Vec::new()).await.unwrap();
        memory.plant([Plant::UnknownLate, Plant::Pass]);
        let unknown = memory
            .commit(row("a", "x"), vec![Fence::equals("fence", "1")])
            .await;
        assert!(matches!(unknown, Err(CommitError::Unknown { .. })));
        assert!(memory.rows().iter().all(|(key, _)| key != "a"));
        memory
            .commit(row("fence", "2"), vec![Fence::equals("fence", "1")])
            .await
            .unwrap();
        assert!(
            memory.rows().iter().any(|(key, _)| key == "a"),
            "it came just before the fence moved"
        );
    }
}
