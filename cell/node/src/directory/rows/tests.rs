//! Rows of claims on a shard in memory.

use super::*;
use cell_shard::{Ownership, ShardLimits};
use cell_store::memory::Memory;
use platform_model::Epoch;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

fn entry(n: u128) -> ClaimEntry {
    ClaimEntry {
        user: UserId::from_uuid(Uuid::from_u128(n)),
        claim_id: Uuid::from_u128(n + 100),
        home: "eu/eu-central".parse().expect("a home"),
        version: 0,
    }
}

async fn shard(tasks: &TaskGroup) -> Shard {
    let ownership = Ownership {
        shard: "directory/eu/000".parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(1),
    };
    Shard::open(
        Memory::new(),
        ownership,
        Clock::system(),
        tasks,
        ShardLimits::default(),
    )
    .await
    .expect("opens")
}

#[tokio::test]
async fn a_value_has_one_holder_whatever_is_repeated() {
    let tasks = TaskGroup::new();
    let shard = shard(&tasks).await;
    let digest = ClaimDigest([7; 32]);
    assert_eq!(lookup(&shard, digest).await.expect("read"), None);
    let (one, two) = (entry(1), entry(2));
    let both = tokio::join!(
        claim(&shard, digest, &one, false),
        claim(&shard, digest, &two, false)
    );
    let (first, second) = (both.0.expect("answered"), both.1.expect("answered"));
    assert!(first != second, "exactly one holds it");
    let (winner, loser) = if first { (one, two) } else { (two, one) };
    assert!(
        claim(&shard, digest, &winner, false).await.expect("again"),
        "a retry is no rival"
    );
    release(&shard, digest, loser.claim_id, None)
        .await
        .expect("not his: nothing happens");
    assert_eq!(lookup(&shard, digest).await.expect("read"), Some(winner.clone()));
    release(&shard, digest, winner.claim_id, None).await.expect("his");
    assert_eq!(lookup(&shard, digest).await.expect("read"), None);
}

/// The planted omission: one that lay somewhere has his address lead to a home where he does not live.
#[tokio::test]
async fn what_comes_late_of_an_earlier_relocation_moves_no_claim() {
    let tasks = TaskGroup::new();
    let shard = shard(&tasks).await;
    let digest = ClaimDigest([7; 32]);
    let at = |home: &str, version| ClaimEntry {
        home: home.parse().expect("a home"),
        version,
        ..entry(1)
    };
    let (here, there) = ("eu/eu-central", "eu/eu-west");
    for (home, version, known, stands) in [
        (here, 0, false, here),
        (there, 2, false, there),
        // Taken back, and the same once more before it is heard of.
        (here, 3, false, here),
        (there, 2, false, here),
        (there, 0, false, here),
        // His own shard says where he lives.
        (there, 0, true, there),
        (here, 3, false, here),
        (there, 4, false, there),
        (here, 3, false, there),
    ] {
        let held = claim(&shard, digest, &at(home, version), known).await;
        assert!(held.expect("answered"), "it is his");
        let row = lookup(&shard, digest).await.expect("read").expect("held");
        assert_eq!(row.home.to_string(), stands, "{home} {version}");
    }
    release(&shard, digest, entry(1).claim_id, None)
        .await
        .expect("his");
    let anew = claim(&shard, digest, &at(here, 0), false).await;
    assert!(anew.expect("free"));
    let moved = claim(&shard, digest, &at(there, 1), false).await;
    assert!(moved.expect("his"), "nothing of the claim before counts");
    let row = lookup(&shard, digest).await.expect("read").expect("held");
    assert_eq!(row.home.to_string(), there);
}

