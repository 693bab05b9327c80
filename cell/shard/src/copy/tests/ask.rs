//! What clients ask, wherever the shard is served.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::world::{PATIENCE, World};
use crate::{Mode, Request, Shard, Tx, TxError, WriteError};

/// Writes in the mode; tries again, wherever the shard is served, until it is answered.
pub(super) async fn write(
    world: &World,
    key: &str,
    value: &str,
    mode: Mode,
) -> platform_model::EpochPosition {
    let deadline = world.clock.monotonic() + PATIENCE;
    loop {
        let shard = world.serving().await;
        match try_write(&shard, key, value, mode, Duration::from_secs(5)).await {
            Ok(answer) => return answer.position,
            Err(error) => assert!(world.clock.monotonic() < deadline, "never written: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn try_write(
    shard: &Shard,
    key: &str,
    value: &str,
    mode: Mode,
    deadline: Duration,
) -> Result<crate::Answer<()>, WriteError<TxError>> {
    let (key, value) = (key.to_owned(), Bytes::from(value.to_owned()));
    let closure = |tx: Tx| {
        let (key, value) = (key.clone(), value.clone());
        async move { tx.put(key, value) }
    };
    shard.write(&request(mode, deadline), closure).await
}

pub(super) async fn try_read(
    shard: &Shard,
    key: &str,
    deadline: Duration,
) -> Result<Option<Bytes>, WriteError<TxError>> {
    let key = key.to_owned();
    let closure = |tx: Tx| {
        let key = key.clone();
        async move { tx.get(key.as_bytes()).await }
    };
    let answer = shard.read(&request(Mode::Async, deadline), closure).await;
    answer.map(|answer| answer.value)
}

/// Reads, wherever the shard is served, until it is answered.
pub(super) async fn read(world: &World, key: &str) -> Option<Bytes> {
    let deadline = world.clock.monotonic() + PATIENCE;
    loop {
        let shard = world.serving().await;
        match try_read(&shard, key, Duration::from_secs(5)).await {
            Ok(value) => return value,
            Err(error) => assert!(world.clock.monotonic() < deadline, "never read: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn request(mode: Mode, deadline: Duration) -> Request {
    let mut request = crate::tests::request_of(Uuid::new_v4(), 1);
    request.mode = mode;
    request.deadline = deadline;
    request
}
