//! What a transaction of a root may do beside the root's range: note something in a shared table of the shard, and tell
//! another root something.

use std::sync::Arc;

use super::Tx;
use crate::entry::Event;
use crate::error::TxError;
use crate::outbox;
use crate::request::Scope;

impl Tx {
    /// The same transaction, on a shared table of the shard: what a root's transaction notes beside the root's rows.
    ///
    /// # Errors
    /// A name that is the shard's own.
    pub fn shared(&self, table: &'static str) -> Result<Self, TxError> {
        let prefix = self.inner.shared.keys.scope(&Scope::Shared(table))?;
        let inner = Arc::clone(&self.inner);
        Ok(Self { inner, prefix })
    }

    /// Adds an event to the transaction's log record. One that is for a root is in the shard's outbox from the same batch
    /// on, until somebody has delivered it; while too many wait there, the transaction ends as `Overloaded`.
    pub fn emit(&self, event: Event) {
        self.emit_within(event, false);
    }

    /// As [`Tx::emit`], for what takes back what was told before: it finds room where others wait.
    pub fn emit_back(&self, event: Event) {
        self.emit_within(event, true);
    }

    fn emit_within(&self, event: Event, takes_back: bool) {
        let mut bytes = event.name.len() + event.domain.len() + event.payload.len() + 32;
        if event.to.is_some() {
            if self.inner.shared.emissions.is_full(self.inner.root, takes_back) {
                let _ = self.fail(TxError::OutboxFull);
                return;
            }
            let rows = if self.inner.shared.limits.bridged { 2 } else { 1 };
            bytes += rows * (bytes + outbox::KEY_BYTES);
        }
        // A refusal is kept as the transaction's failure.
        let _ = self.grow(bytes).map(|mut state| state.events.push(event));
    }
}
