//! The ledger of whole worlds: what several controllers hold, whatever happens to one of them.

use std::collections::BTreeMap;

use control_plane_ledger::chain::SEGMENT_ENTRIES_MAX;
use control_plane_ledger::{Verified, Verifier};
use control_plane_raft::{ProposeError, RaftNode};
use control_plane_state::{Author, Command, Envelope, Outcome};
use platform_model::{Generation, Role};
use platform_runtime::tls::{Expect, SpiffeKind};
use platform_wire::admin::{Member, WorldSpec};
use platform_wire::ledger::LedgerHead;
use platform_wire::pb::ledger_client::LedgerClient as Raw;
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, channel, pb};

use super::*;
use crate::controller::{LEDGER_DIR, SECURITY_LOG};
use crate::testing::small::Small;
use crate::testing::{World, eventually, within};

/// A command that is refused; each `n` in other words, so that each is on record.
fn misplace(n: u64) -> Envelope {
    let author = Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/region/eu-central/operator/sre/o-1".into(),
    };
    let command = Command::PlaceShard {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        cell: "us-east-1".parse().expect("a cell"),
        expected: Generation(1_000 + n),
    };
    Envelope::new(author, 1_764_097_937_042 + n, "a test", command)
}

/// Has `count` refusals put on record, many at once.
async fn decide(raft: &RaftNode, from: u64, count: u64) -> Result<(), ProposeError> {
    for chunk in (from..from + count).collect::<Vec<_>>().chunks(64) {
        let proposals = chunk.iter().map(|n| raft.propose(misplace(*n)));
        for outcome in futures::future::join_all(proposals).await {
            assert!(matches!(outcome?, Outcome::Refused { .. }));
        }
    }
    Ok(())
}

/// Name and content of the segments of one controller.
fn segments(world: &World, id: u64) -> BTreeMap<String, Vec<u8>> {
    let dir = world.data_dir(id).join(LEDGER_DIR);
    let paths = std::fs::read_dir(dir)
        .expect("there")
        .map(|entry| entry.expect("there").path());
    let segments = paths.filter(|path| path.extension().is_some_and(|ending| ending == "segment"));
    let named = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("read"))
    };
    segments.map(named).collect()
}

/// Waits until the controllers hold the same, and gives it.
async fn same(world: &World, ids: &[u64]) -> BTreeMap<String, Vec<u8>> {
    eventually("the same ledger everywhere", async || {
        let first = segments(world, ids[0]);
        let head = |id: &u64| world.running[id].raft().state().borrow().ledger.head();
        let heads: Vec<Head> = ids.iter().map(head).collect();
        let all = ids.iter().all(|id| segments(world, *id) == first);
        (all && heads.iter().all(|head| *head == heads[0])).then_some(first)
    })
    .await
}

/// Reads one controller's ledger over the wire and proves it.
async fn verified(world: &World, id: u64) -> Verified {
    let client = world.ledger(Role::Compliance, id);
    let overview = client.overview().await.expect("an overview");
    let digest = Digest::from_bytes;
    let head = |head: LedgerHead| Head {
        sequence: head.sequence,
        hash: digest(head.hash),
    };
    let sealed = overview.sealed.iter().map(|sealed| control_plane_ledger::Sealed {
        first: sealed.first,
        last: sealed.last,
        previous: digest(sealed.previous),
        hash: digest(sealed.hash),
        bytes: sealed.bytes,
        digest: digest(sealed.digest),
    });
    let mut verifier = Verifier::new(head(overview.begins), &sealed.collect::<Vec<_>>(), &[]);
    while verifier.head().sequence < overview.head.sequence {
        let page = client
            .read(verifier.head().sequence + 1, 1_024)
            .await
            .expect("a page");
        assert!(!page.entries.is_empty(), "{page:?}");
        for entry in page.entries {
            verifier
                .take(&entry.canonical, digest(entry.hash))
                .expect("whole");
        }
    }
    verifier.finish(head(overview.head)).expect("whole")
}

