//! The engine against the model: random histories of concurrent commits, fences, range clears, held snapshots, flushes
//! and restarts must give the same answers from both.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{open, reopen};
use crate::embedded::Embedded;
use crate::memory::Memory;
use crate::{Fence, KeyRange, Mutation, Snapshot, SnapshotError, Store, WriteBatch};

#[derive(Clone, Debug)]
enum Step {
    /// Commits under way together, in this order.
    Commits(Vec<(Vec<Mutation>, Vec<Fence>)>),
    Hold,
    Read {
        held: usize,
        range: KeyRange,
        limit: usize,
        reverse: bool,
    },
    /// What was committed moves to tables.
    Flush,
    Restart,
}

/// Few keys, so that histories meet; a zero byte and a common prefix among them.
fn any_key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["a", "a\0", "a\0b", "aa", "b", "b1", "b2", "c", "\u{10ffff}"])
        .prop_map(Bytes::from)
}

fn any_value() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["", "1", "2", "3"]).prop_map(Bytes::from)
}

fn any_range() -> impl Strategy<Value = KeyRange> {
    (any_key(), any_key()).prop_map(|(a, b)| {
        if a <= b {
            KeyRange::new(a, b)
        } else {
            KeyRange::new(b, a)
        }
    })
}

fn any_commit() -> impl Strategy<Value = (Vec<Mutation>, Vec<Fence>)> {
    let mutation = prop_oneof![
        6 => (any_key(), any_value()).prop_map(|(key, value)| Mutation::Put { key, value }),
        2 => any_key().prop_map(|key| Mutation::Clear { key }),
        1 => any_range().prop_map(|range| Mutation::ClearRange { range }),
        1 => Just(Mutation::ClearRange { range: KeyRange::new("b", "a") }),
    ];
    let fence =
        (any_key(), prop::option::of(any_value())).prop_map(|(key, expected)| Fence { key, expected });
    (
        prop::collection::vec(mutation, 0..5),
        prop::collection::vec(fence, 0..2),
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(any_commit(), 1..6).prop_map(Step::Commits),
        2 => Just(Step::Hold),
        4 => (0usize..4, any_range(), 0usize..6, any::<bool>())
            .prop_map(|(held, range, limit, reverse)| Step::Read { held, range, limit, reverse }),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

struct Both {
    dir: tempfile::TempDir,
    engine: Option<Arc<Embedded>>,
    model: Arc<Memory>,
    held: Vec<(Arc<dyn Snapshot>, Arc<dyn Snapshot>)>,
}

impl Both {
    fn new() -> Self {
        // In memory where there is such a disk: nothing here is about durability, and a sync costs more than a step.
        let dir = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let engine = open(dir.path()).unwrap();
        Self {
            dir,
            engine: Some(engine),
            model: Memory::new(),
            held: Vec::new(),
        }
    }

    fn engine(&self) -> &Arc<Embedded> {
        self.engine.as_ref().unwrap()
    }

    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Commits(commits) => self.commit(commits).await,
            Step::Hold => {
                self.held.push((
                    self.engine().snapshot().await.unwrap(),
                    self.model.snapshot().await.unwrap(),
                ));
                Ok(())
            }
            Step::Read {
                held,
                range,
                limit,
                reverse,
            } => self.read(held, &range, limit, reverse).await,
            Step::Flush => {
                let engine = self.engine();
                engine.shared.published.read().rotate().unwrap();
                Ok(())
            }
            Step::Restart => {
                self.held.clear();
                drop(self.engine.take());
                self.engine = Some(reopen(self.dir.path()));
                Ok(())
            }
        }
    }

    async fn commit(&self, commits: Vec<(Vec<Mutation>, Vec<Fence>)>) -> Result<(), TestCaseError> {
        let of = |store: &Arc<dyn Store>| {
            let commits = commits.clone().into_iter().map(|(mutations, fences)| {
                let (store, mut batch) = (Arc::clone(store), WriteBatch::new());
                mutations
                    .into_iter()
                    .for_each(|mutation| _ = batch.push(mutation));
                async move { store.commit(batch, fences).await }
            });
            futures::future::join_all(commits)
        };
        let model: Arc<dyn Store> = self.model.clone();
        let engine: Arc<dyn Store> = Arc::<Embedded>::clone(self.engine());
        prop_assert_eq!(of(&engine).await, of(&model).await);
        Ok(())
    }

    async fn read(
        &self,
        held: usize,
        range: &KeyRange,
        limit: usize,
        reverse: bool,
    ) -> Result<(), TestCaseError> {
        let Some((engine, model)) = self.held.get(held) else {
            return self.read_newest(range, limit, reverse).await;
        };
        // A version that is held over flushes may end, between any two reads.
        agree(&**engine, &**model, range, limit, reverse)
            .await
            .map(|_ended| ())
    }

    /// The newest version is always to be had: one that a flush ends under the reader is renewed.
    async fn read_newest(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<(), TestCaseError> {
        for _ in 0..20 {
            let engine = self.engine().snapshot().await.unwrap();
            let model = self.model.snapshot().await.unwrap();
            if agree(&*engine, &*model, range, limit, reverse).await? {
                return Ok(());
            }
        }
        Err(TestCaseError::fail(
            "twenty versions in a row had ended when they were read",
        ))
    }
}

/// Whether the engine's version lived through all reads; those that were answered agree with the model.
async fn agree(
    engine: &dyn Snapshot,
    model: &dyn Snapshot,
    range: &KeyRange,
    limit: usize,
    reverse: bool,
) -> Result<bool, TestCaseError> {
    let page = engine.scan(range, limit, reverse).await;
    if page == Err(SnapshotError::Expired) {
        return Ok(false);
    }
    prop_assert_eq!(page, model.scan(range, limit, reverse).await);
    let keys = [range.start.clone(), range.end.clone()];
    let values = engine.get_many(&keys).await;
    if values == Err(SnapshotError::Expired) {
        return Ok(false);
    }
    prop_assert_eq!(values, model.get_many(&keys).await);
    let all = KeyRange::prefix("");
    let whole = engine.scan(&all, 100, false).await;
    if whole == Err(SnapshotError::Expired) {
        return Ok(false);
    }
    prop_assert_eq!(whole, model.scan(&all, 100, false).await);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_model(steps in prop::collection::vec(any_step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut both = Both::new();
        runtime.block_on(async {
            for step in steps {
                both.step(step).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