/// The planted omission: a home that he left long ago frees the address that he holds in another of the same authority.
#[tokio::test]
async fn a_home_that_he_left_lets_go_of_what_he_holds_there_and_of_nothing_else() {
    let tasks = TaskGroup::new();
    let shard = shard(&tasks).await;
    let (digest, left) = (ClaimDigest([7; 32]), entry(1));
    let lives_in = ClaimEntry {
        home: "eu/eu-west".parse().expect("a home"),
        version: 8,
        ..entry(1)
    };
    for entry in [&left, &lives_in] {
        assert!(claim(&shard, digest, entry, false).await.expect("his"));
    }
    let late = release(&shard, digest, left.claim_id, Some(&left.home)).await;
    late.expect("answered");
    let row = lookup(&shard, digest).await.expect("read").expect("held");
    assert_eq!(row.home, lives_in.home);
    assert!(
        !claim(&shard, digest, &entry(2), false).await.expect("answered"),
        "nobody else's"
    );
    release(&shard, digest, left.claim_id, Some(&lives_in.home))
        .await
        .expect("released");
    assert_eq!(lookup(&shard, digest).await.expect("read"), None);
}

/// The planted omission: what one home said of it stands for another, whose shard is of an earlier epoch and never asked.
#[tokio::test]
async fn what_one_home_said_of_a_claim_says_nothing_for_the_next() {
    let tasks = TaskGroup::new();
    let shard = shard(&tasks).await;
    let (digest, here) = (ClaimDigest([7; 32]), entry(1));
    assert!(claim(&shard, digest, &here, false).await.expect("free"));
    settle(&shard, digest, here.claim_id, Epoch(9))
        .await
        .expect("noted");
    let there = ClaimEntry {
        home: "eu/eu-west".parse().expect("a home"),
        version: 8,
        ..here.clone()
    };
    for (entry, settled) in [(&here, Some(Epoch(9))), (&there, None)] {
        assert!(claim(&shard, digest, entry, false).await.expect("his"));
        let row = look(&shard, digest).await.expect("read").expect("held");
        assert_eq!((row.entry.home, row.settled), (entry.home.clone(), settled));
    }
}

#[tokio::test]
async fn rows_are_read_page_by_page_in_the_order_of_their_digests() {
    let tasks = TaskGroup::new();
    let shard = shard(&tasks).await;
    for digest in [[0; 32], [7; 32], [0xff; 32]] {
        let taken = claim(
            &shard,
            ClaimDigest(digest),
            &entry(u128::from(digest[0]) + 1),
            false,
        )
        .await;
        assert!(taken.expect("answered"));
    }
    settle(&shard, ClaimDigest([7; 32]), entry(8).claim_id, Epoch(4))
        .await
        .expect("noted");
    settle(&shard, ClaimDigest([0; 32]), entry(8).claim_id, Epoch(4))
        .await
        .expect("another claim's: nothing happens");
    let first = page(&shard, None, 2).await.expect("read");
    let seen: Vec<_> = first.iter().map(|row| (row.digest.0[0], row.settled)).collect();
    assert_eq!(seen, [(0, None), (7, Some(Epoch(4)))]);
    let rest = page(&shard, Some(first[1].digest), 2).await.expect("read");
    assert_eq!((rest.len(), &rest[0].entry), (1, &entry(256)));
    release(&shard, ClaimDigest([7; 32]), entry(8).claim_id, None)
        .await
        .expect("released");
    let anew = claim(&shard, ClaimDigest([7; 32]), &entry(3), false).await;
    assert!(anew.expect("free"));
    let first = page(&shard, None, 2).await.expect("read");
    assert!(first[1].settled.is_none(), "another claim on the same value");
}

#[test]
fn a_row_reads_back_and_damage_is_named() {
    let row = encode(&entry(3));
    assert_eq!(decode(&row).expect("ours"), entry(3));
    for bad in [
        &row[..HOME_AT - 1],
        &[2_u8; 60][..],
        &[&row[..HOME_AT], b"nowhere"].concat()[..],
    ] {
        assert!(matches!(decode(bad), Err(RowError::Damaged)));
    }
}
