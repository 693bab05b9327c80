//! What comes to a shard is kept behind its newest backup: all that is committed, by whoever leads, where the law lets
//! it lie.

use cell_shard::LogError;

use super::*;

async fn begun() -> (Bench, Run) {
    let bench = Bench::new().await;
    let base = bench.back_up().await;
    let run = Run::begin(base).expect("a shard of people");
    (bench, run)
}

#[tokio::test]
async fn segments_are_small_and_a_log_with_nothing_new_gets_none() {
    let (bench, mut run) = begun().await;
    assert_eq!(bench.keep(&mut run).await.expect("read"), Kept::Nothing);
    for number in 0..20 {
        put(&bench.shard, number).await;
    }
    let mut entries = 0;
    while let Kept::Entries(some) = bench.keep(&mut run).await.expect("kept") {
        assert!(some <= 8, "{some} in one segment");
        entries += some;
    }
    assert_eq!(entries, 20);
    assert_eq!(run.end.position, bench.shard.status().committed);
    assert_eq!(bench.keep(&mut run).await.expect("read"), Kept::Nothing);
    assert_eq!(bench.find().await.expect("read"), Some(run.clone()));
    let listing = bench.store.list().await.expect("listed");
    assert_eq!(
        (listing.whole.as_slice(), listing.unfinished),
        (std::slice::from_ref(&run.base.name), vec![])
    );
    bench.store.remove(&run.base.name).await.expect("removed");
    let looked = fs::read_dir(bench.folder.path().join(run.base.name.as_str()).join("log"));
    let left = looked.map_or(0, |files| files.count());
    assert_eq!(left, 0, "its log went with it");
}

#[tokio::test]
async fn a_log_is_kept_behind_the_newest_backup_that_opens() {
    let (bench, mut run) = begun().await;
    put(&bench.shard, 1).await;
    bench.keep_all(&mut run).await;
    let newer = bench.back_up().await;
    let found = bench.find().await.expect("read").expect("two");
    assert_eq!((found.base, found.segments), (newer.clone(), 0));
    // Written and not finished, or not to be read: the one before it.
    for bytes in [None, Some(b"no manifest")] {
        let manifest = bench.file(&newer.name, "manifest");
        match bytes {
            None => fs::remove_file(&manifest).expect("there"),
            Some(bytes) => fs::write(&manifest, bytes).expect("written"),
        }
        assert_eq!(bench.find().await.expect("read").as_ref(), Some(&run));
    }
    let elsewhere = "eu/eu-central/001".parse().expect("a shard");
    let none = Run::find(&bench.store, &bench.kek, &world(), &elsewhere).await;
    assert_eq!(none.expect("read"), None, "another shard has no backup");
}

/// The planted omission: two nodes that lead one after the other write over each other's segments.
#[tokio::test]
async fn of_two_who_keep_one_log_the_later_one_goes_on_where_it_ends() {
    let (bench, mut one) = begun().await;
    let mut two = one.clone();
    for number in 0..12 {
        put(&bench.shard, number).await;
    }
    bench.keep(&mut one).await.expect("kept");
    bench.keep(&mut one).await.expect("kept");
    let segment = fs::read(bench.segment(&one.base.name, 0)).expect("there");
    assert_eq!(bench.keep(&mut two).await.expect("told"), Kept::Taken);
    assert_eq!(
        fs::read(bench.segment(&one.base.name, 0)).expect("there"),
        segment
    );
    let mut two = bench.find().await.expect("read").expect("a log");
    assert_eq!(two, one);
    put(&bench.shard, 99).await;
    bench.keep_all(&mut two).await;
    assert_eq!(bench.keep(&mut one).await.expect("told"), Kept::Taken);
    let end = log::read::verify(&bench.store, &bench.kek, &two.base, Goal::Latest).await;
    assert_eq!(end.expect("one log"), two.end);
    let pace = Pace::new(Clock::system(), 0);
    let end = rehearse::read_log(&bench.store, &bench.kek, &two.base, pace).await;
    assert_eq!(end.expect("one log"), two.end);
}

