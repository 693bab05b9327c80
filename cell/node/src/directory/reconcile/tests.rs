//! The reconciler on a node that serves a directory shard and the people of two homes.

use cell_layers::{RootTx, Table};
use cell_sdk::ClaimDigest;
use domains_identity::stored::{Claim, ClaimState};
use platform_model::UserId;

use super::*;
use crate::custody::tests::services;
use crate::events::tests::bench::{Bench, DIRECTORY, FOLLOWERS, user};

pub(in crate::directory) const CLAIMS: Table<Claim> = Table::new();
pub(in crate::directory) const DIGEST: ClaimDigest = ClaimDigest([7; 32]);

pub(in crate::directory) fn reconciler(bench: &Bench) -> Reconciler {
    Reconciler {
        hosted: bench.hosted.clone(),
        followed: bench.followed(),
        services: services(bench),
        client: DecideClient::new(bench.identity.clone()),
        clock: Clock::system(),
    }
}

pub(in crate::directory) fn entry(user: UserId) -> ClaimEntry {
    ClaimEntry {
        user,
        claim_id: Uuid::from_u128(100),
        home: FOLLOWERS.parse().expect("a home"),
        version: 0,
    }
}

/// The person's own record of the claim.
async fn record(bench: &Bench, user: UserId, state: ClaimState) {
    let row = Claim {
        id: Uuid::from_u128(100).as_bytes().to_vec(),
        state: state as u32,
        ..Claim::default()
    };
    let row = &row;
    let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
    bench.write(FOLLOWERS, user, "identity", write).await;
}

async fn state(bench: &Bench, user: UserId) -> Option<ClaimState> {
    let read = |tx: RootTx| async move { Ok(CLAIMS.get(&tx, Uuid::from_u128(100)).await?) };
    let row = bench.write(FOLLOWERS, user, "identity", read).await;
    row.and_then(|row| row.claim_state())
}

#[tokio::test]
async fn the_persons_own_shard_decides_what_becomes_of_a_row() {
    let bench = Bench::new().await;
    let reconciler = reconciler(&bench);
    let directory = bench
        .hosted
        .get(&DIRECTORY.parse().expect("a shard"))
        .expect("it serves");
    let look = async || rows::page(&directory, None, 10).await.expect("read");
    // Nobody: without a key there is no record.
    assert!(
        rows::claim(&directory, DIGEST, &entry(user(99)), false)
            .await
            .expect("claimed")
    );
    assert!(reconciler.ask(&directory, &look().await[0]).await);
    assert!(look().await.is_empty(), "the row of nobody is let go");

    let person = bench.person(FOLLOWERS, 2).await;
    for (state_before, stays, state_after) in [
        (ClaimState::Pending, false, ClaimState::Dropped),
        (ClaimState::Dropped, false, ClaimState::Dropped),
        (ClaimState::Active, true, ClaimState::Active),
    ] {
        record(&bench, person, state_before).await;
        assert!(
            rows::claim(&directory, DIGEST, &entry(person), false)
                .await
                .expect("claimed")
        );
        assert!(reconciler.ask(&directory, &look().await[0]).await);
        let rows = look().await;
        assert_eq!(
            rows.iter().any(|row| reconciler.stands(row)),
            stays,
            "{state_before:?}"
        );
        assert_eq!(rows.is_empty(), !stays, "{state_before:?}");
        assert_eq!(state(&bench, person).await, Some(state_after));
    }
    bench.end().await;
}

#[tokio::test]
async fn a_row_is_seen_first_and_asked_for_when_it_is_old() {
    let bench = Bench::new().await;
    let mut reconciler = reconciler(&bench);
    let directory = bench
        .hosted
        .get(&DIRECTORY.parse().expect("a shard"))
        .expect("it serves");
    assert!(
        rows::claim(&directory, DIGEST, &entry(user(99)), false)
            .await
            .expect("claimed")
    );
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    reconciler.clock = clock;
    let mut looks = Looks::default();
    reconciler.look(&mut looks).await;
    assert_eq!(looks.seen.len(), 1);
    reconciler.look(&mut looks).await;
    assert_eq!(looks.seen.len(), 1, "it may be on its way");
    hand.advance(ASK_AFTER);
    reconciler.look(&mut looks).await;
    assert!(looks.seen.is_empty());
    let rows = rows::page(&directory, None, 10).await.expect("read");
    assert!(rows.is_empty(), "it was nobody's");
    bench.end().await;
}

