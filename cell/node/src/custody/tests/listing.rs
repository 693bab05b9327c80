//! What operators are told of a store, and what of it does not open.

use std::fs;
use std::os::unix::net::UnixListener;

use super::scheduled::{DAY, Keeper, RULES};
use super::{home, shard_of};
use crate::custody::scheduled::Memory;
use crate::events::tests::bench::FOLLOWERS;
use platform_model::ShardId;

/// The planted omission: a flipped byte in its manifest, and a backup of keys is neither removed nor spoken of.
#[tokio::test]
async fn an_old_backup_of_keys_that_does_not_open_is_named() {
    let (mut keeper, keys) = (Keeper::new().await, ShardId::Keys { home: home() });
    keeper.keep().await;
    let (of_keys, other) = (
        keeper.of(&keys).await.remove(0),
        keeper.of(&shard_of(FOLLOWERS)).await.remove(0),
    );
    for name in [&of_keys, &other] {
        let manifest = keeper.folder.path().join(name.as_str()).join("manifest");
        fs::write(manifest, b"no manifest").expect("written");
    }
    let told = keeper.custody.listing(false).await.expect("listed");
    let mut closed = [of_keys.to_string(), other.to_string()];
    closed.sort();
    assert_eq!(told.unreadable, closed);
    assert_eq!(told.closed_keys, Vec::<String>::new(), "it may lie there still");
    assert_eq!(told.backups.len(), 5);
    keeper.hand.advance(RULES.rewrite + DAY);
    let told = keeper.custody.listing(false).await.expect("listed");
    assert_eq!(told.closed_keys, [of_keys.to_string()]);
    keeper.bench.end().await;
}

/// The planted omission: one manifest that the store does not give out, and no shard is backed up any more.
#[tokio::test]
async fn what_cannot_be_told_of_one_shard_does_not_stop_the_others() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    let keys = ShardId::Keys { home: home() };
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let manifest = keeper.folder.path().join(name.as_str()).join("manifest");
    fs::remove_file(&manifest).expect("there");
    // It is listed, and cannot be opened as a file.
    let _socket = UnixListener::bind(&manifest).expect("bound");
    let sink = keeper.custody.shared.sink.clone().expect("one");
    let told = keeper.custody.opened(&sink, &name, &shard).await;
    let told = told.expect_err("it is not given out");
    assert!(told.message.contains("cannot be used: "), "it says why: {told:?}");
    keeper.bench.person(FOLLOWERS, 7).await;
    keeper.hand.advance(DAY);
    let mut memory = Memory::default();
    assert!(!keeper.custody.keep(&RULES, &mut memory).await, "it is told");
    assert_eq!(keeper.of(&keys).await.len(), 2);
    assert_eq!(keeper.of(&shard).await.len(), 1, "nobody knows what there is");
    keeper.bench.end().await;
}