#[tokio::test]
async fn what_the_law_withholds_is_not_dropped_and_not_written() {
    let (bench, mut run) = begun().await;
    put(&bench.shard, 1).await;
    let before = run.clone();
    let refused = bench
        .keep_if(&mut run, &|| Permit::Denied("a court said so".into()))
        .await;
    assert!(
        matches!(&refused, Err(BackupError::Withheld(why)) if why == "a court said so"),
        "{refused:?}"
    );
    assert_eq!(run, before);
    assert!(!bench.segment(&run.base.name, 0).exists());
    // Nobody waits for a law that cannot be told: others' logs wait behind this one.
    let asked = AtomicU64::new(0);
    let later = || match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Permit::Held("nobody knows".into()),
        _ => Permit::Granted,
    };
    let held = bench.keep_if(&mut run, &later).await;
    assert!(
        matches!(&held, Err(BackupError::Withheld(why)) if why == "nobody knows"),
        "{held:?}"
    );
    assert_eq!((&run, asked.load(Ordering::Relaxed)), (&before, 1));
    let kept = bench.keep_if(&mut run, &later).await.expect("kept");
    assert_eq!(kept, Kept::Entries(1));
}

/// The planted omission: wrapped keys leave with the log of their shard, and outlive their destruction.
#[tokio::test]
async fn of_a_key_shard_no_log_is_kept_and_none_is_read() {
    let mut bench = Bench::new().await;
    bench.shard = open("eu/eu-central/keys").await;
    let keys = KeyShard::new(bench.shard.clone(), bench.kek.clone());
    keys.create(user(1)).await.expect("made");
    let base = bench.back_up().await;
    let is_refused = |error: &BackupError| matches!(error, BackupError::KeyShard(_));
    let begun = Run::begin(base.clone());
    assert!(is_refused(&begun.expect_err("a key shard")));
    assert!(is_refused(&bench.find().await.expect_err("a key shard")));
    let (disk, nobody): (Arc<dyn Store>, _) = (Memory::new(), ErasedPeople::default());
    for goal in [Goal::Latest, Goal::Time(u64::MAX), Goal::Pair(base.origin.pair())] {
        let told = bench
            .restore_to(&base.name, goal, (&disk, &nobody, &AllAtHome))
            .await;
        assert!(is_refused(&told.expect_err("a key shard")), "{goal:?}");
    }
    let pace = Pace::new(Clock::system(), 0);
    let end = rehearse::read_log(&bench.store, &bench.kek, &base, pace).await;
    assert_eq!(end.expect("nothing to read"), base.origin);
    bench
        .restore(&base.name, &disk, &nobody)
        .await
        .expect("the backup itself");
}

/// Why the log cannot be kept on.
fn gap(told: Result<Kept, BackupError>) -> LogError {
    match told {
        Err(BackupError::Gap { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_was_trimmed_or_cut_off_meanwhile_is_a_gap() {
    let (mut bench, mut run) = begun().await;
    put(&bench.shard, 1).await;
    let mut other = run.clone();
    other.end.chain ^= 1;
    let told = bench.keep(&mut other).await;
    let cause = gap(told);
    assert!(matches!(cause, LogError::Diverged { .. }), "{cause:?}");
    // A new backup begins anew.
    let mut anew = Run::begin(bench.back_up().await).expect("a shard of people");
    put(&bench.shard, 2).await;
    assert_eq!(bench.keep(&mut anew).await.expect("kept"), Kept::Entries(1));
    bench.keep_all(&mut run).await;
    let limits = ShardLimits {
        log_entries_kept: 3,
        log_step_entries: 1,
        ..ShardLimits::default()
    };
    bench.shard = open_with("eu/eu-central/000", limits, Clock::system()).await;
    let mut run = Run::begin(bench.back_up().await).expect("a shard of people");
    for number in 0..20 {
        put(&bench.shard, number).await;
    }
    let told = bench.keep(&mut run).await;
    let cause = gap(told);
    assert!(matches!(cause, LogError::Trimmed { .. }), "{cause:?}");
}

#[tokio::test]
async fn nothing_of_a_person_lies_in_a_segment_in_the_clear() {
    let (bench, mut run) = begun().await;
    for number in 0..PEOPLE {
        put(&bench.shard, number).await;
    }
    bench.keep_all(&mut run).await;
    let searcher = Searcher::new(&canaries());
    let looked = searcher.folder(bench.folder.path(), &[]).expect("readable");
    assert_eq!(looked.files as u64, run.base.parts + 1 + run.segments);
    assert_eq!(looked.found, [], "in the clear");
}
