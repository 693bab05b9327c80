//! What comes to a shard after its backup is kept by whoever serves it, and what stands in the way of that is told.

use std::time::Duration;

use cell_backup::{BackupStore, Goal, Manifest, Run, log};
use platform_model::matrix::{Sink as Lawful, SinkKind, plain};
use platform_model::{Position, RoutingTable};
use platform_runtime::ManualClock;
use platform_wire::follow::Followed;
use sha2::{Digest, Sha256};

use super::*;
use crate::custody::Sink;
use crate::custody::removing::Order;
use crate::events::tests::bench::until;
use crate::tests::sample::CATALOGUE;

const EVERY: Duration = Duration::from_secs(10);

/// The bench's world under a law that has a place for backups.
fn permitted(bench: &Bench) -> Followed {
    lawful(bench, &["backup-eu"])
}

/// The law names these stores of backups.
fn lawful(bench: &Bench, names: &[&str]) -> Followed {
    let mut table = RoutingTable::clone(&bench.followed().current());
    let sink = Lawful {
        kind: SinkKind::Backup,
        region: "eu-central".parse().expect("a region"),
    };
    let areas: [(&str, &str, &[&str]); 1] = [("eu", "DE", &["eu-central", "eu-west"])];
    let sinks = names.iter().map(|name| ((*name).to_owned(), sink.clone()));
    let sinks = sinks.collect();
    let catalogue = Sha256::digest(CATALOGUE).into();
    table.law = Some(plain::in_force_with_sinks(&areas, catalogue, true, sinks));
    Followed::by_hand(table, &Clock::system()).1
}

/// A node that has just begun, its clock, and the place for its backups.
fn node(bench: &Bench, followed: Followed, folder: &tempfile::TempDir) -> (Custody, ManualClock, Sink) {
    let sink = Sink {
        name: "backup-eu".into(),
        region: None,
        store: BackupStore::folder(folder.path()).expect("a store"),
        rules: None,
        bytes_per_second: 0,
        log_every: Some(EVERY),
    };
    let (clock, hand) = Clock::manual(1_764_000_000_000);
    let custody = Custody::new(Parts {
        sink: Some(sink.clone()),
        followed,
        ..parts(bench, &Controllers::answering(), (Memory::new(), clock))
    });
    (custody, hand, sink)
}

async fn backed_up(custody: &Custody) -> Manifest {
    let begun = custody.begin_backup(&shard_of(FOLLOWERS)).expect("permitted");
    let end = || custody.jobs.get(begun.id).expect("remembered").end;
    until("the backup has ended", async || end().is_some()).await;
    end().expect("it has ended").expect("written").manifest
}

/// The log in the store, read to its end.
async fn found(custody: &Custody, sink: &Sink) -> Run {
    let (shard, world) = (shard_of(FOLLOWERS), &custody.shared.world);
    let kek = custody.kek(&shard).expect("a key");
    let run = Run::find(&sink.store, &kek, world, &shard).await;
    let run = run.expect("read").expect("a backup");
    let end = log::read::verify(&sink.store, &kek, &run.base, Goal::Latest).await;
    assert_eq!(end.expect("whole"), run.end);
    run
}

