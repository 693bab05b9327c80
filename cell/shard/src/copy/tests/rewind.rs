//! Async writes that only a failed primary had: they are cut off, kept in a file, and what they wrote is undone.

use std::time::Duration;

use super::world::{World, node, read, try_write, write};
use crate::copy::{Told, cut_off_files, read_cut_off};
use crate::{Mode, Tx, TxError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn async_writes_that_a_failover_cut_off_are_undone_and_kept_in_a_file() {
    let world = World::begin().await;
    for n in 0..20 {
        write(&world, &format!("k{n}"), "old", Mode::Sync).await;
    }
    world.add_standby(1).await;
    world.level(0, 1).await;
    let shard = world.serving().await;
    world.cut(0, 1);
    // Durable on node 0, whether they are answered or not.
    for n in 0..5 {
        let _ = try_write(
            &shard,
            &format!("k{n}"),
            "lost",
            Mode::Async,
            Duration::from_millis(60),
        )
        .await;
    }
    let clear = |tx: Tx| async move {
        tx.clear_range(crate::KeyRange::new("k5", "k9"))?;
        tx.put("k99", "lost")
    };
    let request = super::world::request(Mode::Async, Duration::from_millis(60));
    let _ = shard.write::<_, TxError, _, _>(&request, clear).await;
    let other = world.copy(1).report().expect("a copy").last;
    let lost = world.copy(0).report().expect("a copy").last.0 - other.0;
    assert!(lost > 0, "some entry is on node 0 only");
    world.kill(0).await;
    world
        .until("node 1 leads", || world.ctl.config().primary.node == node(1))
        .await;
    write(&world, "k1", "new", Mode::Sync).await;
    world.heal();
    world.start(0).await;
    world.in_sync(0).await;
    world.equal(0, 1).await;
    for n in [0, 3, 5, 6, 19] {
        assert_eq!(read(&world, &format!("k{n}")).await, Some("old".into()), "k{n}");
    }
    assert_eq!(read(&world, "k99").await, None);
    let cut_off = world
        .ctl
        .heard
        .lock()
        .iter()
        .any(|told| matches!(told, Told::CutOff { .. }));
    assert!(cut_off, "the control plane was told");
    let files = cut_off_files(&world.folder.path().join("0")).expect("a folder");
    let bytes = std::fs::read(files.first().expect("a file")).expect("readable");
    let entries = read_cut_off(bytes.into()).expect("a file of entries");
    assert_eq!(entries.len() as u64, lost);
    // The copy that was rewound leads as well as any.
    world.kill(1).await;
    world
        .until("node 0 leads", || world.ctl.config().primary.node == node(0))
        .await;
    assert_eq!(read(&world, "k1").await, Some("new".into()));
}
