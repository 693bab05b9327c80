//! Workouts that are shown: told in the transaction of their upload, kept where they come, gone when they are taken back.

use cell_layers::RootTx;
use cell_sdk::{Address, Domain, Mode, Received};
use http::StatusCode;
use prost::Message;
use uuid::Uuid;

use super::bench_of_routes::{Bench, person};
use crate::Training;
use crate::fixtures;
use crate::storage::DOMAIN;
use crate::storage::sharing::{
    FOLLOWED_MOVED, FOLLOWER_CHANGED, FollowedMoved, FollowerChanged, IDENTITY, SHARED_MAX,
};
use crate::stored::{WorkoutShared, WorkoutWithdrawn, WorkoutsHidden};

const RUN: &str = "20210119_run_garmin_fenix6.tcx";

fn author() -> Address {
    Address {
        home: "us/us-east".parse().expect("a home"),
        user: person(7),
    }
}

fn received(domain: &str, name: &str, message: Vec<u8>) -> Received {
    Received {
        domain: domain.to_owned(),
        name: name.to_owned(),
        version: 1,
        from: author(),
        to: Address {
            home: "eu/eu-central".parse().expect("a home"),
            user: person(1),
        },
        known_at: None,
        message,
    }
}

/// What the node does with an event, for person 1.
async fn take(bench: &Bench, event: &Received) -> Result<(), platform_model::Problem> {
    let training = &Training::new();
    let handle = |tx: RootTx| async move { training.handle(&tx, event).await };
    let root = bench.root();
    root.write(DOMAIN, Mode::Sync, handle).await.map(|_| ())
}

fn follower(follows: bool) -> Received {
    let changed = FollowerChanged {
        follower: Uuid::from_u128(99).as_bytes().to_vec(),
        home: "us/us-east".to_owned(),
        follows,
    };
    received(IDENTITY, FOLLOWER_CHANGED, changed.encode_to_vec())
}

