//! What a shard is asked to keep of its log, as that and its backups stand; and backups that are removed meanwhile.

use cell_shard::{Origin, Ownership, ShardLimits};
use cell_store::memory::Memory;
use platform_model::{Incarnation, Term};
use platform_runtime::{Clock, TaskGroup};

use super::*;

async fn shard() -> Shard {
    let ownership = Ownership {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(4),
    };
    // Its tasks live on until the last handle is gone.
    let tasks = TaskGroup::new();
    let (clock, limits) = (Clock::system(), ShardLimits::default());
    let opened = Shard::open(Memory::new(), ownership, clock, &tasks, limits).await;
    opened.expect("opens")
}

fn made(shard: &Shard, position: u64) -> Manifest {
    let (epoch, position) = (shard.epoch(), Position(position));
    let incarnation = Incarnation(1);
    Manifest {
        name: BackupName::fresh(shard.id(), epoch, position),
        world: "a".repeat(64).parse().expect("a world"),
        shard: shard.id().clone(),
        origin: Origin {
            position,
            term: Term { epoch, incarnation },
            time_ms: 0,
            chain: 0,
        },
        parts: 1,
        rows: 0,
        bytes: 0,
        digest: [0; 32],
        state: None,
    }
}

fn behind(base: &Manifest) -> Stage {
    Stage::Kept(Box::new(Run::begin(base.clone()).expect("a shard of people")))
}

/// Somebody has looked at it, and that is what he found.
fn stand(logs: &Logs, shard: &Shard, stage: Stage) {
    let (log, _) = logs.of(shard);
    logs.put(shard, Log { stage, ..log });
}

fn is_sought(logs: &Logs, shard: &Shard) -> bool {
    matches!(logs.of(shard).0.stage, Stage::Sought)
}

/// The planted omission: a backup that fails, while the store is away, lets go what waits for the store.
#[tokio::test]
async fn what_is_not_kept_elsewhere_yet_is_held_until_it_is() {
    let (logs, shard) = (Logs::default(), shard().await);
    let held = || shard.log_wanted_behind().map(|position| position.0);
    let base = made(&shard, 10);
    assert_eq!(held(), None);
    stand(&logs, &shard, Stage::Sought);
    assert_eq!(held(), Some(0), "nobody knows where it ends");
    stand(&logs, &shard, behind(&base));
    assert_eq!(held(), Some(10));
    logs.writing(&shard, Position(15));
    assert_eq!(held(), Some(10));
    logs.written(&shard, None);
    assert_eq!(held(), Some(10), "a backup that failed");
    stand(&logs, &shard, Stage::Waits);
    assert_eq!(held(), None, "for a backup, whichever comes");
    logs.writing(&shard, Position(15));
    assert_eq!(held(), Some(15));
    logs.written(&shard, None);
    assert_eq!(held(), None);
    // What is there stays, whatever becomes of the next one.
    let next = made(&shard, 20);
    logs.writing(&shard, Position(20));
    logs.written(&shard, Some(&next));
    logs.writing(&shard, Position(30));
    logs.written(&shard, None);
    assert_eq!(held(), Some(20));
    assert_eq!(logs.of(&shard).1, Some(next));
}

/// The planted omission: a log begins, or goes on, behind a backup that is none any more.
#[tokio::test]
async fn no_log_is_kept_behind_a_backup_that_was_removed() {
    let (logs, shard) = (Logs::default(), shard().await);
    let (base, other) = (made(&shard, 10), made(&shard, 12));
    logs.written(&shard, Some(&base));
    logs.removed(shard.id(), &base.name);
    assert_eq!(logs.of(&shard).1, None, "it was to begin");
    stand(&logs, &shard, behind(&base));
    logs.removed(shard.id(), &other.name);
    assert!(!is_sought(&logs, &shard), "another's");
    logs.removed(shard.id(), &base.name);
    assert!(is_sought(&logs, &shard), "it was being kept");
    assert_eq!(shard.log_wanted_behind(), Some(Position(10)), "until it is found");
    // Found just before it went.
    let (log, _) = logs.of(&shard);
    logs.removed(shard.id(), &base.name);
    logs.removed(shard.id(), &other.name);
    let stage = behind(&base);
    logs.put(&shard, Log { stage, ..log });
    assert!(is_sought(&logs, &shard), "it was being found");
    assert_eq!(shard.log_wanted_behind(), Some(Position(0)));
    stand(&logs, &shard, behind(&base));
    assert!(!is_sought(&logs, &shard), "whoever looks later has not found it");
}
