//! The life of an activity: uploaded, listed, read, removed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::bench_of_routes::{Bench, bytes, json, key, request};
use crate::fixtures;
use crate::import::ImportError;
use crate::routes::upload;
use crate::storage::{self, Parts};

const RIDE: &str = "hrv-activity.fit";
const RUN: &str = "20210119_run_garmin_fenix6.tcx";

/// Tables and layers of which nothing may be left.
const PERSONAL: [&str; 5] = ["activity", "lap_page", "pending_upload", "#samples", "#blob"];

fn id(activity: &Value) -> String {
    activity["id"].as_str().expect("an id").to_owned()
}

fn read_file(id: Uuid, bytes: Bytes) -> Result<Parts, ImportError> {
    upload::read_file(id, Sha256::digest(&bytes).into(), bytes)
}

#[tokio::test]
async fn an_upload_is_read_back_with_its_numbers_and_its_bytes() {
    let bench = Bench::new().await;
    let file = fixtures::get(RUN);
    let (status, activity) = bench.upload(file).await;
    assert_eq!(status, StatusCode::CREATED, "{activity}");
    assert_eq!(activity["sport"], "running");
    assert_eq!(activity["started_at"], "2021-01-19T23:30:50.000Z");
    assert_eq!(activity["figures"]["distance_m"], 5124.84);
    assert_eq!(activity["device_figures"]["distance_m"], 5124.84);
    assert_eq!(activity["figures"]["heart_rate_max"], 189.0);
    assert_eq!(activity["truncated"], false);

    let path = format!("/v1/activities/{}", id(&activity));
    let (status, detail) = bench.ask("GET", &path).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(detail["laps"][0]["device_figures"]["heart_rate_avg"], 157.0);
    assert_eq!(detail["id"], activity["id"]);

    let response = bench
        .send(request(1, "GET", &format!("{path}/original"), None, Vec::new()))
        .await;
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.garmin.tcx+xml"
    );
    assert_eq!(bytes(response).await, file, "byte for byte");
}

#[tokio::test]
async fn a_large_file_comes_back_whole() {
    let bench = Bench::new().await;
    let mut file = fixtures::get(RUN).to_vec();
    file.extend_from_slice("<!-- padding -->\n".repeat(150_000).as_bytes());
    assert!(file.len() > 3 << 20, "several transactions");
    let (status, activity) = bench.upload(&file).await;
    assert_eq!(status, StatusCode::CREATED, "{activity}");
    let path = format!("/v1/activities/{}/original", id(&activity));
    let response = bench.send(request(1, "GET", &path, None, Vec::new())).await;
    assert_eq!(bytes(response).await, file);
}

#[tokio::test]
async fn the_same_bytes_are_the_same_activity_and_the_same_command_the_same_answer() {
    let bench = Bench::new().await;
    let file = fixtures::get(RIDE).to_vec();
    let first_key = key();
    let send = |key| bench.send(request(1, "POST", "/v1/activities", Some(key), file.clone()));
    let first = json(send(first_key).await).await;
    assert_eq!(first.0, StatusCode::CREATED);
    let again = send(first_key).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again).await, first);
    let known = json(send(key()).await).await;
    assert_eq!(known, (StatusCode::OK, first.1.clone()));
    let (_, list) = bench.ask("GET", "/v1/activities").await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    let other = json(
        bench
            .send(request(2, "POST", "/v1/activities", Some(key()), file))
            .await,
    )
    .await;
    assert_eq!(other.0, StatusCode::CREATED);
    assert_ne!(
        other.1["id"], first.1["id"],
        "another person's activity is another one"
    );
    let path = format!("/v1/activities/{}", id(&other.1));
    assert_eq!(bench.ask("GET", &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn two_uploads_of_the_same_bytes_at_once_make_one_activity() {
    let bench = Bench::new().await;
    let file = fixtures::get(RUN);
    let (one, other) = tokio::join!(bench.upload(file), bench.upload(file));
    let mut statuses = [one.0, other.0];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CREATED]);
    assert_eq!(one.1["id"], other.1["id"]);
}

