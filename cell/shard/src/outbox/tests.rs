//! An event is in the outbox from the batch of its cause, until it is removed; whoever relays sees what is committed, all
//! of it, in order.

use cell_store::memory::Memory;
use platform_model::{RootRef, UserId};
use uuid::Uuid;

use super::aside::SetAside;
use super::queue::Taken;
use super::*;
use crate::entry::Event;
use crate::error::WriteError;
use crate::plant::Plant;
use crate::tests::harness::{open, request_of};

fn root(user: u128) -> RootRef {
    RootRef::user(UserId::from_uuid(Uuid::from_u128(user)))
}

fn event(to: Option<u128>, number: u32) -> Event {
    Event {
        name: "told".into(),
        domain: String::new(),
        version: 1,
        to: to.map(root),
        payload: number.to_string().into(),
    }
}

async fn tell(shard: &Shard, by: u128, events: &[Event]) -> Result<(), OutboxError> {
    let write = |tx: Tx| {
        let events = events.to_vec();
        async move {
            tx.put("cause", "1")?;
            events.into_iter().for_each(|event| tx.emit(event));
            Ok(())
        }
    };
    shard
        .write(&request_of(Uuid::new_v4(), by), write)
        .await
        .map(|_| ())
}

fn payloads(rows: &[OutboxRow]) -> Vec<String> {
    let text = |row: &OutboxRow| String::from_utf8_lossy(&row.payload).into_owned();
    rows.iter().map(text).collect()
}

#[tokio::test]
async fn an_event_lies_in_the_outbox_from_its_cause_until_it_is_removed_over_a_restart_too() {
    let store = Memory::new();
    let shard = open(store.clone(), 1).await.expect("opens");
    tell(&shard, 1, &[event(Some(9), 1), event(None, 2), event(Some(8), 3)])
        .await
        .expect("told");
    tell(&shard, 2, &[event(Some(9), 4)]).await.expect("told");
    let rows = shard.outbox().all().await;
    assert_eq!(
        payloads(&rows),
        ["3", "1", "4"],
        "by root, then as they were told"
    );
    assert_eq!((rows[1].key.event, rows[1].domain.as_str()), (0, "test"));
    shard
        .clear_outbox(&[rows[0].key, rows[1].key])
        .await
        .expect("removed");
    shard.close().await;
    let shard = open(store, 2).await.expect("opens again");
    let rows = shard.outbox().all().await;
    assert_eq!(payloads(&rows), ["4"]);
}

#[tokio::test]
async fn a_cause_that_is_not_written_tells_nothing() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let write = |tx: Tx| async move {
        tx.emit(event(Some(9), 1));
        Err::<(), _>(TxError::Invalid { reason: "its own" })
    };
    let failed = shard.write(&request_of(Uuid::new_v4(), 1), write).await;
    assert!(matches!(failed, Err(WriteError::Rejected(_))), "{failed:?}");
    assert!(shard.outbox().all().await.is_empty());
}

#[tokio::test]
async fn a_full_outbox_takes_no_more_and_other_writes_go_on() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    shard.set_outbox_full(true, false);
    let refused = tell(&shard, 1, &[event(Some(9), 1)]).await;
    assert_eq!(refused, Err(WriteError::Overloaded));
    tell(&shard, 1, &[event(None, 1)]).await.expect("for no root");
    let back = async || {
        let write = |tx: Tx| async move {
            tx.emit_back(event(Some(9), 2));
            Ok::<_, TxError>(())
        };
        let written = shard.write(&request_of(Uuid::new_v4(), 1), write).await;
        written.map(|_| ())
    };
    back().await.expect("what takes back finds room");
    shard.set_outbox_full(true, true);
    assert_eq!(back().await, Err(WriteError::Overloaded), "and is bounded too");
    shard.set_outbox_full(false, false);
    tell(&shard, 1, &[event(Some(9), 1)]).await.expect("told");
}

