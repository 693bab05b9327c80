//! What the files of the embedded engine hold of a key: never the key itself, nor the jurisdiction's; the wrapped one until
//! the engine drops it, and then only where docs/backup.md says so.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_shard::Shard;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store::{KeyRange, Store as _, WriteBatch};
use platform_canary::{Canary, Looked, Searcher, forms};
use platform_runtime::clock::{Clock, ManualClock};
use platform_runtime::{TaskGroup, random};

use super::super::{KeyError, KeyShard};
use super::{user, wrapped};
use crate::harness;
use crate::keys::Kek;

const KEY: &str = "the key";
const WRAPPED: &str = "the wrapped key";
const KEK: &str = "the jurisdiction's key";
/// Where another shard's rows begin.
const OTHER: &str = "z";
/// More than a memtable holds.
const OTHER_BATCHES: u8 = 4;
const OTHER_ROWS: u8 = 45;
const OTHER_BYTES: usize = 88_000;
const ENDS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS_MAX: usize = 2_000;

/// A key shard over the engine, until it is closed.
struct Opened {
    store: Arc<Embedded>,
    shard: Shard,
    keys: KeyShard,
    tasks: TaskGroup,
    _hand: ManualClock,
}

impl Opened {
    async fn at(dir: &Path, kek: &Kek) -> Self {
        let store = Embedded::open(dir, EmbeddedOptions::default()).expect("opens");
        let (shard, hand, tasks) = harness::open_over(Arc::clone(&store) as _, "eu/eu-central/keys").await;
        Self {
            store,
            keys: KeyShard::new(shard.clone(), kek.clone()),
            shard,
            tasks,
            _hand: hand,
        }
    }

    async fn close(self) {
        self.shard.close().await;
        assert!(self.tasks.shutdown(ENDS_WITHIN).await, "the shard's tasks end");
        self.store.close().await;
    }

    /// Every row of the shard, the log's too.
    async fn rows(&self) -> Vec<(Bytes, Bytes)> {
        let snapshot = self.store.snapshot().await.expect("a snapshot");
        let page = snapshot.scan(&KeyRange::new("", OTHER), 10_000, false).await;
        let page = page.expect("readable");
        assert!(!page.more && !page.rows.is_empty());
        page.rows
    }

    /// Other shards of the node write until what lies in memory goes to a table.
    async fn moves_to_a_table(&self) {
        for number in 0..OTHER_BATCHES {
            let mut batch = WriteBatch::new();
            for row in 0..OTHER_ROWS {
                batch.put(format!("{OTHER}{number:03}/{row:03}"), vec![number; OTHER_BYTES]);
            }
            self.store.commit(batch, Vec::new()).await.expect("written");
        }
        let clock = Clock::system();
        for _ in 0..LOOKS_MAX {
            let snapshot = self.store.snapshot().await.expect("a snapshot");
            if snapshot.bytes_about(&KeyRange::prefix("")) > Some(0) {
                return;
            }
            clock.sleep(LOOK_EVERY).await;
        }
        panic!("nothing was moved to a table");
    }
}

/// Where it was found, without doubles.
fn places<'a>(looked: &'a Looked, name: &str) -> Vec<&'a str> {
    let found = looked.found.iter().filter(|found| found.canary == name);
    let mut places: Vec<&str> = found.map(|found| found.place.as_str()).collect();
    places.dedup();
    places
}

fn is_journal(place: &str) -> bool {
    place.starts_with("store/fjall/") && place.ends_with(".jnl")
}

fn is_table(place: &str) -> bool {
    place.starts_with("store/fjall/keyspaces/") && place.contains("/tables/")
}

#[tokio::test]
async fn a_key_is_in_no_file_and_a_wrapped_one_only_where_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dir, secret) = (folder.path().join("store"), random::bytes());
    let kek = Kek::from_bytes(secret);
    let opened = Opened::at(&dir, &kek).await;
    let key = opened.keys.create(user(1)).await.expect("made");
    let others = opened.keys.create(user(2)).await.expect("made");
    let row = wrapped(opened.rows().await, user(1)).expect("the row of the person");
    let canary = |name: &str, bytes: &[u8]| Canary::new(name, forms::of_bytes(bytes));
    let searcher = Searcher::new(&[
        canary(KEY, key.bytes()),
        canary(WRAPPED, &row),
        canary(KEK, &secret),
    ]);
    opened.moves_to_a_table().await;

    let before = searcher.folder(folder.path(), &[]).expect("searched");
    let held = places(&before, WRAPPED);
    assert!(held.iter().any(|place| is_journal(place)), "{held:?}");
    assert!(held.iter().any(|place| is_table(place)), "{held:?}");
    assert!(places(&before, KEY).is_empty() && places(&before, KEK).is_empty());

    opened.keys.destroy(user(1)).await.expect("destroyed");
    opened.close().await;
    let opened = Opened::at(&dir, &kek).await;
    let destroyed = opened.keys.get(user(1)).await;
    assert!(matches!(destroyed, Err(KeyError::Destroyed)));
    let still = opened.keys.get(user(2)).await.expect("read").expect("there");
    assert_eq!(still.bytes(), others.bytes());
    let within = |bytes: &Bytes| bytes.windows(row.len()).any(|part| part == &row[..]);
    let rows = opened.rows().await;
    assert!(!rows.iter().any(|(key, value)| within(key) || within(value)));
    // What is found proves that the search finds it.
    fs::write(folder.path().join("leak"), key.bytes()).expect("written");

    let after = searcher.folder(folder.path(), &[]).expect("searched");
    assert_eq!(places(&after, KEY), ["leak"]);
    assert!(places(&after, KEK).is_empty());
    let left = places(&after, WRAPPED);
    assert!(
        left.iter().all(|place| is_journal(place) || is_table(place)),
        "{left:?}"
    );
    opened.close().await;
}
