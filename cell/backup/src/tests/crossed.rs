//! What is read behind a backup goes on into the logs of newer ones, and how far a backup is said to reach is how far it
//! is restored.

use cell_shard::state_of;
use platform_model::Position;

use super::*;
use crate::Reach;
use crate::log::reach::reaches;
use crate::seal::BackupKey;

/// Three backups, and their logs: each but the last one goes past where the next one begins.
struct Chained {
    bench: Bench,
    backups: Vec<Manifest>,
    ends: Vec<Origin>,
}

impl Chained {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let (mut backups, mut ends) = (Vec::new(), Vec::new());
        let mut before: Option<Run> = None;
        for number in 0..3_u128 {
            put(&bench.shard, number).await;
            let base = bench.back_up().await;
            let mut run = Run::begin(base.clone()).expect("a shard of people");
            for more in 0..5 {
                put(&bench.shard, 20 + more).await;
            }
            if let Some(mut before) = before.take() {
                bench.keep_all(&mut before).await;
                ends.push(before.end);
            }
            for more in 0..12 {
                put(&bench.shard, 40 + more).await;
            }
            bench.keep_all(&mut run).await;
            backups.push(base);
            before = Some(run);
        }
        ends.push(before.expect("three").end);
        for (base, end) in backups[1..].iter().zip(&ends) {
            assert!(end.position > base.origin.position, "{base:?}");
        }
        Self { bench, backups, ends }
    }

    async fn restored(&self, base: &Manifest, goal: Goal) -> Result<Origin, BackupError> {
        let disk: Arc<dyn Store> = Memory::new();
        let nobody = ErasedPeople::default();
        let restored = self
            .bench
            .restore_to(&base.name, goal, (&disk, &nobody, &AllAtHome));
        restored.await.map(|restored| restored.end)
    }

    async fn reaches(&self, backups: &[Manifest]) -> Vec<Option<Reach>> {
        reaches(&self.bench.store, &self.bench.kek, backups).await
    }
}

fn upto(end: &Origin) -> Option<Reach> {
    Some(Reach::of(end, false))
}

/// The planted omission: the log of a backup ends where a newer one was made, and with it what can be restored if the
/// newer one turns out damaged.
#[tokio::test]
async fn a_backup_reaches_over_newer_ones_whatever_their_parts_are_worth() {
    let chained = Chained::new().await;
    let (bench, backups, last) = (&chained.bench, &chained.backups, chained.ends[2]);
    for newer in &backups[1..] {
        flip(&bench.file(&newer.name, "part-00000001"), 40);
    }
    let between = bench.shard.log(Position(last.position.0 - 3), 1).await;
    let between = between.expect("kept")[0].origin();
    for base in backups {
        let end = log::read::verify(&bench.store, &bench.kek, base, Goal::Latest).await;
        assert_eq!(end.expect("read"), last);
        let pace = Pace::new(Clock::system(), 0);
        let end = rehearse::read_log(&bench.store, &bench.kek, base, pace).await;
        assert_eq!(end.expect("read"), last);
    }
    for (goal, end) in [(Goal::Latest, last), (Goal::Pair(between.pair()), between)] {
        assert_eq!(chained.restored(&backups[0], goal).await.expect("restored"), end);
    }
    let disk: Arc<dyn Store> = Memory::new();
    let restored = bench
        .restore_to(
            &backups[0].name,
            Goal::Latest,
            (&disk, &ErasedPeople::default(), &AllAtHome),
        )
        .await;
    restored.expect("restored");
    let whole = bench.back_up().await;
    let found = state_of(&disk, bench.shard.id()).await.expect("read");
    assert_eq!(
        Some(found.value()),
        whole.state,
        "no entry twice, and none left out"
    );
    assert_eq!(chained.reaches(backups).await, [upto(&last); 3]);
    let turned: Vec<Manifest> = backups.iter().rev().cloned().collect();
    assert_eq!(chained.reaches(&turned).await, [upto(&last); 3], "in any order");
}

#[tokio::test]
async fn what_is_wrong_with_a_newer_log_is_told_of_all_that_go_on_with_it() {
    let chained = Chained::new().await;
    let (bench, backups) = (&chained.bench, &chained.backups);
    let second = &backups[1];
    let segments = fs::read_dir(bench.file(&second.name, "log"))
        .expect("there")
        .count() as u64;
    assert!(segments > 2, "{segments}");
    fs::remove_file(bench.segment(&second.name, segments - 2)).expect("there");
    for base in &backups[..2] {
        let told = log::read::verify(&bench.store, &bench.kek, base, Goal::Latest).await;
        let Err(BackupError::MissingSegment { name, upto, .. }) = &told else {
            panic!("{told:?}");
        };
        assert_eq!(*name, second.name.to_string());
        let reach = chained.reaches(backups).await[0].expect("read");
        assert_eq!((reach.end, reach.gap), (*upto, true), "as far as it is read");
    }
    assert_eq!(chained.reaches(backups).await[2], upto(&chained.ends[2]));
}

