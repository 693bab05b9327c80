//! Rows of one position and the entries behind it: the state after any of them.

use std::time::Duration;

use cell_store::{KeyRange, Mutation};
use platform_model::Position;

use super::*;
use crate::plant::Plant;
use crate::tests::harness::open_with;
use crate::tests::request_of;
use crate::{LogError, Origin, ShardLimits, StateDigest, TailEntry, Tx, TxError, WriteError, state_of};

/// What one entry does to the rows.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(&'static str, &'static str),
    Clear(&'static str),
    ClearRange(&'static str, &'static str),
    /// In one transaction: a range is cleared, and a row put into it.
    Renew(&'static str, &'static str, &'static str),
}

const STEPS: [Step; 9] = [
    Step::Put("row 07", "again"),
    Step::Clear("row 01"),
    Step::Put("row 90", "new"),
    Step::ClearRange("row 02", "row 05"),
    Step::Put("row 03", "back"),
    Step::ClearRange("row 00", "row 99"),
    Step::Clear("never there"),
    Step::Put("row 50", "alone"),
    Step::Renew("row", "rox", "row 60"),
];

async fn step(shard: &Shard, step: Step) {
    let mut request = request_of(uuid::Uuid::new_v4(), 1);
    request.deadline = Duration::from_secs(20);
    let write = |tx: Tx| async move {
        match step {
            Step::Put(key, value) => tx.put(key, value)?,
            Step::Clear(key) => tx.clear(key)?,
            Step::ClearRange(start, end) => tx.clear_range(KeyRange::new(start, end))?,
            Step::Renew(start, end, key) => {
                tx.clear_range(KeyRange::new(start, end))?;
                tx.put(key, "renewed")?;
            }
        }
        Ok::<_, TxError>(())
    };
    shard.write(&request, write).await.expect("written");
}

async fn digest(frozen: &Frozen) -> u64 {
    let (mut state, mut next) = (StateDigest::default(), Some(Bytes::new()));
    while let Some(start) = next {
        next = frozen.digest(&mut state, start, 500).await.expect("readable");
    }
    state.value()
}

/// A copy made of `base` and what `entries` wrote up to `end`.
async fn copied(base: &Frozen, entries: &[TailEntry], end: &Origin) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Memory::new();
    let begun = Restore::begin(Arc::clone(&store), base.shard().clone(), elsewhere()).await;
    let mut restore = begun.expect("an empty disk");
    restore.put(rows(base, 300).await).await.expect("written");
    for TailEntry { entry, .. } in entries {
        if entry.position <= end.position {
            for transaction in &entry.transactions {
                let writes = transaction.writes.clone();
                restore.apply(writes).await.expect("written");
            }
        }
    }
    restore.finish(REPLICA, Epoch(9), *end).await.expect("written");
    store
}

#[tokio::test]
async fn rows_and_the_entries_behind_them_are_the_state_after_each_of_them() {
    let (shard, base) = frozen().await;
    let mut models = vec![(base.origin(), digest(&base).await)];
    for one in STEPS {
        step(&shard, one).await;
        let model = shard.freeze().await.expect("served");
        models.push((model.origin(), digest(&model).await));
    }
    let entries = shard.tail(&base.origin(), 100, 1 << 20).await.expect("kept");
    for (origin, expected) in &models {
        let store = copied(&base, &entries, origin).await;
        let state = state_of(&store, base.shard()).await.expect("read");
        assert_eq!(state.value(), *expected, "at {}", origin.position);
        let entry = entries.iter().find(|kept| kept.entry.position == origin.position);
        assert!(entry.is_none_or(|kept| kept.entry.origin() == *origin));
    }
    let ends = models.last().expect("the last").0.position;
    assert_eq!(entries.last().expect("some").entry.position, ends, "all of it");
}

#[tokio::test]
async fn the_log_is_read_on_from_any_entry_and_each_follows_the_one_before() {
    let (shard, base) = frozen().await;
    let all = shard.tail(&base.origin(), 100, 1 << 20).await.expect("kept");
    assert_eq!(all.len(), 2);
    let one = shard.tail(&base.origin(), 1, 1 << 20).await.expect("kept");
    assert_eq!(one.as_slice(), &all[..1], "so many at most");
    let one = shard.tail(&base.origin(), 100, 1).await.expect("kept");
    assert_eq!(one.as_slice(), &all[..1], "and no more bytes than one has");
    let end = all[0].entry.origin();
    let rest = shard.tail(&end, 100, 1 << 20).await.expect("kept");
    assert_eq!(rest.as_slice(), &all[1..]);
    let follows = crate::LogEntry::follows(all[1].stored.clone(), &end);
    assert_eq!(follows, Ok(all[1].entry.clone()));
    let skips = crate::LogEntry::follows(all[1].stored.clone(), &base.origin());
    assert!(matches!(skips, Err(LogError::Damaged { .. })), "{skips:?}");
    let end = all[1].entry.origin();
    assert_eq!(
        shard.tail(&end, 100, 1 << 20).await,
        Ok(Vec::new()),
        "all was read"
    );
}

