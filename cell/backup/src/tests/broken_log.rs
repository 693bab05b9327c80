//! A log, broken in every way that a store, another's hand or a failover can break it.

use platform_model::Position;

use super::*;
use crate::envelope;
use crate::log::segment::{Segment, VERSION};
use crate::seal::BackupKey;

/// A backup with a log of several segments, and where it ended after each.
async fn logged() -> (Bench, Manifest, Vec<Origin>) {
    let bench = Bench::new().await;
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    for number in 0..20 {
        put(&bench.shard, number).await;
    }
    let mut ends = Vec::new();
    while bench.keep(&mut run).await.expect("kept") != Kept::Nothing {
        ends.push(run.end);
    }
    assert!(ends.len() > 3, "{run:?}");
    (bench, base, ends)
}

/// What is wrong with it is told, nothing is restored, and up to where it is good it is.
async fn is_refused(bench: &Bench, base: &Manifest, good: Origin, expected: impl Fn(&BackupError) -> bool) {
    let (store, kek, all) = (&bench.store, &bench.kek, Goal::Latest);
    let error = log::read::verify(store, kek, base, all).await;
    let error = error.expect_err("broken");
    assert!(expected(&error), "{error:?}");
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    let to = async |goal| {
        bench
            .restore_to(&base.name, goal, (&disk, &nobody, &AllAtHome))
            .await
    };
    let error = to(all).await.expect_err("broken");
    assert!(expected(&error), "{error:?}");
    assert_eq!(copies(&*disk).await.expect("read"), [], "half of it is there");
    let restored = to(Goal::Pair(good.pair())).await;
    assert_eq!(restored.expect("as far as it is good").end, good);
}

/// As [`is_refused`], of segment 1 with these bytes in its place.
async fn second_is(
    logged: &(Bench, Manifest, Vec<Origin>),
    bytes: &[u8],
    expected: impl Fn(&BackupError) -> bool,
) {
    let (bench, base, ends) = logged;
    fs::write(bench.segment(&base.name, 1), bytes).expect("written");
    is_refused(bench, base, ends[0], expected).await;
}

fn is_damaged(ends: &[Origin]) -> impl Fn(&BackupError) -> bool {
    let good = ends[0].pair();
    move |error: &BackupError| match error {
        BackupError::DamagedSegment { segment, upto, .. } => (*segment, *upto) == (1, Some(good)),
        _ => false,
    }
}

#[tokio::test]
async fn a_flipped_byte_anywhere_in_a_segment_is_found() {
    let logged = logged().await;
    let (bench, base, _) = &logged;
    let whole = fs::read(bench.segment(&base.name, 1)).expect("there");
    for at in [1, 3, 30, 60, 90, 700, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let told = |error: &BackupError| {
            matches!(
                error,
                BackupError::DamagedSegment { segment: 1, .. }
                    | BackupError::ForeignKey(_)
                    | BackupError::TooNew { .. }
            )
        };
        second_is(&logged, &flipped, told).await;
    }
}

#[tokio::test]
async fn a_segment_that_is_cut_short_swapped_or_of_another_backup_is_found() {
    let logged = logged().await;
    let (bench, base, ends) = &logged;
    let whole = |number| fs::read(bench.segment(&base.name, number)).expect("there");
    let (first, second, third) = (whole(0), whole(1), whole(2));
    let other = bench.back_up().await;
    put(&bench.shard, 1).await;
    let mut run = Run::begin(other.clone()).expect("a shard of people");
    bench.keep_all(&mut run).await;
    let foreign = fs::read(bench.segment(&other.name, 0)).expect("there");
    for wrong in [
        &second[..second.len() - 1],
        &second[..0],
        &first,
        &third,
        &foreign,
    ] {
        second_is(&logged, wrong, is_damaged(ends)).await;
    }
    fs::write(bench.segment(&base.name, 1), second).expect("written");
    let end = log::read::verify(&bench.store, &bench.kek, base, Goal::Latest).await;
    assert_eq!(end.expect("whole again"), run.end);
}