/// The planted omission: what was said before a restore is taken for said by what was restored.
#[tokio::test]
async fn a_claim_that_a_restored_shard_does_not_know_is_let_go() {
    let bench = Bench::new().await;
    let mut reconciler = reconciler(&bench);
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    reconciler.clock = clock;
    let directory = bench
        .hosted
        .get(&DIRECTORY.parse().expect("a shard"))
        .expect("it serves");
    let person = bench.person(FOLLOWERS, 2).await;
    let known = rows::claim(&directory, DIGEST, &entry(person), false).await;
    assert!(known.expect("claimed"));
    let own = bench.shard(FOLLOWERS).epoch();
    let look = async |epoch| {
        rows::settle(&directory, DIGEST, entry(person).claim_id, epoch)
            .await
            .expect("noted");
        let mut looks = Looks::default();
        reconciler.look(&mut looks).await;
        hand.advance(ASK_AFTER);
        reconciler.look(&mut looks).await;
        rows::page(&directory, None, 10).await.expect("read").len()
    };
    // The shard that serves holds no such claim: it was written after the backup.
    assert_eq!(look(own).await, 1, "it said so in this epoch");
    assert_eq!(
        look(Epoch(own.0 - 1)).await,
        0,
        "it was said before it was restored"
    );
    bench.end().await;
}

#[test]
fn a_claim_is_asked_for_once_a_registration_would_long_be_over() {
    let since = Duration::from_secs(5);
    assert!(!is_due(since, since) && !is_due(since, Duration::from_secs(24)));
    assert!(is_due(since, Duration::from_secs(25)));
}

/// The planted omission: that nobody knows of a claim is taken for a commitment, though its registration goes on meanwhile.
#[tokio::test]
async fn a_claim_that_is_taken_up_again_while_it_is_asked_for_is_not_let_go() {
    let bench = Bench::new().await;
    let reconciler = reconciler(&bench);
    let directory = bench.hosted.get(&DIRECTORY.parse().expect("a shard"));
    let directory = directory.expect("it serves");
    let person = bench.person(FOLLOWERS, 2).await;
    let claim = async || rows::claim(&directory, DIGEST, &entry(person), false).await;
    assert!(claim().await.expect("claimed"));
    let looked = rows::look(&directory, DIGEST)
        .await
        .expect("read")
        .expect("a row");
    let (said, _) = reconciler
        .decide(directory.id(), &looked.entry)
        .await
        .expect("decided");
    assert_eq!(said, Decision::Unknown, "his shard was restored from before it");
    // The app sends the registration again: pending, then claimed.
    record(&bench, person, ClaimState::Pending).await;
    assert!(claim().await.expect("his already"));
    let released = reconciler.let_go(&directory, &looked, said).await;
    assert!(!released.expect("answered"), "what was said then");
    record(&bench, person, ClaimState::Active).await;
    let held = rows::lookup(&directory, DIGEST).await.expect("read");
    assert_eq!(held, Some(entry(person)));
    let now = rows::look(&directory, DIGEST)
        .await
        .expect("read")
        .expect("a row");
    assert!(reconciler.ask(&directory, &now).await);
    let now = rows::look(&directory, DIGEST)
        .await
        .expect("read")
        .expect("a row");
    assert!(reconciler.stands(&now), "it is his, and noted");
    bench.end().await;
}

/// The planted omission: claims of a shard that never answers, at the front, are asked for again and again, and no other.
#[tokio::test]
async fn what_gets_no_answer_holds_up_nothing_behind_it() {
    let bench = Bench::new().await;
    let mut reconciler = reconciler(&bench);
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    reconciler.clock = clock;
    let directory = bench.hosted.get(&DIRECTORY.parse().expect("a shard"));
    let directory = directory.expect("it serves");
    let many = u8::try_from(ASKED_MAX).expect("few");
    for number in 0..=many {
        // No table knows that home; the last row is of nobody at one that answers.
        let home = if number == many { FOLLOWERS } else { "eu/eu-silent" };
        let entry = ClaimEntry {
            home: home.parse().expect("a home"),
            ..entry(user(99))
        };
        let taken = rows::claim(&directory, ClaimDigest([number; 32]), &entry, false).await;
        assert!(taken.expect("claimed"));
    }
    let mut looks = Looks::default();
    reconciler.look(&mut looks).await;
    hand.advance(ASK_AFTER);
    let last = async || {
        rows::look(&directory, ClaimDigest([many; 32]))
            .await
            .expect("read")
    };
    reconciler.look(&mut looks).await;
    assert!(last().await.is_some(), "it is behind all that one look asks for");
    reconciler.look(&mut looks).await;
    assert!(last().await.is_none(), "it is asked for with the next");
    reconciler.look(&mut looks).await;
    assert_eq!(looks.seen.len(), ASKED_MAX, "those are waited for still");
    bench.end().await;
}
