use cell_relay::relocate::RelocatePlants;
use platform_model::IdempotencyKey;
use zeroize::Zeroizing;

use super::*;
use crate::harness::Bench;
use crate::keys::UserKey;
use crate::{RootTx, idempotency};

fn errand() -> Errand {
    Errand {
        operation: OperationId(7),
        other: "eu/eu-west".parse().expect("a home"),
        under_way: true,
        unwanted: false,
        by: "the person".to_owned(),
        consent: true,
        since_ms: 5,
        outcome: String::new(),
    }
}

fn person(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn what_is_held_is_what_is_for_those_for_whom_something_waits_and_everything_until_that_is_known() {
    let left = |waiting: Option<&[u128]>| LeftHome {
        home: "eu/eu-north".parse().expect("a home"),
        user_epoch: 2,
        waiting: waiting.map(|those| those.iter().copied().map(person).collect()),
    };
    for (waits_for, held) in [
        (vec![], Holds::Nothing),
        (vec![left(Some(&[]))], Holds::Nothing),
        (
            vec![left(Some(&[5])), left(Some(&[6]))],
            Holds::For([person(5), person(6)].into()),
        ),
        (vec![left(Some(&[5])), left(None)], Holds::Everything),
    ] {
        let settling = Settling {
            waits_for,
            ..Settling::default()
        };
        assert_eq!(settling.to_be_held(), held);
    }
}

#[test]
fn every_standing_reads_back_and_damage_is_named() {
    let home = Standing {
        errand: Some(errand()),
        ..Standing::native()
    };
    let fenced = home.place.clone().fence(OperationId(7)).expect("he lives here");
    let incoming = Place::receive(None, OperationId(7), true, 1, RelocatePlants::default()).expect("new");
    let gone = fenced
        .clone()
        .erase("eu/eu-west".parse().expect("a home"), 2)
        .expect("over");
    for place in [home.place.clone(), fenced, incoming, gone] {
        let mut standing = Standing {
            place,
            ..home.clone()
        };
        standing.tally.add(&[3; 32]);
        standing.clearing = true;
        standing.came_from = Some("us/us-east".parse().expect("a home"));
        standing.settling = Settling {
            waits_for: [None, Some(vec![]), Some(vec![5, 6])]
                .map(|waiting: Option<Vec<u128>>| LeftHome {
                    home: "eu/eu-north".parse().expect("a home"),
                    user_epoch: 2,
                    waiting: waiting.map(|those| those.into_iter().map(person).collect()),
                })
                .into(),
            holds: Holds::For([person(5), person(6)].into()),
            since_ms: 6,
            edges_due: true,
            ahead_ms: 8,
        };
        standing = standing.having_tried(&"eu/eu-south".parse().expect("a home"));
        let row = write(&standing);
        assert_eq!(read(&row).expect("reads"), standing);
        assert!(read(&row.slice(..row.len() - 1)).is_err());
        let user = UserId::from_uuid(Uuid::from_u128(7));
        let (key, value) = row_of(user, &standing);
        let again = super::row(&key, &value).expect("such a row");
        assert_eq!(again.expect("reads"), (user, standing));
        assert!(super::row(b"d", &value).is_none());
    }
    assert!(read(&Bytes::from_static(&[8, 2])).is_err(), "a later version");
}

#[test]
fn only_one_at_home_is_served() {
    let at = |place| Standing {
        place,
        ..Standing::native()
    };
    assert!(Standing::native().absence().is_none());
    let fenced = at(Place::Fenced {
        user_epoch: 1,
        operation: OperationId(1),
    });
    assert!(matches!(fenced.absence(), Some(LayerError::OnTheWay)));
    let incoming = at(Place::Incoming {
        operation: OperationId(1),
        complete: true,
    });
    assert!(matches!(incoming.absence(), Some(LayerError::OnTheWay)));
    let gone = at(Place::Gone {
        to: "eu/eu-west".parse().expect("a home"),
        user_epoch: 2,
    });
    assert!(matches!(
        gone.absence(),
        Some(LayerError::Gone { user_epoch: 2, .. })
    ));
}

#[test]
fn a_tally_is_of_the_rows_and_not_of_their_order() {
    let row = |key: &'static [u8], value: &[u8]| Row {
        key: Bytes::from_static(key),
        value: Some((1, Zeroizing::new(value.to_vec()))),
    };
    let of = |row: &Row| digest(row).expect("it is there");
    let rows = [row(b"a", b"1"), row(b"b", b"2"), row(b"c", b"3")];
    let (mut forward, mut back) = (Tally::default(), Tally::default());
    rows.iter().for_each(|row| forward.add(&of(row)));
    rows.iter().rev().for_each(|row| back.add(&of(row)));
    assert_eq!(forward, back);
    forward.take(&of(&rows[1]));
    assert_ne!(forward, back);
    forward.add(&of(&row(b"b", b"other")));
    assert_ne!(forward, back, "another value");
    back.take(&of(&rows[0]));
    back.take(&of(&rows[1]));
    back.take(&of(&rows[2]));
    assert_eq!(back, Tally::default());
    let (version, key) = (row(b"ab", b""), row(b"a", b"b"));
    assert_ne!(of(&version), of(&key), "the key's end is part of it");
    let gone = Row {
        key: Bytes::from_static(b"a"),
        value: None,
    };
    assert!(digest(&gone).is_none());
}

/// The rows of a person, as they leave his shard.
async fn all(bench: &Bench, key: &UserKey) -> Vec<Row> {
    let (user, mut rows) = (bench.root.as_user().expect("a person"), Vec::new());
    loop {
        let after: Option<Bytes> = rows.last().map(|row: &Row| row.key.clone());
        let after = after.as_ref();
        let read = |tx: Tx| async move { Whole::new(tx, user, key).page(after, 2).await };
        let page = bench
            .shard
            .read(&bench.request(), read)
            .await
            .expect("read")
            .value;
        rows.extend(page.0);
        if !page.1 {
            return rows;
        }
    }
}

