//! A directory shard as a restore leaves it, and the people whose claims it lacks.

use cell_layers::RootTx;
use cell_layers::keys::UserKey;
use cell_layers::place::Standing;
use cell_relay::Place;
use cell_relay::home::OperationId;
use cell_sdk::{ClaimDigest, ClaimEntry};
use cell_shard::{Shard, WriteError};
use domains_identity::stored::{Claim, ClaimState};
use platform_model::{HomeId, UserId};
use uuid::Uuid;

use crate::directory::reconcile::tests::{CLAIMS, DIGEST, entry, reconciler};
use crate::directory::restored::{self, CameTo};
use crate::directory::rows;
use crate::events::tests::bench::{ABROAD, AUTHORS, Bench, DIRECTORY, FOLLOWERS, shard_of, user};

/// The claim of an earlier try of whoever came back under another key.
const ABANDONED: Uuid = Uuid::from_u128(200);

fn directory(bench: &Bench) -> Shard {
    let shard = bench.hosted.get(&DIRECTORY.parse().expect("a shard"));
    shard.expect("it serves")
}

fn claim(id: Uuid, state: ClaimState) -> Claim {
    Claim {
        id: id.as_bytes().to_vec(),
        digest: DIGEST.0.to_vec(),
        state: state as u32,
        ..Claim::default()
    }
}

/// The person's own record.
async fn record(bench: &Bench, user: UserId, (id, state): (Uuid, ClaimState), key: Option<&UserKey>) {
    let (own, row) = (bench.key(FOLLOWERS, user).await, &claim(id, state));
    let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
    let whose = (user, key.unwrap_or(&own));
    bench.write_under(FOLLOWERS, whose, "identity", write).await;
}

async fn is_open(directory: &Shard) -> bool {
    restored::is_to_be_completed(directory)
        .await
        .expect("read")
        .is_none()
}

/// The planted omission: a directory that was restored from before a registration gives the address to another.
#[tokio::test]
async fn a_restored_directory_takes_no_new_claim_before_it_has_what_everybody_holds() {
    let bench = Bench::new().await;
    let reconciler = reconciler(&bench);
    let directory = bench
        .hosted
        .get(&DIRECTORY.parse().expect("a shard"))
        .expect("it serves");
    // As a backup from before the registration leaves it.
    restored::note_by_hand(&directory).await;
    let person = bench.person(FOLLOWERS, 2).await;
    let row = Claim {
        id: entry(person).claim_id.as_bytes().to_vec(),
        digest: DIGEST.0.to_vec(),
        state: ClaimState::Active as u32,
        ..Claim::default()
    };
    let row = &row;
    let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
    bench.write(FOLLOWERS, person, "identity", write).await;
    let mallory = ClaimEntry {
        claim_id: Uuid::from_u128(666),
        ..entry(user(99))
    };
    let (taken, free) = (DIGEST, ClaimDigest([8; 32]));
    for digest in [taken, free] {
        let refused = rows::claim(&directory, digest, &mallory, false).await;
        let incomplete = WriteError::Rejected(rows::RowError::Incomplete);
        let refused = refused.expect_err("it lacks what others hold");
        assert_eq!(refused.to_string(), incomplete.to_string());
    }
    // Nobody is told that he is nobody.
    for digest in [taken, free] {
        let unknown = rows::lookup(&directory, digest).await;
        unknown.expect_err("whose it is, is not known yet");
    }
    reconciler.complete().await;
    let held = rows::lookup(&directory, taken).await.expect("read");
    assert_eq!(held, Some(entry(person)), "it is whose it was");
    assert!(
        !rows::claim(&directory, taken, &mallory, false)
            .await
            .expect("answered")
    );
    assert!(
        rows::claim(&directory, free, &mallory, false)
            .await
            .expect("answered")
    );
    bench.end().await;
}

/// The planted omission: the row of an abandoned registration lies in the backup, whoever came back under another key holds the
/// address since, and both lose it: the dead row first stands in the way of the living, then is let go.
#[tokio::test]
async fn an_abandoned_claim_in_a_restored_directory_gives_way_to_who_holds_the_value() {
    for state in [Some(ClaimState::Dropped), Some(ClaimState::Pending), None] {
        let bench = Bench::new().await;
        let (reconciler, directory) = (reconciler(&bench), directory(&bench));
        let (gone, holder) = (bench.person(FOLLOWERS, 1).await, bench.person(FOLLOWERS, 2).await);
        if let Some(state) = state {
            record(&bench, gone, (ABANDONED, state), None).await;
        }
        let abandoned = ClaimEntry {
            claim_id: ABANDONED,
            ..entry(gone)
        };
        let taken = rows::claim(&directory, DIGEST, &abandoned, false).await;
        assert!(taken.expect("free"));
        restored::note_by_hand(&directory).await;
        let own = (entry(holder).claim_id, ClaimState::Active);
        record(&bench, holder, own, None).await;
        reconciler.complete().await;
        let held = rows::lookup(&directory, DIGEST).await.expect("read");
        assert_eq!(held, Some(entry(holder)), "{state:?}");
        assert!(is_open(&directory).await);
        bench.end().await;
    }
}

/// Two who hold one value by their own records: nothing is taken from anybody.
#[tokio::test]
async fn what_a_living_other_holds_is_left_as_it_is() {
    let bench = Bench::new().await;
    let (reconciler, directory) = (reconciler(&bench), directory(&bench));
    let (one, two) = (bench.person(FOLLOWERS, 1).await, bench.person(FOLLOWERS, 2).await);
    let first = ClaimEntry {
        claim_id: ABANDONED,
        ..entry(one)
    };
    record(&bench, one, (ABANDONED, ClaimState::Active), None).await;
    record(&bench, two, (entry(two).claim_id, ClaimState::Active), None).await;
    let taken = rows::claim(&directory, DIGEST, &first, false).await;
    assert!(taken.expect("free"));
    restored::note_by_hand(&directory).await;
    reconciler.complete().await;
    assert!(is_open(&directory).await);
    let held = rows::lookup(&directory, DIGEST).await.expect("read");
    assert_eq!(held, Some(first));
    bench.end().await;
}