#[tokio::test]
async fn who_told_as_much_as_may_wait_tells_no_more_and_others_do() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    shard.set_outbox_full_of(root(1), true, false);
    let refused = tell(&shard, 1, &[event(Some(9), 1)]).await;
    assert_eq!(refused, Err(WriteError::Overloaded));
    tell(&shard, 2, &[event(Some(9), 2)]).await.expect("another");
    let back = async || {
        let write = |tx: Tx| async move {
            tx.emit_back(event(Some(9), 3));
            Ok::<_, TxError>(())
        };
        let written = shard.write(&request_of(Uuid::new_v4(), 1), write).await;
        written.map(|_| ())
    };
    back().await.expect("what takes back finds room");
    shard.set_outbox_full_of(root(1), true, true);
    assert_eq!(back().await, Err(WriteError::Overloaded));
    shard.set_outbox_full_of(root(1), false, false);
    tell(&shard, 1, &[event(Some(9), 4)]).await.expect("told");
}

#[tokio::test]
async fn a_transaction_of_a_root_notes_something_in_a_shared_table_or_nothing_anywhere() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let write = |fails: bool| {
        move |tx: Tx| async move {
            tx.put("of the root", "1")?;
            tx.shared("beside")?.put("k", "1")?;
            if fails {
                return Err(TxError::Invalid { reason: "its own" });
            }
            Ok(())
        }
    };
    let beside = Request {
        scope: Scope::Shared("beside"),
        ..request_of(Uuid::new_v4(), 1)
    };
    let look = |tx: Tx| async move { tx.get(b"k").await };
    let failed = shard.write(&request_of(Uuid::new_v4(), 1), write(true)).await;
    assert!(failed.is_err());
    let seen = shard.read::<_, TxError, _, _>(&beside, look).await.expect("read");
    assert_eq!(seen.value, None);
    shard
        .write(&request_of(Uuid::new_v4(), 1), write(false))
        .await
        .expect("written");
    let seen = shard.read::<_, TxError, _, _>(&beside, look).await.expect("read");
    assert!(seen.value.is_some());
}

#[tokio::test]
async fn what_is_set_aside_is_told_again_behind_all_else_or_dropped_once() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    tell(&shard, 1, &[event(Some(9), 1), event(Some(9), 2)])
        .await
        .expect("told");
    let rows = shard.outbox().all().await;
    let set_aside = |reason| shard.set_aside(&rows[0].key, reason);
    assert_eq!(set_aside("nobody has it").await.expect("moved"), SetAside::Done);
    assert_eq!(set_aside("again").await.expect("looked for"), SetAside::NotThere);
    let aside = shard.aside(None, 10).await.expect("read");
    assert_eq!(
        (payloads(&[aside[0].row.clone()]), aside[0].reason.as_str()),
        (vec!["1".to_owned()], "nobody has it")
    );
    let by = request_of(Uuid::new_v4(), 1);
    let take = |again| shard.take_aside(&rows[0].key, "test", again, &by);
    assert!(take(true).await.expect("told again"));
    assert!(!take(true).await.expect("once"));
    let rows = shard.outbox().all().await;
    assert_eq!(payloads(&rows), ["2", "1"]);
    assert!(shard.aside(None, 10).await.expect("read").is_empty());
}

#[tokio::test]
async fn what_is_set_aside_for_one_root_is_bounded_and_bounds_no_other() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let many: Vec<_> = (0..=20).map(|number| event(Some(9), number)).collect();
    tell(&shard, 1, &many).await.expect("told");
    tell(&shard, 1, &[event(Some(8), 99)]).await.expect("told");
    let rows = shard.outbox().all().await;
    let mut outcomes = Vec::new();
    for row in &rows {
        outcomes.push(
            shard
                .set_aside(&row.key, "nobody has it")
                .await
                .expect("answered"),
        );
    }
    let full = outcomes.iter().filter(|one| **one == SetAside::Full).count();
    assert_eq!((full, outcomes[0]), (1, SetAside::Done), "{outcomes:?}");
    assert_eq!(shard.aside(None, 100).await.expect("read").len(), 21);
}