#[tokio::test]
async fn what_comes_after_a_backup_is_kept_after_a_while_and_gone_on_with_by_the_next_node() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    custody.keep_logs(&sink).await;
    assert_eq!(custody.logs.problems(), Vec::<String>::new(), "no backup, no log");
    let base = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    bench.person(FOLLOWERS, 8).await;
    custody.keep_logs(&sink).await;
    assert_eq!(found(&custody, &sink).await.segments, 0, "before its time");
    let committed = || bench.shard(FOLLOWERS).status().committed;
    let written = committed();
    hand.advance(EVERY);
    custody.keep_logs(&sink).await;
    let run = found(&custody, &sink).await;
    assert_eq!(run.base, base);
    assert!(
        written > base.origin.position && run.end.position >= written,
        "{run:?}"
    );
    // Another node has come to serve it.
    let (next, _hand, sink) = node(&bench, permitted(&bench), &folder);
    bench.person(FOLLOWERS, 9).await;
    let (segments, written) = (run.segments, committed());
    next.keep_logs(&sink).await;
    let run = found(&next, &sink).await;
    assert!(run.segments > segments && run.end.position >= written, "{run:?}");
    // The one before finds that, if it still serves, and goes on behind it.
    bench.person(FOLLOWERS, 10).await;
    let (segments, written) = (run.segments, committed());
    for _ in 0..2 {
        hand.advance(EVERY);
        custody.keep_logs(&sink).await;
    }
    let run = found(&custody, &sink).await;
    assert!(run.segments > segments && run.end.position >= written, "{run:?}");
    bench.end().await;
}

/// The planted omission: between the log of one backup and the next one lies a time to which nothing is restored.
#[tokio::test]
async fn a_log_goes_on_to_where_the_next_backup_begins() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    let first = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    bench.person(FOLLOWERS, 8).await;
    let second = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    let kek = custody.kek(&shard_of(FOLLOWERS)).expect("a key");
    let before = Run::of(&sink.store, &kek, first).await.expect("whole");
    assert!(before.end.position >= second.origin.position, "{before:?}");
    bench.person(FOLLOWERS, 9).await;
    hand.advance(EVERY);
    custody.keep_logs(&sink).await;
    let run = found(&custody, &sink).await;
    assert_eq!((&run.base, run.segments), (&second, 1));
    // Also of the one before.
    let end = log::read::verify(&sink.store, &kek, &before.base, Goal::Latest).await;
    assert_eq!(end.expect("read"), run.end);
    let told = custody.listing(true).await.expect("listed").backups;
    let reach: Vec<(u64, bool)> = told
        .iter()
        .map(|told| (told.log_position, told.log_gap))
        .collect();
    assert_eq!(reach, [(run.end.position.0, false); 2]);
    bench.end().await;
}

#[tokio::test]
async fn a_log_with_a_gap_is_told_and_the_next_backup_begins_anew() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    let base = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    for number in 8..11 {
        bench.person(FOLLOWERS, number).await;
        hand.advance(EVERY);
        custody.keep_logs(&sink).await;
    }
    assert_eq!(found(&custody, &sink).await.segments, 3);
    let segment = folder
        .path()
        .join(base.name.as_str())
        .join("log/segment-00000001");
    std::fs::remove_file(segment).expect("there");
    let (next, _hand, sink) = node(&bench, permitted(&bench), &folder);
    next.keep_logs(&sink).await;
    let told = next.logs.problems();
    assert!(told.len() == 1 && told[0].contains("segment 1"), "{told:?}");
    let anew = backed_up(&next).await;
    next.keep_logs(&sink).await;
    assert_eq!(next.logs.problems(), Vec::<String>::new());
    assert_eq!(found(&next, &sink).await.base, anew);
    bench.end().await;
}

#[tokio::test]
async fn where_the_law_has_no_place_for_it_nothing_is_kept_and_that_is_told() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, ..) = node(&bench, permitted(&bench), &folder);
    backed_up(&custody).await;
    let (forbidden, _hand, sink) = node(&bench, lawful(&bench, &[]), &folder);
    bench.person(FOLLOWERS, 8).await;
    forbidden.keep_logs(&sink).await;
    let told = forbidden.logs.problems();
    let shard = shard_of(FOLLOWERS).to_string();
    assert!(told.iter().any(|why| why.starts_with(&shard)), "{told:?}");
    assert_eq!(found(&custody, &sink).await.segments, 0);
    let held = bench.shard(FOLLOWERS).log_wanted_behind();
    assert_eq!(held, Some(Position(0)), "nor is anything dropped");
    bench.end().await;
}

