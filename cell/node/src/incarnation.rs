//! How often this node has started on its data: raised durably before anything is served, so that of two processes
//! under one name the later one is believed.

use cell_store::key::Tuple;
use cell_store::{CommitError, Fence, SnapshotError, Store, StoreError, WriteBatch};
use platform_model::Incarnation;

/// Why the number could not be raised. The node does not start.
#[derive(Debug, thiserror::Error)]
pub enum IncarnationError {
    #[error("the store cannot be read")]
    Open(#[from] StoreError),
    #[error("the store cannot be read")]
    Read(#[from] SnapshotError),
    #[error("the store does not take the new incarnation")]
    Commit(#[from] CommitError),
    #[error("the stored incarnation of this node is damaged")]
    Damaged,
}

/// Raises the node's incarnation by one and answers it. Durable on return.
///
/// # Errors
/// What the store says; nothing may be served then.
pub async fn raise(store: &dyn Store) -> Result<Incarnation, IncarnationError> {
    let key = Tuple::new().str("node").str("incarnation").pack();
    let stored = store.snapshot().await?.get(&key).await?;
    let before = match &stored {
        None => Incarnation(0),
        Some(bytes) => {
            let bytes: [u8; 8] = bytes[..].try_into().map_err(|_| IncarnationError::Damaged)?;
            Incarnation(u64::from_be_bytes(bytes))
        }
    };
    let next = before.next();
    let fence = match stored {
        None => Fence::absent(key.clone()),
        Some(bytes) => Fence::equals(key.clone(), bytes),
    };
    let mut batch = WriteBatch::new();
    batch.put(key, next.0.to_be_bytes().to_vec());
    store.commit(batch, vec![fence]).await?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_store::memory::Memory;

    #[tokio::test]
    async fn each_start_has_a_later_number() {
        let store = Memory::new();
        for expected in 1..4 {
            assert_eq!(raise(&*store).await.expect("raised"), Incarnation(expected));
        }
    }
}
