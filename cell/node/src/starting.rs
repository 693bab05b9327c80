//! Which start of this node this is: raised durably before anything is served, on the name of the data itself.
//!
//! Of two processes under one name the later one is believed; one on other data serves nothing.

use cell_store::key::Tuple;
use cell_store::{CommitError, Fence, SnapshotError, Store, StoreError, WriteBatch};
use platform_model::{Incarnation, NodeId, Start};
use platform_runtime::random;

/// Version of the stored row: version, copy (8 bytes), incarnation (8 bytes).
const VERSION: u8 = 1;
/// So often a name is drawn that is not there afterwards.
const NAMING_TRIES_MAX: usize = 8;

/// Why the start could not be noted. The node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartingError {
    #[error("the store cannot be read")]
    Open(#[from] StoreError),
    #[error("the store cannot be read")]
    Read(#[from] SnapshotError),
    #[error("the store does not take the new start")]
    Commit(#[from] CommitError),
    #[error("the stored start of this node is damaged")]
    Damaged,
}

/// Whose starts are counted.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Of the one node whose store it is.
    Alone,
    /// Of one of those that share it.
    Among(&'a NodeId),
}

impl Whose<'_> {
    /// A node that was alone in a store before others came goes on counting where it did.
    fn key(&self) -> bytes::Bytes {
        let start = Tuple::new().str("node").str("start");
        match self {
            Self::Alone | Self::Among(NodeId { ordinal: 0, .. }) => start.pack(),
            Self::Among(node) => start.u64(u64::from(node.ordinal)).pack(),
        }
    }
}

/// The name of the data in a store that nodes share: drawn by whoever comes first, the same for all.
///
/// # Errors
/// What the store says; the node does not start then.
pub async fn name_of(store: &dyn Store) -> Result<u64, StartingError> {
    let key = Tuple::new().str("node").str("store").pack();
    for _ in 0..NAMING_TRIES_MAX {
        let named = store.snapshot().await?.get(&key).await?;
        if let Some(name) = named {
            let name = name
                .strip_prefix(&[VERSION])
                .and_then(|name| name.try_into().ok());
            return name.map(u64::from_be_bytes).ok_or(StartingError::Damaged);
        }
        let mut batch = WriteBatch::new();
        let name = random::u64().to_be_bytes();
        batch.put(key.clone(), [&[VERSION], name.as_slice()].concat());
        match store.commit(batch, vec![Fence::absent(key.clone())]).await {
            // Another may have been first, or this one after all: what stands is read.
            Ok(()) | Err(CommitError::Fenced { .. } | CommitError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StartingError::Damaged)
}

/// Raises the node's incarnation by one; names the data if it has no name yet. Durable on return.
///
/// # Errors
/// What the store says; nothing may be served then.
pub async fn begin(store: &dyn Store, of: &Whose<'_>) -> Result<Start, StartingError> {
    let key = of.key();
    let stored = store.snapshot().await?.get(&key).await?;
    let (copy, before) = match &stored {
        None => (random::u64(), Incarnation(0)),
        Some(row) => decode(row)?,
    };
    let start = Start {
        incarnation: before.next(),
        copy,
        process: random::u64(),
    };
    let fence = match stored {
        None => Fence::absent(key.clone()),
        Some(row) => Fence::equals(key.clone(), row),
    };
    let mut batch = WriteBatch::new();
    batch.put(key, encode(&start));
    store.commit(batch, vec![fence]).await?;
    Ok(start)
}

fn encode(start: &Start) -> Vec<u8> {
    let numbers = [start.copy.to_be_bytes(), start.incarnation.0.to_be_bytes()].concat();
    [&[VERSION], numbers.as_slice()].concat()
}

fn decode(row: &[u8]) -> Result<(u64, Incarnation), StartingError> {
    let parse = || {
        let numbers = row.strip_prefix(&[VERSION])?;
        let (copy, incarnation) = numbers.split_first_chunk::<8>()?;
        let incarnation = <[u8; 8]>::try_from(incarnation).ok()?;
        Some((
            u64::from_be_bytes(*copy),
            Incarnation(u64::from_be_bytes(incarnation)),
        ))
    };
    parse().ok_or(StartingError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_store::memory::Memory;

    #[tokio::test]
    async fn each_start_follows_the_one_before_on_the_same_data_only() {
        let (store, alone) = (Memory::new(), Whose::Alone);
        let first = begin(&*store, &alone).await.expect("noted");
        let second = begin(&*store, &alone).await.expect("noted");
        assert!(second.may_follow(&first) && !first.may_follow(&second));
        let elsewhere = begin(&*Memory::new(), &alone).await.expect("noted");
        assert!(!elsewhere.may_follow(&first));
    }

    #[tokio::test]
    async fn nodes_that_share_a_store_count_their_starts_apart_and_name_it_alike() {
        let store = Memory::new();
        let node = |ordinal: u16| -> NodeId { format!("eu-central-1/{ordinal}").parse().expect("a node") };
        let (zero, one) = (node(0), node(1));
        let alone = begin(&*store, &Whose::Alone).await.expect("noted");
        let first = begin(&*store, &Whose::Among(&zero)).await.expect("noted");
        assert!(first.may_follow(&alone), "others came, and it is who it was");
        let beside = begin(&*store, &Whose::Among(&one)).await.expect("noted");
        assert_eq!(beside.incarnation, Incarnation(1));
        assert_ne!(beside.copy, first.copy);
        let again = begin(&*store, &Whose::Among(&one)).await.expect("noted");
        assert!(again.may_follow(&beside) && !again.may_follow(&first));
        let (a, b) = (
            name_of(&*store).await.expect("named"),
            name_of(&*store).await.expect("named"),
        );
        assert_eq!(a, b);
        assert_ne!(a, name_of(&*Memory::new()).await.expect("named"));
    }

    #[test]
    fn a_damaged_row_is_told() {
        for row in [&[][..], &[1, 2, 3], &[2; 17], &[1; 18]] {
            assert!(matches!(decode(row), Err(StartingError::Damaged)), "{row:?}");
        }
    }
}