/// The planted omission: whoever finds that a number is taken, often by himself, forgets that another backup waits for
/// this log to come to where it begins.
#[tokio::test]
async fn a_log_of_which_a_number_was_taken_goes_on_to_where_the_next_backup_begins() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, _hand, sink) = node(&bench, permitted(&bench), &folder);
    let first = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    bench.person(FOLLOWERS, 8).await;
    let (other, ..) = node(&bench, permitted(&bench), &folder);
    other.keep_logs(&sink).await;
    let kek = custody.kek(&shard_of(FOLLOWERS)).expect("a key");
    let taken = Run::of(&sink.store, &kek, first.clone()).await.expect("whole");
    assert!(taken.segments > 0, "{taken:?}");
    bench.person(FOLLOWERS, 9).await;
    let second = backed_up(&custody).await;
    assert!(taken.end.position < second.origin.position);
    for _ in 0..2 {
        custody.keep_logs(&sink).await;
    }
    let before = Run::of(&sink.store, &kek, first).await.expect("whole");
    assert!(before.end.position >= second.origin.position, "{before:?}");
    assert_eq!(found(&custody, &sink).await.base, second);
    bench.end().await;
}

/// The planted omission: a backup that was begun earlier, and ends later, takes the log from behind the newer one.
#[tokio::test]
async fn no_log_begins_behind_a_backup_that_is_not_newer() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    let older = backed_up(&custody).await;
    bench.person(FOLLOWERS, 8).await;
    let newer = backed_up(&custody).await;
    custody.keep_logs(&sink).await;
    custody.logs.written(&bench.shard(FOLLOWERS), Some(&older));
    custody.keep_logs(&sink).await;
    bench.person(FOLLOWERS, 9).await;
    hand.advance(EVERY);
    custody.keep_logs(&sink).await;
    let run = found(&custody, &sink).await;
    assert!(run.base == newer && run.segments > 0, "{run:?}");
    let kek = custody.kek(&shard_of(FOLLOWERS)).expect("a key");
    let of_older = Run::of(&sink.store, &kek, older).await.expect("whole");
    assert_eq!(of_older.segments, 0);
    bench.end().await;
}

#[tokio::test]
async fn while_it_cannot_be_told_where_a_log_ends_none_begins_and_that_is_told() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    let base = backed_up(&custody).await;
    // A folder that cannot be listed.
    let circle = folder.path().join("circle");
    std::os::unix::fs::symlink("circle", &circle).expect("made");
    custody.keep_logs(&sink).await;
    let (told, shard) = (custody.logs.problems(), shard_of(FOLLOWERS).to_string());
    assert!(told.iter().any(|why| why.starts_with(&shard)), "{told:?}");
    std::fs::remove_file(circle).expect("there");
    hand.advance(EVERY);
    custody.keep_logs(&sink).await;
    assert_eq!(custody.logs.problems(), Vec::<String>::new());
    assert_eq!(found(&custody, &sink).await.base, base);
    bench.end().await;
}

/// The planted omission: the log of a backup that was just made begins although that is removed, in a folder that is no
/// backup.
#[tokio::test]
async fn a_backup_that_is_removed_before_its_log_has_begun_gets_none() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    bench.person(FOLLOWERS, 7).await;
    let (custody, hand, sink) = node(&bench, permitted(&bench), &folder);
    let base = backed_up(&custody).await;
    let order = Order {
        name: base.name.clone(),
        by: "spiffe://x/operator/sre/kim".to_owned(),
        reason: "request 4711".to_owned(),
        even_the_last: true,
        dry_run: false,
    };
    custody.removed(&order).await.expect("removed");
    for number in 8..10 {
        bench.person(FOLLOWERS, number).await;
        hand.advance(EVERY);
        custody.keep_logs(&sink).await;
    }
    let left = std::fs::read_dir(folder.path().join(base.name.as_str()));
    assert_eq!(left.map_or(0, Iterator::count), 0);
    bench.end().await;
}