#[tokio::test]
async fn a_log_that_does_not_go_on_from_there_is_not_read() {
    let (shard, base) = frozen().await;
    let read = async |end: Origin| shard.tail(&end, 100, 1 << 20).await;
    let origin = base.origin();
    let other = Origin {
        chain: origin.chain ^ 1,
        ..origin
    };
    let ahead = Origin {
        position: Position(origin.position.0 + 1_000),
        ..origin
    };
    let mut later = origin;
    later.term.epoch = Epoch(4);
    for wrong in [other, ahead, later] {
        let told = read(wrong).await;
        assert!(
            matches!(told, Err(LogError::Diverged { .. })),
            "{wrong:?}: {told:?}"
        );
    }
    assert_eq!(read(origin).await.expect("kept").len(), 2);
}

#[tokio::test]
async fn what_was_trimmed_is_told() {
    let limits = ShardLimits {
        log_entries_kept: 5,
        log_step_entries: 1,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 3, limits, Plant::none()).await;
    let shard = shard.expect("opens");
    put(&shard, "row", "0").await.expect("written");
    let base = shard.freeze().await.expect("served");
    for n in 0..20 {
        put(&shard, "row", &n.to_string()).await.expect("written");
    }
    let told = shard.tail(&base.origin(), 100, 1 << 20).await;
    assert!(matches!(told, Err(LogError::Trimmed { .. })), "{told:?}");
}

#[tokio::test]
async fn writes_to_what_no_copy_has_are_refused() {
    let (_shard, frozen) = frozen().await;
    let keys = crate::keys::ShardKeys::new(frozen.shard());
    let meta = keys.relative(&keys.meta);
    let range = KeyRange::new(meta.clone(), Bytes::from_static(&[u8::MAX]));
    for write in [
        Mutation::Put {
            key: meta.clone(),
            value: Bytes::new(),
        },
        Mutation::Clear { key: meta },
        Mutation::ClearRange { range },
    ] {
        let store: Arc<dyn Store> = Memory::new();
        let begun = Restore::begin(store, frozen.shard().clone(), elsewhere()).await;
        let mut restore = begun.expect("an empty disk");
        let applied = restore.apply(vec![write]).await;
        assert!(matches!(applied, Err(RestoreError::NoSuchRow)), "{applied:?}");
    }
}

/// The planted omission: whoever saw what is cut off is shown an older state for a newer one.
#[tokio::test]
async fn what_was_seen_behind_the_end_of_a_restore_is_lost_whatever_its_epoch() {
    let disk: Arc<dyn Store> = Memory::new();
    let shard = open(Arc::clone(&disk), 3).await.expect("opens");
    put(&shard, "row", "0").await.expect("written");
    let base = shard.freeze().await.expect("served");
    let kept = put(&shard, "row", "1").await.expect("written").position;
    let cut = put(&shard, "row", "2").await.expect("written").position;
    shard.close().await;
    let shard = open(disk, 5).await.expect("opens");
    let later = put(&shard, "row", "3").await.expect("written").position;
    let entries = shard.tail(&base.origin(), 100, 1 << 20).await.expect("kept");
    let end = entries.iter().find(|one| one.entry.position == kept.position);
    let end = end.expect("it was kept").entry.origin();
    assert_eq!(end.pair(), kept);
    let store = copied(&base, &entries, &end).await;
    let tasks = TaskGroup::new();
    let copy = opened(&store, &tasks).await;
    let shard = led(&copy, Epoch(9)).await.expect("it serves");
    for (seen, is_lost) in [(kept, false), (cut, true), (later, true)] {
        let mut request = request_of(uuid::Uuid::new_v4(), 1);
        request.not_older_than = Some(seen);
        let read = |tx: Tx| async move { tx.get("row".as_bytes()).await };
        let row = shard.read(&request, read).await.map(|answer| answer.value);
        let lost = matches!(row, Err(WriteError::Lost));
        assert_eq!(lost, is_lost, "{seen}: {row:?}");
        assert!(lost || row == Ok(Some("1".into())), "{seen}: {row:?}");
    }
}