/// Entries of a world that was just made: itself, its law proposed, its law approved.
const MADE: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_controllers_hold_the_same_bytes_after_leaders_came_and_went() {
    let mut world = World::made(3).await;
    for round in 0..3 {
        let leader = world.leader().await;
        decide(world.running[&leader].raft(), round * 40, 40)
            .await
            .expect("decided");
        // Half of the rounds in order, half of them while someone is away.
        world.stop(leader).await;
        let next = world.leader().await;
        decide(world.running[&next].raft(), 1_000 + round * 40, 20)
            .await
            .expect("decided");
        world.start(leader).await;
    }
    let files = same(&world, &[1, 2, 3]).await;
    assert_eq!(files.len(), 1);
    let heads = [
        verified(&world, 1).await,
        verified(&world, 2).await,
        verified(&world, 3).await,
    ];
    assert!(heads.iter().all(|verified| *verified == heads[0]));
    assert!(heads[0].head.sequence >= 181, "{:?}", heads[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_member_gets_all_segments_though_it_was_sent_a_snapshot() {
    let mut world = World::alone(2).await;
    let admin = world.admin(Role::Sre);
    admin
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    let raft = world.running[&1].raft().clone();
    decide(&raft, 0, u64::from(SEGMENT_ENTRIES_MAX) + 1_500)
        .await
        .expect("decided");
    eventually("a log that does not reach back", async || {
        raft.status()
            .purged
            .is_some_and(|purged| purged > 100)
            .then_some(())
    })
    .await;
    world.start(2).await;
    let member = Member {
        id: 2,
        address: world.address(2),
    };
    within("a new voter", async {
        while let Err(error) = admin.add_member(&member, "a test").await {
            assert!(error.retryable(), "{error}");
        }
    })
    .await;
    decide(&raft, 9_000, 10).await.expect("decided");
    let files = same(&world, &[1, 2]).await;
    assert_eq!(files.len(), 2);
    assert_eq!(verified(&world, 2).await.segments, 1);
    // And it is still so after a restart.
    world.stop(2).await;
    world.start(2).await;
    assert_eq!(same(&world, &[1, 2]).await, files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_ledger_is_mended_from_a_peer() {
    let mut world = World::made(3).await;
    let leader = world.leader().await;
    decide(world.running[&leader].raft(), 0, 200)
        .await
        .expect("decided");
    let whole = same(&world, &[1, 2, 3]).await;
    let hurt = (1..=3).find(|id| *id != leader).expect("another");
    // A snapshot: the log will not bring the entries back.
    world.running[&hurt].raft().compact().await;
    let raft = world.running[&hurt].raft().clone();
    eventually("a snapshot", async || raft.status().snapshot).await;
    world.stop(hurt).await;
    let path = run::path(&world.data_dir(hurt).join(LEDGER_DIR), Kind::Segment, 1);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[30_000] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    world.start(hurt).await;
    assert_eq!(same(&world, &[1, 2, 3]).await, whole);
    assert!(
        path.with_extension("damaged").exists(),
        "kept for whoever looks into it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_with_a_full_disk_acknowledges_nothing_and_the_others_go_on() {
    let mut world = World::made(3).await;
    world.stop(1).await;
    let dir = world.data_dir(1).join(LEDGER_DIR);
    let aside = dir.with_extension("aside");
    std::fs::rename(&dir, &aside).expect("renamed");
    let small = match Small::mount(&dir, 64) {
        Ok(small) => small,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    for entry in std::fs::read_dir(&aside).expect("there") {
        let from = entry.expect("there").path();
        let to = dir.join(from.file_name().expect("a name"));
        std::fs::copy(from, to).expect("copied");
    }
    world.start(1).await;
    let leader = world.leader().await;
    let mut decided = 0;
    let full = async || world.running[&1].raft().status().failure;
    let raft = world.running[&leader].raft().clone();
    let mut refused = None;
    while full().await.is_none() && refused.is_none() && decided < 2_000 {
        // If it is the leader whose disk is full, it says so instead of an outcome.
        refused = decide(&raft, decided, 20).await.err();
        decided += 20;
    }
    let failure = eventually("the full disk", full).await;
    // Whichever part of the library notices first: the one that applies, or one that waits for it.
    assert!(
        failure.contains("ledger") || failure.contains("Apply") || failure.to_lowercase().contains("space"),
        "{failure}"
    );
    assert!(decided < 2_000, "64 KiB hold no 2,000 entries");
    let others = async || {
        let others = world.running.iter().filter(|(id, _)| **id != 1);
        others
            .map(|(_, c)| c.raft())
            .find(|raft| raft.is_leader())
            .cloned()
    };
    let next = eventually("a leader with room", others).await;
    within("a decision", async {
        while decide(&next, 50_000, 1).await.is_err() {}
    })
    .await;
    world.stop(1).await;
    small.grow(4_096);
    world.start(1).await;
    same(&world, &[1, 2, 3]).await;
    world.stop(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_with_a_full_disk_says_no_outcome_and_loses_none_that_it_said() {
    let mut world = World::alone(1).await;
    world.stop(1).await;
    let small = match Small::mount(&world.data_dir(1).join(LEDGER_DIR), 64) {
        Ok(small) => small,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    world.start(1).await;
    let admin = world.admin(Role::Sre);
    admin
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    let raft = world.running[&1].raft().clone();
    let mut told = 0;
    let refused = loop {
        match raft.propose(misplace(told)).await {
            Ok(Outcome::Refused { sequence, .. }) => told = sequence,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
        assert!(told < 2_000, "64 KiB hold no 2,000 entries");
    };
    assert!(matches!(refused, ProposeError::Stopped { .. }), "{refused}");
    let why = within("the end", world.running[&1].failed()).await;
    assert!(why.to_lowercase().contains("space"), "{why}");
    world.stop(1).await;
    small.grow(4_096);
    world.start(1).await;
    eventually("a leader", async || {
        world.running[&1].raft().is_leader().then_some(())
    })
    .await;
    let held = eventually("the log applied again", async || {
        let verified = verified(&world, 1).await;
        (verified.head.sequence > told).then_some(verified.head.sequence)
    })
    .await;
    assert_eq!(
        held,
        told + 1,
        "what was told, and the one that the log has and nobody was told of"
    );
    world.stop(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_read_reads_and_whoever_is_refused_is_noted_and_never_on_record() {
    let world = World::made(1).await;
    for role in [Role::Viewer, Role::Sre, Role::Compliance] {
        assert_eq!(
            world
                .ledger(role, 1)
                .overview()
                .await
                .expect("allowed")
                .head
                .sequence,
            MADE
        );
    }
    let router = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    let channel = channel::connect(&world.address(1), &router, Expect::Controller).expect("an address");
    let request = pb::LedgerReadRequest {
        version: FRAME_VERSION,
        world: world.id().to_string(),
        from: 1,
        entries_max: 1,
    };
    let status = Raw::new(channel)
        .read(request)
        .await
        .expect_err("a router reads no ledger");
    assert_eq!(
        Refusal::from_status(&status).map(|refusal| refusal.code),
        Some(RefusalCode::NotAuthorised)
    );
    let cell = "eu-central-1".parse().expect("a cell");
    let state = platform_model::CellState::Cordoned;
    let refused = world
        .admin(Role::Viewer)
        .set_cell_state(&cell, state, Generation(1), "no")
        .await;
    assert!(refused.is_err());
    let log = world.data_dir(1).join(SECURITY_LOG);
    let noted = eventually("two lines", async || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        (text.lines().count() == 2).then_some(text)
    })
    .await;
    assert!(
        noted.contains(r#""verb":"read-ledger","caller":"spiffe://"#),
        "{noted}"
    );
    assert!(
        noted.contains(r#""verb":"set-cell-state""#) && noted.contains("/operator/viewer/o-1"),
        "{noted}"
    );
    assert_eq!(
        verified(&world, 1).await.head.sequence,
        MADE,
        "the ledger knows nothing of it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_the_table_becomes_a_witness_also_of_refusals() {
    let world = World::made(1).await;
    let router = world.follow("r1");
    decide(world.running[&1].raft(), 0, 5).await.expect("decided");
    let head = world.running[&1].raft().state().borrow().ledger.head();
    assert_eq!(head.sequence, MADE + 5);
    let expected = crate::services::head(head);
    eventually("the end of the ledger", async || {
        let seen = router.heads.all();
        (seen.last().map(|seen| seen.head) == Some(expected)).then_some(())
    })
    .await;
    // Kept on disk: a process that starts now knows it.
    let again = world.follow("r1");
    assert_eq!(again.heads.all().last().map(|seen| seen.head), Some(expected));
}
