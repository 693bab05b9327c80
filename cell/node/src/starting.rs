//! Which start of this node this is: raised durably before anything is served, on the name of the data itself.
//!
//! Of two processes under one name the later one is believed; one on other data serves nothing.

use cell_store::key::Tuple;
use cell_store::{CommitError, Fence, SnapshotError, Store, StoreError, WriteBatch};
use platform_model::{Incarnation, Start};
use platform_runtime::random;

/// Version of the stored row: version, copy (8 bytes), incarnation (8 bytes).
const VERSION: u8 = 1;

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

/// Raises the node's incarnation by one; names the data if it has no name yet. Durable on return.
///
/// # Errors
/// What the store says; nothing may be served then.
pub async fn begin(store: &dyn Store) -> Result<Start, StartingError> {
    let key = Tuple::new().str("node").str("start").pack();
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
        let store = Memory::new();
        let first = begin(&*store).await.expect("noted");
        let second = begin(&*store).await.expect("noted");
        assert!(second.may_follow(&first) && !first.may_follow(&second));
        let elsewhere = begin(&*Memory::new()).await.expect("noted");
        assert!(!elsewhere.may_follow(&first));
    }

    #[test]
    fn a_damaged_row_is_told() {
        for row in [&[][..], &[1, 2, 3], &[2; 17], &[1; 18]] {
            assert!(matches!(decode(row), Err(StartingError::Damaged)), "{row:?}");
        }
    }
}