/// The planted omission: a log goes on behind a gap as if nothing were missing.
#[tokio::test]
async fn a_segment_that_is_missing_is_a_gap_and_what_lies_before_it_is_good() {
    let (bench, base, ends) = logged().await;
    fs::remove_file(bench.segment(&base.name, 1)).expect("there");
    let good = ends[0];
    let missing = |error: &BackupError| match error {
        BackupError::MissingSegment { segment, upto, .. } => (*segment, *upto) == (1, good.pair()),
        _ => false,
    };
    is_refused(&bench, &base, good, missing).await;
    let behind = Goal::Pair(ends[2].pair());
    let told = log::read::verify(&bench.store, &bench.kek, &base, behind).await;
    assert!(missing(&told.expect_err("a gap")));
    let found = bench.find().await;
    assert!(missing(&found.expect_err("a gap")), "nobody keeps it on");
    // Another way to write its number is none.
    fs::write(bench.file(&base.name, "log/segment-+1"), b"x").expect("written");
    assert!(missing(&bench.find().await.expect_err("a gap")));
    // Of the last one nothing is known: the log ends before it.
    let (bench, base, ends) = logged().await;
    fs::remove_file(bench.segment(&base.name, ends.len() as u64 - 1)).expect("there");
    let end = log::read::verify(&bench.store, &bench.kek, &base, Goal::Latest).await;
    assert_eq!(end.expect("read"), ends[ends.len() - 2]);
}

#[tokio::test]
async fn what_is_sealed_rightly_and_says_something_else_is_refused_by_name() {
    let logged = logged().await;
    let (bench, base, ends) = &logged;
    let bytes = fs::read(bench.segment(&base.name, 1)).expect("there");
    let good = Segment::open(Bytes::from(bytes), &bench.kek, base, 1).expect("opens");
    let sealed = |segment: &Segment| segment.seal(&bench.kek, base.name.as_str(), 1);
    let other_shard = Segment {
        shard: "eu/eu-central/001".parse().expect("a shard"),
        ..good.clone()
    };
    let told = |error: &BackupError| matches!(error, BackupError::OtherShard { .. });
    second_is(&logged, &sealed(&other_shard), told).await;
    let other_world = Segment {
        world: "b".repeat(64).parse().expect("a world"),
        ..good.clone()
    };
    let told = |error: &BackupError| matches!(error, BackupError::OtherWorld(_));
    second_is(&logged, &sealed(&other_world), told).await;
    let other_key = good.seal(&Kek::from_bytes([4; 32]), base.name.as_str(), 1);
    let told = |error: &BackupError| matches!(error, BackupError::ForeignKey(_));
    second_is(&logged, &other_key, told).await;
    let (key, name) = (BackupKey::generate(), format!("{} log 1", base.name));
    let later = envelope::close(&key, &bench.kek, VERSION + 1, (&name, 0), b"of a later build");
    let told = |error: &BackupError| matches!(error, BackupError::TooNew { .. });
    second_is(&logged, &later, told).await;
    // It begins at another entry; it lacks one; its entries are of another history; it ends elsewhere than it says.
    let mut elsewhere = good.clone();
    elsewhere.after.chain ^= 1;
    let at = ends[0].pair();
    let told = |error: &BackupError| match error {
        BackupError::Unattached {
            segment, at: found, ..
        } => (*segment, *found) == (1, at),
        _ => false,
    };
    second_is(&logged, &sealed(&elsewhere), told).await;
    let mut lacking = good.clone();
    lacking.entries.remove(1);
    let mut cut_off = good.clone();
    cut_off.entries = of_another_history(bench, ends[0], good.entries.len()).await;
    let mut shorter = good.clone();
    shorter.entries.pop();
    for wrong in [lacking, cut_off, shorter] {
        second_is(&logged, &sealed(&wrong), is_damaged(ends)).await;
    }
    fs::write(bench.segment(&base.name, 1), sealed(&good)).expect("written");
    let end = log::read::verify(&bench.store, &bench.kek, base, Goal::Latest).await;
    assert_eq!(end.expect("whole again"), *ends.last().expect("one"));
}

/// Entries at the same positions, of a shard that went another way.
async fn of_another_history(bench: &Bench, behind: Origin, count: usize) -> Vec<Bytes> {
    let other = open("eu/eu-central/000").await;
    assert_eq!(other.id(), bench.shard.id());
    for number in 0..PEOPLE + 20 {
        put(&other, number + 100).await;
    }
    let before = Position(behind.position.0 - 1);
    let there = other.log(before, 1).await.expect("kept");
    let tail = other.tail(&there[0].origin(), count, usize::MAX).await;
    let entries: Vec<Bytes> = tail.expect("kept").into_iter().map(|kept| kept.stored).collect();
    assert_eq!(entries.len(), count);
    entries
}
