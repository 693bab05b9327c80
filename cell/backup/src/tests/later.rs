//! A backup that comes to its end after the log of an older one has gone past it.

use super::*;

/// An older backup with a log to the end of the shard, and a newer one in the middle of it that has none; of the
/// shard's own log a few entries are left.
async fn overtaken() -> (Bench, Run, Manifest) {
    let mut bench = Bench::new().await;
    let limits = ShardLimits {
        log_entries_kept: 8,
        log_step_entries: 1,
        ..ShardLimits::default()
    };
    bench.shard = open_with("eu/eu-central/000", limits, Clock::system()).await;
    put(&bench.shard, 1).await;
    let mut run = Run::begin(bench.back_up().await).expect("a shard of people");
    put(&bench.shard, 2).await;
    bench.keep_all(&mut run).await;
    let frozen = bench.shard.freeze().await.expect("served");
    for number in 0..40 {
        put(&bench.shard, number % PEOPLE).await;
        bench.keep_all(&mut run).await;
    }
    // By a node that led when it was begun, say.
    let late = bench.write(frozen, &|| Permit::Granted).await.expect("written");
    assert!(run.base.origin.position < late.origin.position, "{run:?}");
    assert!(late.origin.position < run.end.position, "{run:?}");
    (bench, run, late)
}

async fn sought(bench: &Bench) -> Run {
    let found = Run::seek(&bench.store, &bench.kek, &world(), &bench.shard).await;
    found.expect("read").expect("a backup")
}

/// The planted omission: whoever comes to serve the shard keeps no log on behind the newest backup, for what comes next
/// was trimmed, and the one that could be gone on with is left as it is.
#[tokio::test]
async fn a_log_that_went_past_a_newer_backup_is_gone_on_with() {
    let (bench, run, late) = overtaken().await;
    let newest = bench.find().await.expect("read").expect("two");
    assert_eq!((&newest.base, newest.segments), (&late, 0));
    let told = bench.keep(&mut newest.clone()).await;
    assert!(matches!(told, Err(BackupError::Gap { .. })), "{told:?}");
    let mut found = sought(&bench).await;
    assert_eq!(found, run);
    put(&bench.shard, 3).await;
    bench.keep_all(&mut found).await;
    assert!(found.end.position > run.end.position, "{found:?}");
    // There is none that can be gone on with: that of the newest is told.
    bench.store.remove(&run.base.name).await.expect("removed");
    assert_eq!(sought(&bench).await, newest);
    // The newest one can.
    let anew = bench.back_up().await;
    assert_eq!(sought(&bench).await.base, anew);
}

/// The planted omission: all that was kept is asked for of the newest backup, and what the log of an older one has
/// behind it is lost without a word.
#[tokio::test]
async fn all_that_was_kept_is_not_what_the_log_of_an_older_backup_goes_past() {
    let (bench, run, late) = overtaken().await;
    let nobody = ErasedPeople::default();
    let restored = async |name: &BackupName, goal: Goal| {
        let disk: Arc<dyn Store> = Memory::new();
        let restored = bench.restore_to(name, goal, (&disk, &nobody, &AllAtHome)).await;
        restored.map(|restored| restored.end)
    };
    let refused = restored(&late.name, Goal::Latest).await;
    let Err(BackupError::OutOfReach { why, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains(run.base.name.as_str()), "{why}");
    let end = restored(&run.base.name, Goal::Latest).await;
    assert_eq!(end.expect("the one that goes furthest"), run.end);
    for goal in [Goal::Base, Goal::Pair(late.origin.pair())] {
        let end = restored(&late.name, goal).await;
        assert_eq!(end.expect("by name"), late.origin, "{goal:?}");
    }
}
