//! What waits for a broker: all of it, in the order in which it was told, from the batch of its cause until it is noted as
//! gone, and nothing of it before it is committed.

use cell_store::memory::Memory;
use platform_model::{Position, RootRef, UserId};
use uuid::Uuid;

use super::*;
use crate::entry::Event;
use crate::limits::ShardLimits;
use crate::outbox::Found;
use crate::plant::Plant;
use crate::tests::harness::{open, open_with, request_of};

async fn bridged(store: std::sync::Arc<Memory>, epoch: u64) -> Shard {
    let limits = ShardLimits {
        bridged: true,
        ..ShardLimits::default()
    };
    open_with(store, epoch, limits, Plant::none())
        .await
        .expect("opens")
}

async fn tell(shard: &Shard, told: &[(u128, u32)]) -> Result<(), OutboxError> {
    let write = |tx: Tx| async move {
        for (to, number) in told {
            tx.emit(Event {
                name: "told".into(),
                domain: String::new(),
                version: 1,
                to: Some(RootRef::user(UserId::from_uuid(Uuid::from_u128(*to)))),
                payload: number.to_string().into(),
            });
        }
        Ok(())
    };
    let told = shard.write(&request_of(Uuid::new_v4(), 1), write).await;
    told.map(|_| ())
}

async fn rows(shard: &Shard, after: Option<&OutboxKey>, limit: usize) -> Vec<OutboxRow> {
    let page = shard.bridge_page(after, limit).await.expect("read");
    let row = |found| match found {
        Found::Row(row) => row,
        Found::Unreadable(key) => panic!("{key:?}"),
    };
    page.found.into_iter().map(row).collect()
}

fn payloads(rows: &[OutboxRow]) -> Vec<String> {
    let text = |row: &OutboxRow| String::from_utf8_lossy(&row.payload).into_owned();
    rows.iter().map(text).collect()
}

#[tokio::test]
async fn what_is_told_waits_in_the_order_in_which_it_was_told_over_a_restart_too_until_it_is_noted() {
    let store = Memory::new();
    let shard = bridged(store.clone(), 1).await;
    tell(&shard, &[(9, 1), (8, 2)]).await.expect("told");
    tell(&shard, &[(9, 3)]).await.expect("told");
    shard.close().await;
    let shard = bridged(store.clone(), 2).await;
    tell(&shard, &[(1, 4)]).await.expect("told");
    let all = rows(&shard, None, 100).await;
    assert_eq!(payloads(&all), ["1", "2", "3", "4"]);
    assert_eq!(
        payloads(&rows(&shard, Some(&all[1].key), 1).await),
        ["3"],
        "page by page"
    );
    let OutboxKey { at, index, event, .. } = all[1].key;
    let mark = BridgeMark {
        sequence: 7,
        at,
        index,
        event,
    };
    assert_eq!(shard.bridge_mark("s").await, Ok(None));
    let gone = [all[0].key, all[1].key];
    shard.note_bridged("s", &gone, Some(mark)).await.expect("noted");
    shard.note_bridged("other", &[], None).await.expect("nothing");
    let ahead = BridgeMark { sequence: 9, ..mark };
    shard
        .note_bridged("alone", &[], Some(ahead))
        .await
        .expect("a mark alone");
    shard.close().await;
    let shard = bridged(store, 3).await;
    assert_eq!(payloads(&rows(&shard, None, 100).await), ["3", "4"]);
    assert_eq!(shard.bridge_mark("s").await, Ok(Some(mark)));
    assert_eq!(shard.bridge_mark("other").await, Ok(None));
    assert_eq!(shard.bridge_mark("alone").await, Ok(Some(ahead)));
}

#[tokio::test]
async fn without_a_bridge_nothing_is_laid_out_and_a_full_one_takes_no_more() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    tell(&shard, &[(9, 1)]).await.expect("told");
    assert!(rows(&shard, None, 100).await.is_empty());
    shard.close().await;
    let shard = bridged(Memory::new(), 1).await;
    shard.set_bridge_full(true, false);
    assert_eq!(tell(&shard, &[(9, 1)]).await, Err(crate::WriteError::Overloaded));
    shard.set_bridge_full(false, false);
    tell(&shard, &[(9, 1)]).await.expect("told");
    let author = RootRef::user(UserId::from_uuid(Uuid::from_u128(1)));
    shard.set_bridge_full_of(author, true, false);
    // An outbox with room says nothing of the bridge.
    shard.set_outbox_full_of(author, false, false);
    assert_eq!(tell(&shard, &[(9, 2)]).await, Err(crate::WriteError::Overloaded));
    shard.set_bridge_full_of(author, false, false);
    tell(&shard, &[(9, 2)]).await.expect("told");
}

/// Planted bug: a bridge that is shown what is only durable publishes what a failover takes back.
#[tokio::test]
async fn what_is_not_committed_is_not_shown() {
    let shard = bridged(Memory::new(), 1).await;
    tell(&shard, &[(9, 1), (9, 2)]).await.expect("told");
    tell(&shard, &[(9, 3)]).await.expect("told");
    let all = rows(&shard, None, 100).await;
    let stored: Vec<_> = all
        .iter()
        .map(|row| {
            (
                row.key.in_order(),
                bytes::Bytes::from_static(b"of a later version"),
            )
        })
        .collect();
    let (first, last) = (all[0].key.at.position, all[2].key.at.position);
    let (found, whole) = super::bridge::committed(stored.clone(), first);
    let unreadable = |row: &OutboxRow| Found::Unreadable(row.key);
    assert_eq!((found, whole), (all[..2].iter().map(unreadable).collect(), false));
    let before = Position(first.0 - 1);
    assert_eq!(
        super::bridge::committed(stored.clone(), before),
        (Vec::new(), false)
    );
    assert!(super::bridge::committed(stored, last).1);
}

#[tokio::test]
async fn whoever_waits_for_more_is_woken_by_it_and_by_the_end() {
    let shard = bridged(Memory::new(), 1).await;
    let seen = shard.bridge_page(None, 10).await.expect("read").upto;
    let one = [(9, 1)];
    let (told, woken) = tokio::join!(tell(&shard, &one), shard.bridge_grows(seen));
    told.expect("told");
    assert!(
        woken && shard.bridge_grows(seen).await,
        "still behind what was seen"
    );
    let seen = shard.bridge_page(None, 10).await.expect("read").upto;
    shard.close().await;
    assert!(!shard.bridge_grows(seen).await);
}