/// The planted omission: one person whose rows are of a key that is lost keeps the directory shut for everybody.
#[tokio::test]
async fn whose_record_never_opens_holds_nothing_up() {
    let bench = Bench::new().await;
    let (reconciler, directory) = (reconciler(&bench), directory(&bench));
    let (lost, holder) = (bench.person(FOLLOWERS, 1).await, bench.person(FOLLOWERS, 2).await);
    let of_before = UserKey::generate();
    record(&bench, lost, (ABANDONED, ClaimState::Active), Some(&of_before)).await;
    let own = (entry(holder).claim_id, ClaimState::Active);
    record(&bench, holder, own, None).await;
    restored::note_by_hand(&directory).await;
    reconciler.complete().await;
    assert!(is_open(&directory).await, "it waits for ever");
    let held = rows::lookup(&directory, DIGEST).await.expect("read");
    assert_eq!(held, Some(entry(holder)), "all others have what is theirs");
    bench.end().await;
}

/// The planted omission: what breaks off begins anew with the first person of the first shard.
#[tokio::test]
async fn what_broke_off_goes_on_where_it_was() {
    let bench = Bench::new().await;
    let (reconciler, directory) = (reconciler(&bench), directory(&bench));
    let (asked, left) = (bench.person(FOLLOWERS, 1).await, bench.person(FOLLOWERS, 2).await);
    for person in [asked, left] {
        let own = (entry(person).claim_id, ClaimState::Active);
        record(&bench, person, own, None).await;
    }
    restored::note_by_hand(&directory).await;
    let begun = restored::is_to_be_completed(&directory).await.expect("read");
    assert_eq!(begun, Some(CameTo::default()));
    let shard = shard_of(FOLLOWERS);
    restored::note(&directory, &shard, asked).await.expect("noted");
    let came_to = restored::is_to_be_completed(&directory).await.expect("read");
    let expected = CameTo {
        shard: Some(shard.clone()),
        after: Some(asked),
    };
    assert_eq!(came_to, Some(expected));
    reconciler.complete().await;
    assert!(is_open(&directory).await);
    let held = rows::lookup(&directory, DIGEST).await.expect("read");
    assert_eq!(held, Some(entry(left)), "nobody before him was asked again");
    restored::note(&directory, &shard, asked).await.expect("too late");
    assert!(is_open(&directory).await, "it is shut again");
    bench.end().await;
}

fn standing(place: Place<HomeId>) -> Standing {
    Standing {
        place,
        clearing: true,
        ..Standing::native()
    }
}

/// The planted omission: somebody who moves, or has left something behind, keeps the directory shut for as long as that lasts.
#[tokio::test]
async fn nobody_who_moves_holds_a_restored_directory_up() {
    let operation = OperationId(7);
    let west: HomeId = AUTHORS.parse().expect("a home");
    for (place, counts) in [
        (
            Place::Fenced {
                user_epoch: 1,
                operation,
            },
            true,
        ),
        (
            Place::Incoming {
                operation,
                complete: false,
            },
            false,
        ),
        (
            Place::Gone {
                to: west,
                user_epoch: 2,
            },
            false,
        ),
    ] {
        let bench = Bench::new().await;
        let (reconciler, directory) = (reconciler(&bench), directory(&bench));
        let person = bench.person(FOLLOWERS, 1).await;
        let own = (entry(person).claim_id, ClaimState::Active);
        record(&bench, person, own, None).await;
        bench.stand(FOLLOWERS, person, &standing(place.clone())).await;
        restored::note_by_hand(&directory).await;
        reconciler.complete().await;
        assert!(is_open(&directory).await, "it waits: {place:?}");
        let held = rows::lookup(&directory, DIGEST).await.expect("read");
        assert_eq!(held, Some(entry(person)).filter(|_| counts), "{place:?}");
        bench.end().await;
    }
}

/// The planted omission: the row of one who lives under another law by now stands in the way of who holds the value since, for
/// ever.
#[tokio::test]
async fn the_row_of_one_who_has_gone_abroad_gives_way_and_of_one_who_has_moved_within_the_law_does_not() {
    for (to, gives_way) in [(ABROAD, true), (AUTHORS, false)] {
        let bench = Bench::new().await;
        let (reconciler, directory) = (reconciler(&bench), directory(&bench));
        let (gone, holder) = (bench.person(FOLLOWERS, 1).await, bench.person(FOLLOWERS, 2).await);
        let of_then = ClaimEntry {
            claim_id: ABANDONED,
            ..entry(gone)
        };
        let taken = rows::claim(&directory, DIGEST, &of_then, false).await;
        assert!(taken.expect("free"));
        let to = to.parse().expect("a home");
        let left = standing(Place::Gone { to, user_epoch: 2 });
        bench.stand(FOLLOWERS, gone, &left).await;
        let own = (entry(holder).claim_id, ClaimState::Active);
        record(&bench, holder, own, None).await;
        restored::note_by_hand(&directory).await;
        reconciler.complete().await;
        assert!(is_open(&directory).await);
        let expected = if gives_way { entry(holder) } else { of_then };
        let held = rows::lookup(&directory, DIGEST).await.expect("read");
        assert_eq!(held, Some(expected));
        bench.end().await;
    }
}
