//! What a commit of the shard leaves when its node dies in the midst of it, and what whoever takes the shard makes of that:
//! one that had locked its keys and no more never happens, one that had committed its primary key has happened.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_store::{Fence, KeyRange, Store, WriteBatch};
use platform_runtime::clock::Clock;
use tikv_client::TransactionClient;

use super::cluster::{Cluster, new_cell};
use crate::commit::{options, prepare};
use crate::decide::locks;
use crate::failure::{self, CommitFailure};
use crate::janitor::now;
use crate::keys::KeySpace;
use crate::tikv::Shared;
use crate::{Settings, Tikv};

const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 1_500;

/// A shard with a fence and a row, and a batch that writes both.
async fn shard(cluster: &Cluster) -> (Settings, Arc<Tikv>) {
    let settings = cluster.settings(&new_cell());
    let store = cluster.open(settings.clone()).await.expect("opens");
    let mut first = WriteBatch::new();
    first.put("s/fence", "1");
    first.put("s/row", "old");
    store.commit(first, Vec::new()).await.expect("committed");
    (settings, store)
}

fn batch() -> (WriteBatch, Vec<Fence>) {
    let mut batch = WriteBatch::new();
    batch.put("s/fence", "2");
    batch.put("s/row", "new");
    (batch, vec![Fence::equals("s/fence", "1")])
}

async fn is_locked(store: &Tikv, key: &[u8]) -> bool {
    let (shared, key) = (store.shared(), store.shared().keys.key(key));
    let upto = now(shared).await.expect("the time");
    let behind = [&*key, &[0]].concat();
    !locks(shared, &upto, key, behind).await.expect("told").is_empty()
}

async fn rows(store: &Tikv) -> [Option<Bytes>; 2] {
    let snapshot = store.snapshot().await.expect("opens");
    let fence = snapshot.get(b"s/fence").await.expect("read");
    [fence, snapshot.get(b"s/row").await.expect("read")]
}

/// Goes on with a commit until its keys are locked, and no further: what is not polled sends nothing.
async fn until_locked<F>(mut commit: Pin<&mut F>, store: &Tikv)
where
    F: Future<Output: std::fmt::Debug>,
{
    for _ in 0..LOOKS {
        if is_locked(store, b"s/fence").await {
            return;
        }
        let polled = futures::poll!(commit.as_mut());
        assert!(polled.is_pending(), "over before it was seen: {polled:?}");
        tokio::time::sleep(LOOK).await;
    }
    panic!("never locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_has_locked_its_keys_only_never_happens() {
    let Some(cluster) = Cluster::from_environment("a commit cut off before it happened") else {
        return;
    };
    let (_, store) = shard(&cluster).await;
    let shared = store.shared();
    let mut tx = shared.client.begin_with_options(options()).await.expect("begins");
    let (batch, fences) = batch();
    assert!(prepare(shared, &mut tx, &batch, &fences).await.is_ok());
    let late = {
        let mut commit = pin!(tx.commit());
        until_locked(commit.as_mut(), &store).await;
        let settled = store.settled(b"s/fence").await;
        assert_eq!(settled, Ok(Some("1".into())), "read below the lock");
        assert!(is_locked(&store, b"s/fence").await, "and it was left alone");
        store.decide(&KeyRange::prefix("s/")).await.expect("decided");
        assert!(!is_locked(&store, b"s/fence").await && !is_locked(&store, b"s/row").await);
        assert_eq!(rows(&store).await, [Some("1".into()), Some("old".into())]);
        // It was not dead after all, and goes on.
        commit.await.expect_err("cut off")
    };
    assert!(
        matches!(failure::of_commit(&late), CommitFailure::Unknown(_)),
        "it raises its attempt before it goes on: {late:?}"
    );
    assert_eq!(rows(&store).await, [Some("1".into()), Some("old".into())]);
    // Its status is not known to it.
    let _ = tx.rollback().await;
}

/// Commits in a runtime that ends with the commit: nothing that comes after its primary key is sent.
fn commit_and_die(settings: Settings) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let client = TransactionClient::new(settings.pd.clone()).await;
        let shared = Shared {
            client: client.expect("connects"),
            keys: KeySpace::of(&settings.cell),
            settings,
            clock: Clock::system(),
            home: tokio::runtime::Handle::current(),
        };
        let begun = shared.client.begin_with_options(options()).await;
        let mut tx = begun.expect("begins");
        let (batch, fences) = batch();
        assert!(prepare(&shared, &mut tx, &batch, &fences).await.is_ok());
        tx.commit().await.expect("committed");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_had_happened_is_there_whole() {
    let Some(cluster) = Cluster::from_environment("a commit whose node died behind it") else {
        return;
    };
    let (settings, store) = shard(&cluster).await;
    let died = std::thread::spawn(move || commit_and_die(settings)).join();
    died.expect("committed");
    assert!(is_locked(&store, b"s/row").await, "its node died before that");
    store.decide(&KeyRange::prefix("s/")).await.expect("decided");
    assert!(!is_locked(&store, b"s/row").await);
    assert_eq!(rows(&store).await, [Some("2".into()), Some("new".into())]);
    assert_eq!(store.settled(b"s/fence").await, Ok(Some("2".into())));
}