fn shared(number: u128) -> Received {
    let shared = WorkoutShared {
        workout: Uuid::from_u128(number).as_bytes().to_vec(),
        title: Some(format!("ride {number}")),
        sport: Some(2),
        distance_m: Some(1234.5),
        told_ms: 1_000,
        ..WorkoutShared::default()
    };
    received(DOMAIN, "workout_shared", shared.encode_to_vec())
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

fn hidden(told_ms: u64) -> Received {
    let hidden = WorkoutsHidden { told_ms };
    received(DOMAIN, "workouts_hidden", hidden.encode_to_vec())
}

async fn told(bench: &Bench) -> Vec<String> {
    let mut rows = rows(bench).await;
    rows.sort_by_key(|row| row.key.at);
    rows.into_iter().map(|row| row.name).collect()
}

#[tokio::test]
async fn an_upload_and_a_removal_are_told_to_followers_and_to_nobody_else() {
    let bench = Bench::new().await;
    let (status, _) = bench.upload(fixtures::get("hrv-activity.fit")).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(told(&bench).await.is_empty(), "nobody follows");
    take(&bench, &follower(true)).await.expect("taken");
    let (status, activity) = bench.upload(fixtures::get(RUN)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(told(&bench).await, ["workout_shared"]);
    let (status, _) = bench.upload(fixtures::get(RUN)).await;
    assert_eq!(status, StatusCode::OK, "it is there already");
    assert_eq!(told(&bench).await.len(), 1, "and shown already");
    let id = activity["id"].as_str().expect("an id");
    let (status, _) = bench.ask("DELETE", &format!("/v1/activities/{id}")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(told(&bench).await, ["workout_shared", "workout_withdrawn"]);
    take(&bench, &follower(false)).await.expect("taken");
    let all = told(&bench).await;
    assert_eq!(all[2..], ["workouts_hidden"], "behind all that he was shown");
    bench.upload(fixtures::get(RUN)).await;
    assert_eq!(told(&bench).await.len(), 3, "he follows no more");
}

/// What broke: of an author whose new home a law had left out nobody knew any more where he is from.
#[tokio::test]
async fn what_an_author_showed_is_where_he_lives_now_if_that_is_told() {
    let bench = Bench::new().await;
    take(&bench, &shared(1)).await.expect("taken");
    let moved = |home: &str| {
        let moved = FollowedMoved {
            followed: author().user.as_bytes().to_vec(),
            home: home.to_owned(),
        };
        received(IDENTITY, FOLLOWED_MOVED, moved.encode_to_vec())
    };
    let refused = take(&bench, &moved("")).await.expect_err("it says nothing");
    assert_eq!(refused.code, platform_model::Code::BadRequest);
    let home = async || {
        let (_, page) = bench.ask("GET", "/v1/following/activities").await;
        page["items"][0]["author_home"].clone()
    };
    assert_eq!(home().await, "us/us-east");
    take(&bench, &moved("us/us-west")).await.expect("taken");
    assert_eq!(home().await, "us/us-west");
}

#[tokio::test]
async fn what_others_show_is_listed_as_it_came_and_goes_when_it_is_taken_back() {
    let bench = Bench::new().await;
    for number in 1..=3 {
        take(&bench, &shared(number)).await.expect("taken");
    }
    let (status, page) = bench.ask("GET", "/v1/following/activities?limit=2").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let items = page["items"].as_array().expect("a list");
    assert_eq!((items.len(), &items[0]["title"]), (2, &"ride 3".into()));
    assert_eq!(
        (&items[0]["number"], &items[0]["author_home"]),
        (&3.into(), &"us/us-east".into())
    );
    assert!(items[0].get("heart_rate_avg").is_none(), "left out: {page}");
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let path = format!("/v1/following/activities?limit=2&cursor={cursor}");
    let (_, rest) = bench.ask("GET", &path).await;
    assert_eq!(rest["items"][0]["title"], "ride 1");
    assert_eq!(rest["next_cursor"], serde_json::Value::Null);

    let withdrawn = WorkoutWithdrawn {
        workout: Uuid::from_u128(2).as_bytes().to_vec(),
    };
    let withdrawn = received(DOMAIN, "workout_withdrawn", withdrawn.encode_to_vec());
    for _ in 0..2 {
        take(&bench, &withdrawn).await.expect("taken, again too");
    }
    let (_, page) = bench.ask("GET", "/v1/following/activities").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
    take(&bench, &hidden(1_000)).await.expect("taken");
    let (_, page) = bench.ask("GET", "/v1/following/activities").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(0), "{page}");
    assert_eq!(bench.rows_of("shared_workout"), 0);
}

#[tokio::test]
async fn an_event_that_is_none_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    for event in [
        received(DOMAIN, "workout_shared", vec![8, 1]),
        received(IDENTITY, FOLLOWER_CHANGED, vec![0xff]),
        received("community", "liked", Vec::new()),
    ] {
        let refused = take(&bench, &event).await.expect_err("none");
        assert_eq!(refused.code.as_str(), "bad-request", "{event:?}");
    }
    assert_eq!(bench.rows_of("shared_workout"), 0);
}

/// What was parked and is tried again comes behind what was told after it.
#[tokio::test]
async fn what_was_taken_back_does_not_come_back_by_a_retry() {
    let bench = Bench::new().await;
    let withdrawn = WorkoutWithdrawn {
        workout: Uuid::from_u128(1).as_bytes().to_vec(),
    };
    let withdrawn = received(DOMAIN, "workout_withdrawn", withdrawn.encode_to_vec());
    take(&bench, &withdrawn).await.expect("taken");
    take(&bench, &shared(1)).await.expect("taken, late");
    take(&bench, &hidden(1_000)).await.expect("taken");
    take(&bench, &shared(2)).await.expect("taken, late");
    let (_, page) = bench.ask("GET", "/v1/following/activities").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(0), "{page}");
    let later = WorkoutShared {
        workout: Uuid::from_u128(3).as_bytes().to_vec(),
        told_ms: 1_001,
        ..WorkoutShared::default()
    };
    let later = received(DOMAIN, "workout_shared", later.encode_to_vec());
    take(&bench, &later).await.expect("taken");
    let (_, page) = bench.ask("GET", "/v1/following/activities").await;
    assert_eq!(
        page["items"].as_array().map(Vec::len),
        Some(1),
        "he shows again: {page}"
    );
}

#[tokio::test]
async fn one_who_shows_nothing_more_leaves_nothing_however_much_it_was() {
    let bench = Bench::new().await;
    let many = SHARED_MAX as u128 + 5;
    let root = bench.root();
    let training = &Training::new();
    // In steps, for the sake of the test's time.
    for first in (1..=many).step_by(67) {
        let some = |tx: RootTx| async move {
            for number in first..(first + 67).min(many + 1) {
                training.handle(&tx, &shared(number)).await?;
            }
            Ok(())
        };
        root.write(DOMAIN, Mode::Sync, some).await.expect("taken");
    }
    let (_, page) = bench.ask("GET", "/v1/following/activities?limit=1").await;
    assert_eq!(page["items"][0]["number"], u64::try_from(many).expect("few"));
    take(&bench, &hidden(1_000)).await.expect("taken");
    assert_eq!(bench.rows_of("shared_workout"), 0);
}