#[tokio::test]
async fn the_list_is_newest_start_first_in_pages() {
    let bench = Bench::new().await;
    for name in ["garmin-activity.gpx", RUN, RIDE, "20210323_yoga.tcx"] {
        assert_eq!(
            bench.upload(fixtures::get(name)).await.0,
            StatusCode::CREATED,
            "{name}"
        );
    }
    let (mut starts, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let (status, page) = bench.ask("GET", &format!("/v1/activities?limit=3{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().expect("items");
        starts.extend(
            items
                .iter()
                .map(|item| item["started_at"].as_str().expect("a time").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut sorted = starts.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!((starts.len(), &starts), (4, &sorted));
}

#[tokio::test]
async fn streams_give_channels_ranges_and_buckets() {
    let bench = Bench::new().await;
    let (_, activity) = bench.upload(fixtures::get(RUN)).await;
    let path = format!("/v1/activities/{}/streams", id(&activity));
    let (status, all) = bench
        .ask("GET", &format!("{path}?channels=heart_rate,speed,power"))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(all["time_s"].as_array().map(Vec::len), Some(1232));
    assert_eq!(all["channels"]["heart_rate"]["values"][0], 55.0);
    assert_eq!(all["channels"]["heart_rate"]["unit"], "bpm");
    assert!(all["channels"].get("power").is_none(), "the file has none");
    let (_, part) = bench
        .ask(
            "GET",
            &format!("{path}?channels=distance&resolution=60&from=60&to=300"),
        )
        .await;
    assert_eq!(part["time_s"], serde_json::json!([60.0, 120.0, 180.0, 240.0]));
    let metres = part["channels"]["distance"]["values"].as_array().expect("values");
    assert!(metres.windows(2).all(|pair| pair[0].as_f64() < pair[1].as_f64()));
    let (_, everything) = bench.ask("GET", &path).await;
    assert_eq!(
        everything["channels"].as_object().map(serde_json::Map::len),
        Some(7)
    );
}

#[tokio::test]
async fn a_removal_leaves_nothing_and_the_file_can_come_again() {
    let bench = Bench::new().await;
    let (_, activity) = bench.upload(fixtures::get(RIDE)).await;
    let path = format!("/v1/activities/{}", id(&activity));
    let removal = key();
    for _ in 0..2 {
        let response = bench
            .send(request(1, "DELETE", &path, Some(removal), Vec::new()))
            .await;
        assert_eq!(
            response.status(),
            StatusCode::NO_CONTENT,
            "a repeated command has the same answer"
        );
    }
    for below in ["", "/streams", "/original"] {
        assert_eq!(
            bench.ask("GET", &format!("{path}{below}")).await.0,
            StatusCode::NOT_FOUND,
            "{below}"
        );
    }
    assert_eq!(bench.ask("DELETE", &path).await.0, StatusCode::NOT_FOUND);
    let (_, list) = bench.ask("GET", "/v1/activities").await;
    assert_eq!(list["items"], serde_json::json!([]));
    for kind in PERSONAL {
        assert_eq!(bench.rows_of(kind), 0, "rows of {kind} are left");
    }
    let again = bench.upload(fixtures::get(RIDE)).await;
    assert_eq!((again.0, &again.1["id"]), (StatusCode::CREATED, &activity["id"]));
    assert_eq!(
        bench.ask("GET", &format!("{path}/streams")).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_removal_amid_uploads_leaves_all_or_nothing() {
    let bench = Bench::new().await;
    let file = fixtures::get(RIDE);
    let (_, activity) = bench.upload(file).await;
    let path = format!("/v1/activities/{}", id(&activity));
    for _ in 0..20 {
        let (upload, _, other) =
            tokio::join!(bench.upload(file), bench.ask("DELETE", &path), bench.upload(file));
        for (status, body) in [upload, other] {
            assert!(
                status.is_success() || status == StatusCode::CONFLICT,
                "{status} {body}"
            );
        }
        let (status, _) = bench.ask("GET", &path).await;
        for below in ["/streams", "/original"] {
            let response = bench
                .send(request(1, "GET", &format!("{path}{below}"), None, Vec::new()))
                .await;
            assert_eq!(response.status(), status, "{below}");
        }
    }
}

#[tokio::test]
async fn what_an_upload_left_behind_goes_with_an_upload_of_a_later_day() {
    let bench = Bench::new().await;
    let parts =
        Arc::new(read_file(Uuid::from_u128(5), fixtures::get(RUN).to_vec().into()).expect("a workout"));
    storage::stage(&bench.root(), &parts).await.expect("staged");
    assert!(bench.rows_of("#samples") > 1 && bench.rows_of("#blob") > 1);
    assert_eq!(bench.rows_of("activity"), 0, "nobody can see it");
    bench.clock.advance(Duration::from_secs(25 * 3_600));
    let (status, activity) = bench.upload(fixtures::get("Activity.fit")).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        bench
            .ask("DELETE", &format!("/v1/activities/{}", id(&activity)))
            .await
            .0,
        StatusCode::NO_CONTENT
    );
    for kind in PERSONAL {
        assert_eq!(bench.rows_of(kind), 0, "rows of {kind} are left");
    }
}

/// Sixteen large uploads that were left have more rows than one transaction may write.
#[tokio::test]
async fn uploads_that_were_left_go_one_with_each_later_upload() {
    let bench = Bench::new().await;
    for n in 0..3u128 {
        let file = fixtures::get(RUN).to_vec();
        let parts = Arc::new(read_file(Uuid::from_u128(n), file.into()).expect("a workout"));
        storage::stage(&bench.root(), &parts).await.expect("staged");
    }
    assert_eq!(bench.rows_of("pending_upload"), 3);
    bench.clock.advance(Duration::from_secs(25 * 3_600));
    for (left, name) in [(2, "Activity.fit"), (1, RIDE), (0, "garmin-activity.gpx")] {
        assert_eq!(bench.upload(fixtures::get(name)).await.0, StatusCode::CREATED);
        assert_eq!(bench.rows_of("pending_upload"), left);
    }
}

#[tokio::test]
async fn a_title_is_changed_under_a_key_and_taken_away() {
    let bench = Bench::new().await;
    let (_, activity) = bench.upload(fixtures::get(RIDE)).await;
    let path = format!("/v1/activities/{}", id(&activity));
    let patch = |key, body: Value| {
        let body = body.to_string().into_bytes();
        bench.send(request(1, "PATCH", &path, Some(key), body))
    };
    let first_key = key();
    let titled = json(patch(first_key, json!({ "name": "Home ride" })).await).await;
    assert_eq!(
        (titled.0, &titled.1["name"]),
        (StatusCode::OK, &json!("Home ride"))
    );
    let (_, detail) = bench.ask("GET", &path).await;
    assert_eq!(detail["name"], "Home ride");
    assert_eq!(detail["figures"], activity["figures"], "nothing else changes");

    let other = json(patch(key(), json!({ "name": "Long ride" })).await).await;
    assert_eq!(other.1["name"], "Long ride");
    let again = patch(first_key, json!({ "name": "Home ride" })).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again).await, titled, "the answer of then");
    assert_eq!(
        bench.ask("GET", &path).await.1["name"],
        "Long ride",
        "and no second change"
    );

    let same = json(patch(key(), json!({})).await).await;
    assert_eq!(same.1["name"], "Long ride", "what is absent stays");
    let none = json(patch(key(), json!({ "name": null })).await).await;
    assert_eq!((none.0, none.1.get("name")), (StatusCode::OK, None));
}