/// The planted omission: what a newer backup has is lost without a word.
#[tokio::test]
async fn all_that_was_kept_is_not_what_a_newer_backup_goes_on_from() {
    let chained = Chained::new().await;
    let (bench, backups) = (&chained.bench, &chained.backups);
    // The second one does not open: nothing says that its log goes on from the first one's.
    fs::write(bench.file(&backups[1].name, "manifest"), b"no manifest").expect("written");
    let refused = chained.restored(&backups[0], Goal::Latest).await;
    let Err(BackupError::OutOfReach { why, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains(backups[2].name.as_str()), "{why}");
    let end = chained.ends[0];
    let named = chained.restored(&backups[0], Goal::Pair(end.pair())).await;
    assert_eq!(named.expect("by name"), end);
    let two = [backups[0].clone(), backups[2].clone()];
    let expected = [upto(&end), upto(&chained.ends[2])];
    assert_eq!(chained.reaches(&two).await, expected);
}

/// The planted omission: a log goes on with one that only begins at the same position.
#[tokio::test]
async fn a_log_does_not_go_on_in_another_history() {
    let mut bench = Bench::new().await;
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    for number in 0..6 {
        put(&bench.shard, number).await;
    }
    bench.keep_all(&mut run).await;
    // The same shard, cut off and gone another way.
    bench.shard = open("eu/eu-central/000").await;
    while bench.shard.status().committed.0 < base.origin.position.0 + 2 {
        put(&bench.shard, 30).await;
    }
    let other = bench.back_up().await;
    let mut fork = Run::begin(other.clone()).expect("a shard of people");
    for number in 0..12 {
        put(&bench.shard, number).await;
    }
    bench.keep_all(&mut fork).await;
    assert!(other.origin.position < run.end.position && run.end.position < fork.end.position);
    let pace = Pace::new(Clock::system(), 0);
    let end = rehearse::read_log(&bench.store, &bench.kek, &base, pace).await;
    assert_eq!(end.expect("read"), run.end);
    let told = reaches(&bench.store, &bench.kek, &[base, other]).await;
    assert_eq!(told, [upto(&run.end), upto(&fork.end)]);
}

/// The planted omission: so many folders that are none of the shard's backups hide the one whose log is to be kept on.
#[tokio::test]
async fn what_is_no_backup_of_it_hides_none_and_what_may_hide_one_is_told() {
    let bench = Bench::new().await;
    let base = bench.back_up().await;
    let newer = |number: usize| {
        let name = format!("eu_eu-central_000.e4.{}.{number:08x}", 9_000 + number);
        name.parse::<BackupName>().expect("a name")
    };
    let lay = |number: usize, file: &str, bytes: &[u8]| {
        let file = bench.file(&newer(number), file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, bytes).expect("written");
    };
    for number in 0..20 {
        lay(number, "part-00000000", b"never finished");
        let foreign = Manifest {
            name: newer(100 + number),
            ..base.clone()
        };
        let sealed = foreign.seal(&BackupKey::generate(), &Kek::from_bytes([9; 32]));
        lay(100 + number, "manifest", &sealed);
    }
    let found = bench.find().await.expect("read").expect("it is there");
    assert_eq!(found.base, base);
    for number in 200..217 {
        lay(number, "manifest", b"no manifest");
    }
    let told = bench.find().await;
    assert!(matches!(told, Err(BackupError::TooMany(_))), "{told:?}");
}

/// The planted omission: all that was kept is asked for, a newer backup goes with its log while that is read, and what it
/// had is lost without a word.
#[tokio::test]
async fn a_log_that_is_removed_while_it_is_read_is_not_told_to_be_all() {
    let chained = Chained::new().await;
    let (bench, backups) = (&chained.bench, &chained.backups);
    let begun = log::read::LogReading::begin(&bench.store, &bench.kek, &backups[0], Goal::Latest);
    let mut reading = begun.expect("a shard of people");
    // Into the log of the last one.
    while reading.at().position <= chained.ends[1].position {
        reading.entries().await.expect("read").expect("there is more");
    }
    reading.check_all().await.expect("all of them are there");
    bench.store.remove(&backups[2].name).await.expect("removed");
    while reading.entries().await.expect("it ends").is_some() {}
    let told = reading.check_all().await;
    assert!(matches!(told, Err(BackupError::NoSuchBackup(_))), "{told:?}");
}
