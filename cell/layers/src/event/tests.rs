//! An event is sealed from its cause on, opens under its author's key alone, and is cut field by field.

use cell_relay::EventKey;
use cell_shard::OutboxRow;
use platform_model::{Epoch, EpochPosition, Position, ShardId};
use prost::Message;
use uuid::Uuid;

use super::*;
use crate::LayerError;
use crate::harness::sample::{EVENTS, Told};
use crate::harness::{Bench, DOMAIN as TRAINING};
use crate::keys::UserKey;
use crate::root_tx::RootTx;

const NOTE: &str = "a canary in a note";

fn told() -> Told {
    Told {
        id: vec![7; 16],
        note: Some(NOTE.into()),
        pulse: Some(151.5),
        zones: vec![1, 300, 2],
    }
}

fn address() -> Address {
    Address {
        home: "us/us-east".parse().expect("a home"),
        user: platform_model::UserId::from_uuid(Uuid::from_u128(9)),
    }
}

/// What waits in the outbox.
async fn rows(bench: &Bench) -> Vec<cell_shard::OutboxRow> {
    let page = bench.shard.outbox().page().await.expect("read");
    let row = |found| match found {
        cell_shard::Found::Row(row) => Some(row),
        cell_shard::Found::Unreadable(_) => None,
    };
    page.unwrap_or_default().into_iter().filter_map(row).collect()
}

async fn posted(bench: &Bench) -> OutboxRow {
    bench
        .write(|tx| async move { post(&tx, &address(), &told()) })
        .await
        .expect("told");
    let mut rows = rows(bench).await;
    rows.pop().expect("one")
}

#[tokio::test]
async fn an_event_opens_under_its_authors_key_and_name_and_lies_nowhere_in_clear() {
    let bench = Bench::open().await;
    let row = posted(&bench).await;
    assert_eq!(
        (row.domain.as_str(), row.name.as_str(), row.version),
        (TRAINING, "told", 1)
    );
    assert!(!bench.holds(NOTE.as_bytes()));
    let posted = Posted::read(&row.payload).expect("ours");
    assert_eq!(
        (posted.from, posted.to_home.clone()),
        (bench.root, address().home)
    );
    let opened = posted.open(&bench.key, TRAINING, "told", 1).expect("opens");
    assert_eq!(Told::decode(opened.as_slice()).expect("ours"), told());
    for (key, name) in [(&UserKey::generate(), "told"), (&bench.key, "other")] {
        let refused = posted.open(key, TRAINING, name, 1);
        assert!(
            matches!(refused, Err(LayerError::DoesNotOpen { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_with_its_cause() {
    let bench = Bench::open().await;
    let large = Told {
        note: Some("x".repeat(EVENT_BYTES_MAX)),
        ..told()
    };
    let large = &large;
    let refused = bench
        .write(|tx| async move { post(&tx, &address(), large) })
        .await;
    assert!(matches!(refused, Err(LayerError::TooLarge { .. })), "{refused:?}");
}

#[test]
fn an_events_fields_have_their_numbers_and_classes() {
    let [told] = EVENTS else {
        panic!("one event: {EVENTS:?}")
    };
    let classes: Vec<_> = told.fields.iter().map(|field| (field.tag, field.class)).collect();
    use platform_model::DataClass::{Health, Operational, Social};
    assert_eq!(classes, [(1, Operational), (2, Social), (3, Health), (4, Health)]);
}

#[test]
fn what_is_left_out_is_gone_and_the_rest_is_as_it_was() {
    let message = told().encode_to_vec();
    assert_eq!(
        tags(&message).expect("ours").into_iter().collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let kept = select(&message, |tag| tag != 3 && tag != 4).expect("ours");
    let left = Told {
        pulse: None,
        zones: Vec::new(),
        ..told()
    };
    assert_eq!(Told::decode(kept.as_slice()).expect("still one"), left);
    assert_eq!(select(&message, |_| true).expect("ours"), message);
    for end in 1..message.len() {
        // Cut anywhere, it is a shorter message or none; never a panic.
        let _ = tags(&message[..end]);
    }
    for bad in [
        &[0x0b][..],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x00],
        &[0x09, 1],
    ] {
        assert_eq!(tags(bad), Err(Malformed), "{bad:?}");
    }
}

fn source() -> ShardId {
    "us/us-east/003".parse().expect("a shard")
}

fn event(position: u64) -> EventKey {
    EventKey {
        at: EpochPosition {
            epoch: Epoch(2),
            position: Position(position),
        },
        index: 1,
        event: 0,
    }
}

#[tokio::test]
async fn marks_are_of_one_source_each_and_lie_in_the_root() {
    let bench = Bench::open().await;
    let note = |tx: RootTx| async move { note_mark(&tx, &source(), event(5)) };
    bench.write(note).await.expect("noted");
    let other: ShardId = "us/us-east/004".parse().expect("a shard");
    let other = &other;
    let look = |tx: RootTx| async move { Ok((mark(&tx, &source()).await?, mark(&tx, other).await?)) };
    assert_eq!(bench.write(look).await.expect("read"), (Some(event(5)), None));
    assert_eq!(bench.rows_with("#marks").len(), 1);
}

#[tokio::test]
async fn a_parked_event_is_sealed_taken_out_once_and_their_number_is_bounded() {
    let bench = Bench::open().await;
    let parked = Parked {
        domain: TRAINING.into(),
        name: "told".into(),
        version: 9,
        from: bench.root,
        from_home: address().home,
        message: told().encode_to_vec().into(),
        reason: "of a later version".into(),
        parked_ms: crate::harness::START_MS,
    };
    let given = &parked;
    bench
        .write(|tx| async move { park(&tx, &source(), event(1), given).await })
        .await
        .expect("parked");
    assert!(!bench.holds(NOTE.as_bytes()));
    let all = |tx: RootTx| async move { all_parked(&tx.beside("parked")?, 10).await };
    let noted = bench.write(all).await.expect("read");
    assert_eq!(
        (noted.len(), noted[0].to, noted[0].event),
        (1, bench.root, event(1))
    );
    let take = |tx: RootTx| async move { take_parked(&tx, &source(), event(1)).await };
    assert_eq!(bench.write(take).await.expect("taken"), Some(parked.clone()));
    assert_eq!(bench.write(all).await.expect("read"), []);
    assert_eq!(bench.write(take).await.expect("gone"), None);
    // As many notes as may be: they are what is counted.
    let fill = |tx: RootTx| async move {
        let notes = tx.beside("parked")?;
        for number in 0..1_000_u64 {
            let key = cell_store::key::Tuple::new().uuid(tx.root().id.0).u64(number);
            notes.put(key.pack(), vec![0])?;
        }
        Ok(())
    };
    bench.write(fill).await.expect("as many as may be");
    let more = bench
        .write(|tx| async move { park(&tx, &source(), event(1_000), given).await })
        .await;
    assert!(matches!(more, Err(LayerError::TooLarge { .. })), "{more:?}");
}