#[tokio::test]
async fn what_leaves_comes_in_under_another_key_with_its_digests_and_counts_the_same() {
    let (here, mut there) = (Bench::open().await, Bench::open_shard("eu/eu-west/000").await);
    there.key = UserKey::generate_for(&here.key.digests());
    let once = IdempotencyKey::new(platform_runtime::random::uuid_v7()).expect("of version 7");
    let conclude = |tx: RootTx| async move {
        crate::blob::put(&tx, "a", crate::sha256(b"bytes"), b"bytes").await?;
        idempotency::conclude(&tx, once, [1; 32], b"the outcome").await
    };
    here.write(conclude).await.expect("written");
    let rows = all(&here, &here.key).await;
    assert!(rows.len() > 2, "{}", rows.len());
    let user = here.root.as_user().expect("a person");
    let (rows, key) = (&rows, &there.key);
    let take_in = |tx: Tx| async move {
        let mut tally = Tally::default();
        Whole::new(tx, user, key).take_in(rows, &mut tally).await?;
        Ok::<_, LayerError>(tally)
    };
    let taken = there
        .shard
        .write(&there.request(), take_in)
        .await
        .expect("taken")
        .value;
    let mut left = Tally::default();
    rows.iter()
        .filter_map(digest)
        .for_each(|digest| left.add(&digest));
    assert_eq!(taken, left);
    // The same rows again change nothing; a row less is counted.
    let again = |tx: Tx| async move {
        let (whole, mut tally) = (Whole::new(tx, user, key), left);
        whole.take_in(rows, &mut tally).await?;
        let gone = Row {
            value: None,
            ..rows[0].clone()
        };
        let whole_tally = tally;
        whole.take_in(&[gone], &mut tally).await?;
        Ok::<_, LayerError>((whole_tally, tally.rows))
    };
    let count =
        |tx: Tx| async move { Ok::<_, LayerError>(Whole::new(tx, user, key).page(None, 100).await?.0.len()) };
    let count = there.shard.read(&there.request(), count).await;
    assert_eq!(count.expect("read").value, rows.len());
    let replayed = |tx: RootTx| async move { idempotency::begin(&tx, once, [1; 32]).await };
    let replayed = there.write(replayed).await.expect("read");
    assert_eq!(replayed, idempotency::Begin::Replay(b"the outcome".to_vec()));
    let old_key = &here.key;
    let old = |tx: Tx| async move { Whole::new(tx, user, old_key).page(None, 1).await.map(|_| ()) };
    let old = there.shard.read(&there.request(), old).await;
    assert!(old.is_err(), "the key of the home before opens nothing here");
    let counted = there
        .shard
        .write(&there.request(), again)
        .await
        .expect("taken")
        .value;
    assert_eq!(counted, (left, left.rows - 1));
}

/// The planted omission: a page of large rows is more than one transaction may read, and who has them never moves.
#[tokio::test]
async fn a_page_ends_by_its_bytes_too_and_the_next_goes_on_behind_it() {
    let bench = Bench::open().await;
    let bytes = &vec![7_u8; 1_000_000];
    for name in ["a", "b", "c", "d", "e", "f"] {
        let large =
            |tx: RootTx| async move { crate::blob::put(&tx, name, crate::sha256(bytes), bytes).await };
        bench.write(large).await.expect("written");
    }
    let (user, key) = (bench.root.as_user().expect("a person"), &bench.key);
    let (mut found, mut pages, mut after) = (0, 0, None::<Bytes>);
    loop {
        let from = after.as_ref();
        let read = |tx: Tx| async move { Whole::new(tx, user, key).page(from, 1_000).await };
        let page = bench.shard.read(&bench.request(), read).await;
        let (rows, more) = page.expect("read").value;
        let bytes: usize = rows.iter().map(Row::bytes).sum();
        assert!(bytes < PAGE_BYTES + 64 * 90_000, "{bytes}");
        (found, pages) = (found + bytes, pages + 1);
        after = rows.last().map(|row| row.key.clone());
        if !more {
            break;
        }
    }
    assert!(found > 6_000_000 && pages > 1, "{found} bytes on {pages} pages");
}

#[tokio::test]
async fn nobody_is_served_where_he_is_not_at_home() {
    let bench = Bench::open().await;
    let user = bench.root.as_user().expect("a person");
    let enter = |tx: RootTx| async move { tx.enter().await.map(|_| ()) };
    bench.write(enter).await.expect("who never moved is at home");
    let gone = &Standing {
        place: Place::Gone {
            to: "eu/eu-west".parse().expect("a home"),
            user_epoch: 2,
        },
        ..Standing::native()
    };
    let leave = |tx: Tx| async move { put_standing(&tx, user, gone) };
    bench.shard.write(&bench.request(), leave).await.expect("written");
    let refused = bench.write(enter).await.expect_err("gone");
    assert!(
        matches!(refused, LayerError::Gone { user_epoch: 2, .. }),
        "{refused}"
    );
    let look = |tx: Tx| async move { standings(&tx, None, 10).await };
    let all = bench
        .shard
        .read(&bench.request(), look)
        .await
        .expect("read")
        .value;
    assert_eq!(all, [(user, gone.clone())]);
    let look = |tx: Tx| async move { standings(&tx, Some(user), 10).await };
    assert!(
        bench
            .shard
            .read(&bench.request(), look)
            .await
            .expect("read")
            .value
            .is_empty()
    );
}
