//! A restore where the shard lives.

use cell_backup::{BackupName, BackupStore, Goal};
use cell_store::memory::Memory;
use platform_model::Epoch;
use platform_runtime::Clock;
use platform_wire::RefusalCode;

use super::{Controllers, parts};
use crate::custody::{Custody, Parts, Sink};
use crate::events::tests::bench::{Bench, FOLLOWERS, shard_of};

/// The planted omission: rows of then are written beside those of a copy that serves.
#[tokio::test]
async fn a_shard_of_which_a_copy_is_open_here_is_not_restored_over_it() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Memory::new();
    let sink = Sink {
        name: "backup-eu".into(),
        region: None,
        store: BackupStore::folder(folder.path()).expect("a store"),
        bytes_per_second: 0,
        rules: None,
        log_every: None,
    };
    let custody = Custody::new(Parts {
        sink: Some(sink),
        ..parts(&bench, &Controllers::answering(), (disk, Clock::system()))
    });
    let name: BackupName = "eu_eu-central_000.e1.1.00000000".parse().expect("a name");
    let shard = shard_of(FOLLOWERS);
    let begun = custody.begin_restore(&name, (&shard, Goal::Base), Epoch(9)).await;
    let refusal = begun.map(|job| job.id).expect_err("it lives");
    assert_eq!(refusal.code, RefusalCode::Placement, "{refusal:?}");
    assert!(refusal.message.contains("is open on this node"), "{refusal:?}");
    assert!(!custody.jobs.is_busy(&shard), "nothing has begun");
    bench.end().await;
}
