//! Tables against a model, and against someone who holds the disk.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;
use uuid::Uuid;

use crate::harness::Bench;
use crate::harness::sample::{Rider, rider};
use crate::{LayerError, MigrateError, Query, Record as _, Table};

const RIDERS: Table<Rider> = Table::new();

/// The form before version 2 had the rank negated.
pub(crate) fn rider_v1(stored: &[u8]) -> Result<Rider, MigrateError> {
    let mut rider = Rider::decode(stored).map_err(|error| MigrateError(error.to_string()))?;
    rider.rank = -rider.rank;
    Ok(rider)
}

fn rider(n: u128, email: &str) -> Rider {
    Rider {
        id: Uuid::from_u128(n).as_bytes().to_vec(),
        email: email.to_owned(),
        city: Some("Girona".to_owned()),
        team: 1,
        rank: i64::try_from(n).expect("small"),
        ..Rider::default()
    }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

#[tokio::test]
async fn a_row_comes_back_and_nothing_of_it_is_readable_on_disk() {
    let bench = Bench::open().await;
    let mut anna = rider(1, "canary-email@example.org");
    anna.body = Some(rider::Body::Note("canary-note".to_owned()));
    anna.city = Some("canary-city".to_owned());
    bench
        .write(|tx| {
            let anna = anna.clone();
            async move { RIDERS.insert(&tx, &anna).await }
        })
        .await
        .expect("in");
    let read = bench
        .write(|tx| async move { RIDERS.get(&tx, id(1)).await })
        .await
        .expect("read");
    assert_eq!(read, Some(anna));
    assert!(
        !bench.holds(b"canary"),
        "a personal value stands on disk in clear"
    );
    assert!(
        bench.holds(b"rider"),
        "the search itself works: table names stand in keys"
    );
}

#[tokio::test]
async fn a_row_moved_altered_or_copied_does_not_open() {
    let bench = Bench::open().await;
    for n in 1..=2 {
        let row = rider(n, &format!("{n}@x"));
        bench
            .write(|tx| {
                let row = row.clone();
                async move { RIDERS.insert(&tx, &row).await }
            })
            .await
            .expect("in");
    }
    let is_row = |key: &[u8]| key.windows(7).any(|part| part == b"rider\0\x14");
    let rows: Vec<_> = bench
        .rows_with("rider")
        .into_iter()
        .filter(|(key, _)| is_row(key))
        .collect();
    assert_eq!(rows.len(), 2, "two rows beside their index entries");
    bench
        .tamper(|batch| {
            batch.put(rows[0].0.clone(), rows[1].1.clone());
            batch.put(rows[1].0.clone(), rows[0].1.clone());
        })
        .await;
    for n in 1..=2 {
        let read = bench
            .write(|tx| async move { RIDERS.get(&tx, id(n)).await })
            .await;
        assert!(matches!(read, Err(LayerError::DoesNotOpen { .. })), "{read:?}");
    }
    let mut bad = rows[0].1.to_vec();
    *bad.last_mut().expect("bytes") ^= 1;
    bench
        .tamper(|batch| {
            batch.put(rows[0].0.clone(), bad);
        })
        .await;
    let read = bench
        .write(|tx| async move { RIDERS.get(&tx, id(1)).await })
        .await;
    assert!(matches!(read, Err(LayerError::DoesNotOpen { .. })), "{read:?}");
}

#[tokio::test]
async fn a_unique_value_has_one_row_and_is_free_again_when_it_goes() {
    let bench = Bench::open().await;
    let put = |row: Rider| {
        bench.write(move |tx| {
            let row = row.clone();
            async move { RIDERS.put(&tx, &row).await }
        })
    };
    put(rider(1, "a@x")).await.expect("first");
    let second = put(rider(2, "a@x")).await;
    assert!(
        matches!(
            second,
            Err(LayerError::UniqueViolation {
                table: "rider",
                index: "email"
            })
        ),
        "{second:?}"
    );
    let again = bench
        .write(|tx| async move { RIDERS.insert(&tx, &rider(1, "z@x")).await })
        .await;
    assert!(matches!(again, Err(LayerError::AlreadyExists { table: "rider" })));
    put(rider(1, "b@x")).await.expect("changes its address");
    put(rider(2, "a@x")).await.expect("the address is free");
    let found = bench
        .write(|tx| async move { RIDERS.by_unique(&tx, "email", "a@x").await })
        .await
        .expect("read");
    assert_eq!(found.map(|row| row.id), Some(id(2).as_bytes().to_vec()));
    assert!(
        bench
            .write(|tx| async move { RIDERS.delete(&tx, id(2)).await })
            .await
            .expect("deleted")
    );
    assert!(
        !bench
            .write(|tx| async move { RIDERS.delete(&tx, id(2)).await })
            .await
            .expect("not there")
    );
    put(rider(3, "a@x")).await.expect("free again");
    let wrong = bench
        .write(|tx| async move { RIDERS.by_unique(&tx, "city", "x").await })
        .await;
    assert!(matches!(wrong, Err(LayerError::NoSuchIndex { .. })));
}

#[tokio::test]
async fn two_who_take_one_unique_value_at_once_have_one_winner() {
    let bench = Bench::open().await;
    let insert = |n| bench.write(move |tx| async move { RIDERS.insert(&tx, &rider(n, "a@x")).await });
    let (one, two) = tokio::join!(insert(1), insert(2));
    assert_eq!(
        [one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(),
        1,
        "{one:?} {two:?}"
    );
}

#[tokio::test]
async fn pages_of_an_index_meet_every_row_once_both_ways() {
    let bench = Bench::open().await;
    bench
        .write(|tx| async move {
            for n in 0..25 {
                RIDERS.insert(&tx, &rider(n, &format!("{n}@x"))).await?;
            }
            RIDERS
                .insert(
                    &tx,
                    &Rider {
                        city: None,
                        team: 2,
                        ..rider(99, "99@x")
                    },
                )
                .await
        })
        .await
        .expect("in");
    for (index, reverse) in [("city", false), ("city", true), ("rank", false), ("rank", true)] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let query = Query {
                after: after.clone(),
                limit: 7,
                reverse,
            };
            let page = bench
                .write(|tx| {
                    let query = query.clone();
                    async move {
                        match index {
                            "city" => RIDERS.by_index(&tx, "city", "Girona", query).await,
                            _ => RIDERS.by_index(&tx, "rank", 1u64, query).await,
                        }
                    }
                })
                .await
                .expect("page");
            assert!(page.rows.len() <= 7);
            seen.extend(page.rows.iter().map(|row| row.rank));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut expected: Vec<i64> = (0..25).collect();
        if reverse {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{index} reverse {reverse}");
    }
}

#[tokio::test]
async fn the_version_before_migrates_and_any_other_is_refused() {
    let bench = Bench::open().await;
    let stored = |version: u16| {
        bench.write(move |tx| async move {
            let key = super::keys::row::<Rider>(&tx, &id(1).into());
            tx.put("rider", key, version, &rider(1, "a@x").encode_to_vec())
        })
    };
    let get = || bench.write(|tx| async move { RIDERS.get(&tx, id(1)).await });
    stored(1).await.expect("written");
    assert_eq!(get().await.expect("migrated").map(|row| row.rank), Some(-1));
    for version in [0, 3] {
        stored(version).await.expect("written");
        let read = get().await;
        assert!(
            matches!(read, Err(LayerError::Version { known: 2, .. })),
            "{read:?}"
        );
    }
}

#[test]
fn a_logged_record_shows_no_personal_value() {
    let mut anna = rider(1, "canary@example.org");
    anna.body = Some(rider::Body::Note("canary".to_owned()));
    anna.bikes.push(rider::Bike {
        name: "canary".to_owned(),
        kind: rider::Kind::Road.into(),
    });
    let said = format!("{anna:?} {:?}", anna.bikes[0]);
    assert!(
        !said.contains("canary") && said.contains("email: <contact>") && said.contains("team: 1"),
        "{said}"
    );
    assert_eq!(crate::harness::sample::TABLES[0].name, "rider");
    assert!(Rider::FIELDS.iter().any(|field| field.name == "bikes.name"));
}

#[tokio::test]
async fn a_unique_violation_that_is_caught_changes_nothing() {
    let bench = Bench::open().await;
    for (n, email) in [(1, "a@x"), (2, "b@x")] {
        let row = rider(n, email);
        bench
            .write(|tx| {
                let row = row.clone();
                async move { RIDERS.insert(&tx, &row).await }
            })
            .await
            .expect("in");
    }
    let before = bench.rows_with("rider");
    let mut taken = rider(2, "a@x");
    taken.city = Some("Nice".to_owned());
    let mut large = rider(2, "c@x");
    large.city = Some("x".repeat(95_000));
    for row in [taken, large] {
        let caught = bench
            .write(|tx| {
                let row = row.clone();
                async move { Ok(RIDERS.put(&tx, &row).await.is_err()) }
            })
            .await;
        assert!(caught.expect("committed"), "it was refused");
        assert_eq!(
            bench.rows_with("rider"),
            before,
            "half of a refused change was committed"
        );
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => (0..8u8, 0..6u8).prop_map(|(n, e)| Step::Put(n, e)), 1 => (0..8u8).prop_map(Step::Delete)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Rows, the unique index and the list agree with a map after every step.
    #[test]
    fn a_table_is_a_map_with_unique_values(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = Bench::open().await;
            let mut model: BTreeMap<u8, u8> = BTreeMap::new();
            for step in steps {
                follow(&bench, &mut model, step).await;
            }
            let listed = bench.write(|tx| async move { RIDERS.scan(&tx, Query::first(100)).await }).await.expect("list");
            let listed: Vec<String> = listed.rows.into_iter().map(|row| row.email).collect();
            assert_eq!(listed, model.values().map(|email| format!("{email}@x")).collect::<Vec<_>>());
            for email in 0..6u8 {
                let wanted = format!("{email}@x");
                let found = bench.write(|tx| { let wanted = wanted.clone(); async move {
                    RIDERS.by_unique(&tx, "email", wanted).await
                }}).await.expect("read");
                assert_eq!(found.is_some(), model.values().any(|held| *held == email));
            }
        });
    }
}

async fn follow(bench: &Bench, model: &mut BTreeMap<u8, u8>, step: Step) {
    match step {
        Step::Put(n, email) => {
            let row = rider(n.into(), &format!("{email}@x"));
            let put = bench
                .write(|tx| {
                    let row = row.clone();
                    async move { RIDERS.put(&tx, &row).await }
                })
                .await;
            let taken = model.iter().any(|(other, held)| *other != n && *held == email);
            assert_eq!(put.is_err(), taken, "{put:?}");
            if !taken {
                model.insert(n, email);
            }
        }
        Step::Delete(n) => {
            let there = bench
                .write(|tx| async move { RIDERS.delete(&tx, id(n.into())).await })
                .await
                .expect("deleted");
            assert_eq!(there, model.remove(&n).is_some());
        }
    }
}
