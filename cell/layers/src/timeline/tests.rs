//! A timeline against a sorted set.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::{Entry, LAYER, Order, PAGE_ENTRIES_MAX, PAGES_MAX, Timeline, page};
use crate::harness::Bench;
use crate::stored::{self, TimelineDirectory, TimelinePageInfo};
use crate::{LayerError, RootTx};

const RIDES: Timeline = Timeline::new("rides");

fn entry(at: i64, n: u128) -> Entry {
    Entry {
        at,
        id: Uuid::from_u128(n),
    }
}

async fn walk(bench: &Bench, order: Order, limit: usize) -> Vec<Entry> {
    let (mut seen, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = bench
            .write(|tx| {
                let after = after.clone();
                async move { RIDES.page(&tx, after.as_deref(), limit, order).await }
            })
            .await
            .expect("page");
        assert!(page.entries.len() <= limit);
        seen.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return seen;
        }
    }
}

async fn agrees(bench: &Bench, model: &BTreeSet<Entry>) {
    let ascending: Vec<Entry> = model.iter().copied().collect();
    assert_eq!(walk(bench, Order::OldestFirst, 300).await, ascending);
    assert_eq!(
        walk(bench, Order::NewestFirst, 300).await,
        ascending.iter().rev().copied().collect::<Vec<_>>()
    );
    let len = bench
        .write(|tx| async move { RIDES.len(&tx).await })
        .await
        .expect("read");
    assert_eq!(len, model.len() as u64);
}

/// Adds in steps of a hundred entries a transaction.
async fn fill(bench: &Bench, entries: &[Entry]) {
    for some in entries.chunks(100) {
        let insert = |tx| async move {
            for entry in some {
                RIDES.insert(&tx, entry.at, entry.id).await?;
            }
            Ok(())
        };
        bench.write(insert).await.expect("in");
    }
}

#[tokio::test]
async fn many_pages_keep_order_whatever_order_entries_come_in() {
    let bench = Bench::open().await;
    let count = 3 * PAGE_ENTRIES_MAX as u64;
    // In order, then older ones, spread between those that are there.
    let mut entries: Vec<Entry> = (0..count).map(|n| entry(n as i64 * 10, n.into())).collect();
    entries.extend((0..count).map(|n| entry((n * 7_919 % count) as i64 * 10 + 5, (n + 10_000).into())));
    fill(&bench, &entries).await;
    let mut model: BTreeSet<Entry> = entries.into_iter().collect();
    agrees(&bench, &model).await;
    let gone: Vec<Entry> = model.iter().copied().take(700).collect();
    for some in gone.chunks(100) {
        let remove = |tx| async move {
            for entry in some {
                assert!(RIDES.remove(&tx, entry.at, entry.id).await?);
                assert!(!RIDES.remove(&tx, entry.at, entry.id).await?);
            }
            Ok(())
        };
        bench.write(remove).await.expect("out");
    }
    model.retain(|entry| !gone.contains(entry));
    agrees(&bench, &model).await;
    let between = bench
        .write(|tx| async move { RIDES.between(&tx, 8_000, 8_100, 100).await })
        .await
        .expect("read");
    assert_eq!(
        between,
        model
            .iter()
            .copied()
            .filter(|e| (8_000..8_100).contains(&e.at))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn times_are_not_on_disk_and_not_in_a_cursor() {
    let bench = Bench::open().await;
    let at = 0x1122_3344_5566_7788;
    fill(&bench, &[entry(at, 1), entry(at + 1, 2)]).await;
    let page = bench
        .write(|tx| async move { RIDES.page(&tx, None, 1, Order::OldestFirst).await })
        .await
        .expect("page");
    let cursor = page.next.expect("more");
    assert!(!cursor.windows(7).any(|part| part == &at.to_be_bytes()[..7]));
    assert!(!bench.holds(&at.to_be_bytes()[..7]));
    let mut forged = cursor.clone();
    forged[30] ^= 1;
    for bad in [forged, b"x".to_vec(), Vec::new()] {
        let page = bench
            .write(|tx| {
                let bad = bad.clone();
                async move { RIDES.page(&tx, Some(&bad), 1, Order::OldestFirst).await }
            })
            .await;
        assert!(matches!(page, Err(LayerError::InvalidCursor)), "{page:?}");
    }
    let other = bench
        .write(|tx| {
            let cursor = cursor.clone();
            async move {
                Timeline::new("swims")
                    .page(&tx, Some(&cursor), 1, Order::OldestFirst)
                    .await
            }
        })
        .await;
    assert!(
        matches!(other, Err(LayerError::InvalidCursor)),
        "a cursor of another list"
    );
}

/// A full page, and as many pages as there may be.
fn fill_up(tx: &RootTx) -> Result<(), LayerError> {
    let full: Vec<Entry> = (0..PAGE_ENTRIES_MAX)
        .map(|n| entry(n as i64, n as u128))
        .collect();
    page::write(tx, RIDES.name, 0, &full)?;
    let info = |number: u64| TimelinePageInfo {
        number,
        first_at: if number == 0 { 0 } else { 10_000 + number as i64 },
        first_id: Uuid::nil().as_bytes().to_vec(),
        entries: if number == 0 { PAGE_ENTRIES_MAX as u64 } else { 1 },
    };
    let directory = TimelineDirectory {
        pages: (0..PAGES_MAX as u64).map(info).collect(),
        next_page: PAGES_MAX as u64,
    };
    stored::put(tx, LAYER, page::directory_key(tx, RIDES.name), &directory)
}

#[tokio::test]
async fn a_full_timeline_that_is_caught_changes_nothing() {
    let bench = Bench::open().await;
    bench.write(|tx| async move { fill_up(&tx) }).await.expect("full");
    let before = bench.rows_with("#timeline");
    let insert = |tx: RootTx| async move { Ok(RIDES.insert(&tx, 5, Uuid::from_u128(9_999)).await.is_err()) };
    assert!(bench.write(insert).await.expect("committed"), "it was refused");
    assert_eq!(
        bench.rows_with("#timeline"),
        before,
        "half of a page was committed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_timeline_is_a_sorted_set(steps in prop::collection::vec((any::<bool>(), -20..20i64, 0..3u128), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = Bench::open().await;
            let mut model = BTreeSet::new();
            for (add, at, n) in steps {
                let e = entry(at, n);
                let changed = bench.write(|tx| async move {
                    if add { RIDES.insert(&tx, e.at, e.id).await } else { RIDES.remove(&tx, e.at, e.id).await }
                }).await.expect("step");
                assert_eq!(changed, if add { model.insert(e) } else { model.remove(&e) });
            }
            agrees(&bench, &model).await;
        });
    }
}
