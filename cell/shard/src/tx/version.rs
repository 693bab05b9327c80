//! The version that a transaction sees: opened when something is first read, and anew when it has expired.

use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use cell_store::Snapshot;

use super::Tx;
use crate::error::TxError;
use crate::opening::First;

impl Tx {
    /// The first snapshot of the transaction, opened when something is first read.
    pub(super) async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, TxError> {
        self.snapshot_for(None).await.map(|(snapshot, _)| snapshot)
    }

    /// The same for whoever reads `key`, with what the snapshot says of it if that was read as it was opened.
    pub(super) async fn snapshot_for(
        &self,
        key: Option<&Bytes>,
    ) -> Result<(Arc<dyn Snapshot>, First), TxError> {
        if let Some(snapshot) = &self.open_state()?.snapshot {
            return Ok((Arc::clone(snapshot), None));
        }
        let opened = self.inner.shared.snapshot_with_others(key).await;
        let ((snapshot, position), value) = opened.map_err(|error| self.fail(error))?;
        let mut state = self.open_state()?;
        state.read.get_or_insert(position);
        // Another branch of the same closure may have been faster; both must see one version.
        let kept = Arc::clone(state.snapshot.get_or_insert_with(|| Arc::clone(&snapshot)));
        let value = value.filter(|_| ptr::addr_eq(Arc::as_ptr(&kept), Arc::as_ptr(&snapshot)));
        Ok((kept, value))
    }

    /// A later one, after the first has expired.
    pub(super) async fn renew(&self) -> Result<Arc<dyn Snapshot>, TxError> {
        let opened = self.inner.shared.snapshot_with_others(None).await;
        let ((snapshot, _), _) = opened.map_err(|error| self.fail(error))?;
        let mut state = self.open_state()?;
        state.snapshot = Some(Arc::clone(&snapshot));
        state.mixed = true;
        Ok(snapshot)
    }
}
