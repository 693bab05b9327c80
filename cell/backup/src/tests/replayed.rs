//! A backup and its log: the state after any entry, and at any time between two.

use cell_layers::place::{self, Standing};
use cell_shard::{KeyRange, Mutation, state_of};
use futures::future::BoxFuture;
use platform_model::{EpochPosition, Position};

use super::*;

/// What the shard was after an entry.
struct Model {
    at: Origin,
    state: u64,
}

async fn model(shard: &Shard) -> Model {
    let frozen = shard.freeze().await.expect("served");
    let (mut state, mut next) = (StateDigest::default(), Some(Bytes::new()));
    while let Some(start) = next {
        next = frozen.digest(&mut state, start, 4_000).await.expect("readable");
    }
    Model {
        at: frozen.origin(),
        state: state.value(),
    }
}

/// Rows of somebody change and go.
async fn change(shard: &Shard, number: u128, step: u64) {
    let request = request_of(number);
    let write = |tx: Tx| async move {
        match step % 4 {
            0 => tx.put("row 1", value(u128::from(step)))?,
            1 => tx.clear("row 0")?,
            2 => tx.clear_range(KeyRange::new("row 1", "row 2"))?,
            _ => {
                tx.clear_range(KeyRange::new("row", "rox"))?;
                tx.put("row 7", value(u128::from(step)))?;
            }
        }
        Ok::<_, TxError>(())
    };
    shard.write(&request, write).await.expect("written");
}

/// A backup, and a model of the shard after it and after each entry that came since, each a second after the one
/// before.
async fn history(bench: &Bench, hand: &platform_runtime::ManualClock) -> (Manifest, Run, Vec<Model>) {
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    let mut models = vec![model(&bench.shard).await];
    assert_eq!(models[0].at, base.origin);
    assert_eq!(Some(models[0].state), base.state);
    for step in 0..24 {
        hand.advance(Duration::from_secs(1));
        if step % 3 == 0 {
            put(&bench.shard, PEOPLE + u128::from(step)).await;
        } else {
            change(&bench.shard, u128::from(step) % PEOPLE, step).await;
        }
        models.push(model(&bench.shard).await);
        if step % 5 == 0 {
            bench.keep_all(&mut run).await;
        }
    }
    bench.keep_all(&mut run).await;
    assert!(run.segments > 3, "{run:?}");
    assert_eq!(run.end, models.last().expect("the last").at);
    (base, run, models)
}

async fn of_manual_time() -> (Bench, platform_runtime::ManualClock) {
    let mut bench = Bench::new().await;
    let (clock, hand) = Clock::manual(1_764_000_000_000);
    bench.shard = open_with("eu/eu-central/000", ShardLimits::default(), clock).await;
    for number in 0..PEOPLE {
        put(&bench.shard, number).await;
    }
    (bench, hand)
}

/// Restored to there, it is what the shard was.
async fn is_as(bench: &Bench, name: &BackupName, goal: Goal, model: &Model) {
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    let restored = bench.restore_to(name, goal, (&disk, &nobody, &AllAtHome)).await;
    assert_eq!(restored.expect("restored").end, model.at, "{goal:?}");
    let state = state_of(&disk, bench.shard.id()).await.expect("read");
    assert_eq!(state.value(), model.state, "{goal:?}");
}

#[tokio::test]
async fn what_is_restored_to_any_entry_is_what_the_shard_was_after_it() {
    let (bench, hand) = of_manual_time().await;
    let (base, _, models) = history(&bench, &hand).await;
    for model in &models {
        is_as(&bench, &base.name, Goal::Pair(model.at.pair()), model).await;
    }
    is_as(&bench, &base.name, Goal::Base, &models[0]).await;
    is_as(&bench, &base.name, Goal::Latest, models.last().expect("one")).await;
    // What comes later changes nothing of that, and is the newest.
    put(&bench.shard, 99).await;
    let mut run = bench.find().await.expect("read").expect("a log");
    bench.keep_all(&mut run).await;
    is_as(&bench, &base.name, Goal::Pair(models[7].at.pair()), &models[7]).await;
    is_as(&bench, &base.name, Goal::Latest, &model(&bench.shard).await).await;
}

#[tokio::test]
async fn what_is_restored_to_a_time_ends_with_the_last_entry_that_is_not_later() {
    let (bench, hand) = of_manual_time().await;
    let (base, _, models) = history(&bench, &hand).await;
    for (model, next) in models.iter().zip(&models[1..]) {
        let (from, before) = (model.at.time_ms, next.at.time_ms);
        assert_eq!(before - from, 1_000);
        for time in [from, from + 1, before - 1] {
            is_as(&bench, &base.name, Goal::Time(time), model).await;
        }
    }
    // Of the last millisecond more may have been written than was kept.
    let last = models.last().expect("one");
    let outside = [base.origin.time_ms - 1, last.at.time_ms, last.at.time_ms + 1];
    for time in outside {
        is_out_of_reach(&bench, &base, Goal::Time(time)).await;
    }
}