/// What was told while somebody walks is in the committer's hand: were it in a later page, rows before it that an earlier
/// page left out would be taken for repeats.
#[tokio::test]
async fn a_walk_shows_what_was_committed_when_it_began_and_nothing_later() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let many: Vec<_> = (0..1_500).map(|number| event(Some(9), number)).collect();
    tell(&shard, 1, &many).await.expect("told");
    let mut walk = shard.outbox();
    let first = walk.page().await.expect("read").expect("a page");
    tell(&shard, 1, &[event(Some(9), 9_999)]).await.expect("told");
    let rest = walk.page().await.expect("read").expect("a page");
    assert_eq!(first.len() + rest.len(), 1_500);
    assert_eq!(walk.page().await.expect("read"), None);
    assert_eq!(shard.outbox().all().await.len(), 1_501);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_handed_over_by_its_key_and_stops_no_other() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    tell(&shard, 1, &[event(Some(8), 1), event(Some(9), 2)])
        .await
        .expect("told");
    let rows = shard.outbox().all().await;
    let spoil = |tx: Tx| {
        let key = rows[0].key.relative();
        async move { tx.put(key, "of a later version") }
    };
    shard.write(&request(), spoil).await.expect("spoilt");
    let page = shard.outbox().page().await.expect("read").expect("a page");
    assert_eq!(
        page,
        [Found::Unreadable(rows[0].key), Found::Row(rows[1].clone())]
    );
}

fn row(position: u64, event: u32) -> OutboxRow {
    let at = platform_model::EpochPosition {
        epoch: platform_model::Epoch(1),
        position: platform_model::Position(position),
    };
    let key = OutboxKey {
        to: root(1),
        at,
        index: 0,
        event,
    };
    OutboxRow {
        key,
        domain: "test".into(),
        name: "told".into(),
        version: 1,
        payload: event.to_string().into(),
    }
}

/// Planted bug: a relay that is shown what is only durable would tell what a failover takes back.
#[test]
fn what_is_not_committed_is_not_shown() {
    let emissions = Emissions::default();
    emissions.push(vec![row(5, 0), row(5, 1)]);
    emissions.push(vec![row(6, 2)]);
    let at = platform_model::Position;
    assert!(!emissions.is_ready(at(4)) && emissions.is_ready(at(5)));
    assert_eq!(emissions.take(at(4)), Taken::Rows(vec![]));
    assert_eq!(emissions.take(at(5)), Taken::Rows(vec![row(5, 0), row(5, 1)]));
    assert_eq!(emissions.take(at(9)), Taken::Rows(vec![row(6, 2)]));
}

#[test]
fn what_does_not_fit_is_said_to_be_passed_over_once_it_is_committed_and_nothing_overtakes_it() {
    let emissions = Emissions::default();
    let at = platform_model::Position;
    let many: Vec<_> = (0..9_000).map(|number| row(5, number)).collect();
    emissions.push(vec![row(4, 0)]);
    emissions.push(many);
    emissions.push(vec![row(6, 1)]);
    assert_eq!(emissions.take(at(4)), Taken::Rows(vec![]));
    assert!(!emissions.is_ready(at(4)) && emissions.is_ready(at(5)));
    assert_eq!(emissions.take(at(6)), Taken::PassedOver);
    assert_eq!(emissions.take(at(6)), Taken::Rows(vec![row(6, 1)]));
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_is_told_and_by_the_end() {
    let shard =
        crate::tests::harness::open_with(Memory::new(), 1, crate::ShardLimits::default(), Plant::none())
            .await
            .expect("opens");
    let one = [event(Some(9), 1)];
    let (told, woken) = tokio::join!(tell(&shard, 1, &one), shard.emitted());
    told.expect("told");
    assert!(woken);
    // A shard of one copy for ever hands nothing over: its relay, if it had one, would read the outbox.
    assert_eq!(shard.take_emitted(), Taken::PassedOver);
    shard.close().await;
    assert!(!shard.emitted().await);
}
