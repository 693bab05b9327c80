//! What is held of a person is given to an officer once that is on record, and not before.

use std::pin::pin;

use cell_layers::{RootTx, Table};
use domains_identity::stored::{Follower, Profile};
use futures::stream::{StreamExt as _, TryStreamExt as _};
use platform_wire::RefusalCode;
use serde_json::Value;

use super::{Controllers, Ordering, Uuid, asked, custody};
use crate::events::tests::bench::{Bench, FOLLOWERS, user};

const ADMITTED: Table<Follower> = Table::new();
const PROFILES: Table<Profile> = Table::new();

/// The planted omission: of whom nothing is held no page comes, and the officer is told of decision 0.
#[tokio::test]
async fn the_decision_reaches_whoever_asked_where_nothing_is_held_of_a_person() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    let (sequence, export) = custody.export(&asked(person)).await.expect("on record");
    // What is read then of one who never made himself a profile is another thing.
    let first = pin!(export.pages()).next().await.expect("a page").expect("read");
    assert_eq!((sequence, &first[..]), (1, &b"[]"[..]));
    bench.end().await;
}

/// The planted omission: whoever reads first and tells the controllers afterwards.
#[tokio::test]
async fn nothing_of_a_person_is_read_for_anybody_before_it_is_on_record() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    controllers.begins.store(false, Ordering::Relaxed);
    let refused = custody.export(&asked(person)).await.map(|(sequence, _)| sequence);
    let refusal = refused.expect_err("nobody has it on record");
    assert_eq!(refusal.code, RefusalCode::Unavailable, "{refusal:?}");
    controllers.begins.store(true, Ordering::Relaxed);
    let nobody = custody.export(&asked(user(99))).await;
    let refusal = nobody.map(|(sequence, _)| sequence).expect_err("nobody");
    assert_eq!(refusal.code, RefusalCode::Unknown, "{refusal:?}");
    assert!(controllers.exported.lock().is_empty());
    bench.end().await;
}

#[tokio::test]
async fn an_officer_is_given_what_the_person_could_ask_for_himself() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    let row = &Follower {
        user: Uuid::from_u128(42).as_bytes().to_vec(),
        home: "us/us-east".into(),
        since_ms: 1,
        ..Follower::default()
    };
    let profile = &Profile {
        user: person.as_bytes().to_vec(),
        ..Profile::default()
    };
    let admit = |tx: RootTx| async move {
        PROFILES.insert(&tx, profile).await?;
        Ok(ADMITTED.insert(&tx, row).await?)
    };
    bench.write(FOLLOWERS, person, "identity", admit).await;
    let (sequence, export) = custody.export(&asked(person)).await.expect("on record");
    let pages: Vec<Vec<u8>> = export.pages().try_collect().await.expect("all of it");
    let items: Vec<Value> = pages
        .iter()
        .flat_map(|page| serde_json::from_slice::<Vec<Value>>(page).expect("a list"))
        .collect();
    let kinds: Vec<&str> = items.iter().filter_map(|item| item["kind"].as_str()).collect();
    assert!(kinds.contains(&"profile"), "{kinds:?}");
    let follower = items.iter().find(|item| item["kind"] == "follower");
    assert_eq!(follower.expect("his follower")["value"]["home"], "us/us-east");
    let given = controllers.exported.lock().clone();
    assert_eq!((sequence, given), (1, vec![(person, super::OFFICER.to_owned())]));
    bench.end().await;
}