async fn is_out_of_reach(bench: &Bench, base: &Manifest, goal: Goal) {
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    let refused = bench
        .restore_to(&base.name, goal, (&disk, &nobody, &AllAtHome))
        .await;
    let Err(BackupError::OutOfReach { why, .. }) = &refused else {
        panic!("{goal:?}: {refused:?}");
    };
    assert!(why.contains(" e4:"), "it says what there is: {why}");
    assert_eq!(copies(&*disk).await.expect("read"), [], "half of it is there");
}

#[tokio::test]
async fn an_entry_before_the_backup_behind_the_log_or_of_another_history_is_refused() {
    let (bench, hand) = of_manual_time().await;
    let (base, run, models) = history(&bench, &hand).await;
    let pair = |epoch: u64, position: u64| {
        Goal::Pair(EpochPosition {
            epoch: Epoch(epoch),
            position: Position(position),
        })
    };
    let (begins, ends) = (base.origin.position.0, run.end.position.0);
    for goal in [
        pair(4, begins - 1),
        pair(4, ends + 1),
        pair(3, begins),
        pair(5, begins),
        pair(5, models[5].at.position.0),
        pair(5, ends),
    ] {
        is_out_of_reach(&bench, &base, goal).await;
    }
}

/// The planted omission: the list of the erased is applied to the rows of the backup alone.
#[tokio::test]
async fn who_was_erased_since_is_left_out_of_the_entries_too() {
    let bench = Bench::new().await;
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    // One in the entries only, one in both, one who stays.
    for number in [50, 3, 51] {
        put(&bench.shard, number).await;
    }
    bench.keep_all(&mut run).await;
    let disk: Arc<dyn Store> = Memory::new();
    let erased: ErasedPeople = [user(50), user(3)].into_iter().collect();
    let restored = bench
        .restore_to(&base.name, Goal::Latest, (&disk, &erased, &AllAtHome))
        .await;
    assert_eq!(restored.expect("restored").left_out, 3 + 3 + 3);
    let rows = rows(&*disk).await;
    let of = |number| rows.iter().filter(|(_, row)| *row == value(number)).count();
    assert_eq!((of(50), of(3), of(51)), (0, 0, 3));
    assert_eq!(rows.len(), 3 * PEOPLE as usize, "one has come, one has gone");
}

/// The planted omission: an entry of somebody who was erased is passed over, and the row that it replaced comes back.
#[test]
fn a_claim_that_an_erased_person_took_over_is_nobodys() {
    let claimant = |value: &[u8]| value.first().map(|number| user(u128::from(*number)));
    let put = |key: &'static str, number: u8| Mutation::Put {
        key: key.into(),
        value: vec![number].into(),
    };
    let clear = |key: &'static str| Mutation::Clear { key: key.into() };
    let erased: ErasedPeople = [user(1)].into_iter().collect();
    let written = vec![put("digest", 1), put("other", 2), clear("third")];
    for (shard, expected, count) in [
        (
            "directory/eu/000",
            vec![clear("digest"), put("other", 2), clear("third")],
            1,
        ),
        ("eu/eu-central/000", written.clone(), 0),
    ] {
        let (mut writes, shard) = (written.clone(), shard.parse().expect("a shard"));
        let left_out = erased.apply_to_writes(&shard, claimant, &mut writes);
        assert_eq!((writes, left_out), (expected, count), "{shard}");
    }
}

/// Keeps who is asked about.
struct Asked(std::sync::Mutex<Vec<Resident>>);

impl Residents for Asked {
    fn elsewhere(&self, people: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>> {
        self.0.lock().expect("not poisoned").extend(people);
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The planted omission: who came after the backup is not asked about, and is served here and where he has moved to.
#[tokio::test]
async fn whoever_is_in_the_entries_alone_is_asked_about_as_he_stood_last() {
    let bench = Bench::new().await;
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    put(&bench.shard, 50).await;
    let stands = Standing {
        clearing: true,
        ..Standing::native()
    };
    let request = request_of(51);
    let stood = stands.clone();
    let write = |tx: Tx| {
        let stands = stood.clone();
        async move { place::put_standing(&tx, user(51), &stands).map_err(|_| TxError::Ended) }
    };
    bench.shard.write(&request, write).await.expect("written");
    bench.keep_all(&mut run).await;
    let asked = Asked(std::sync::Mutex::default());
    let (disk, nobody): (Arc<dyn Store>, _) = (Memory::new(), ErasedPeople::default());
    let restored = bench
        .restore_to(&base.name, Goal::Latest, (&disk, &nobody, &asked))
        .await;
    restored.expect("restored");
    let people = asked.0.into_inner().expect("not poisoned");
    assert_eq!(people.len(), PEOPLE as usize + 2);
    let standing = |number| {
        let found = people.iter().find(|resident| resident.user == user(number));
        found.map(|resident| resident.standing.clone())
    };
    assert_eq!(standing(50), Some(None), "he came after the backup");
    assert_eq!(
        standing(51),
        Some(Some(stands)),
        "and so did what is known of him"
    );
}
