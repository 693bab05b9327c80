//! Events for roots elsewhere, from the batch of their cause until somebody has delivered them.
//!
//! A row is written by the committer in the very batch of the transaction that told the event, as a record of the shard's
//! own in the same log entry: so it is copied, replayed, rewound and restored with its cause, and no reader of the log has
//! to keep up with its trimming. Its key names the event for ever: the root it is for, then where it stands in the log.
//!
//! Whoever relays sees a row only once it is committed ([`Shard::take_emitted`], [`Shard::outbox`]) and removes it
//! when it was delivered ([`Shard::clear_outbox`]). Where events go, and whether, is nothing that this crate knows.

mod aside;
mod bridge;
mod closed;
mod queue;
mod row;
mod walk;

use std::time::Duration;

use platform_model::{Actor, RequestId, RootRef};
use platform_runtime::random;

use crate::error::{TxError, WriteError};
use crate::gate::End;
use crate::keys::OUTBOX;
use crate::request::{Mode, Request, Scope};
use crate::shard::Shard;
use crate::tx::Tx;

pub use aside::{ASIDE_PER_ROOT_MAX, Aside, SetAside};
pub use bridge::{BridgeMark, BridgePage};
pub(crate) use queue::Emissions;
pub use queue::Taken;
pub(crate) use row::{Emitted, KEY_BYTES, bytes, emitted};
pub use row::{OutboxKey, OutboxRow};
pub use walk::{Found, OutboxWalk};

/// Rows that one transaction removes.
const CLEARED_AT_ONCE: usize = 1_000;
const DEADLINE: Duration = Duration::from_secs(10);

/// A transaction of the outbox did not take place, or a row of it cannot be read.
pub type OutboxError = WriteError<TxError>;

impl Shard {
    /// All rows that are committed by now, page by page.
    pub fn outbox(&self) -> OutboxWalk {
        OutboxWalk {
            upto: self.shared.gate.committed(),
            shard: self.clone(),
            after: None,
            over: false,
        }
    }

    /// Rows by their keys; none for one that is not there any more.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn outbox_rows(&self, keys: &[OutboxKey]) -> Result<Vec<Option<OutboxRow>>, OutboxError> {
        let relative: Vec<_> = keys.iter().map(OutboxKey::relative).collect();
        let relative = &relative;
        let get = |tx: Tx| async move { tx.get_many(relative).await };
        let values = self.read(&request(), get).await?.value;
        let rows = relative.iter().zip(values);
        Ok(rows
            .map(|(key, value)| value.and_then(|value| OutboxRow::read(key, &value)))
            .collect())
    }

    /// Removes rows that were delivered, or put aside. Idempotent. Durable here when it returns: one that comes back with a
    /// failover is delivered again, and its receiver knows it.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn clear_outbox(&self, keys: &[OutboxKey]) -> Result<(), OutboxError> {
        for some in keys.chunks(CLEARED_AT_ONCE) {
            let clear = |tx: Tx| async move { some.iter().try_for_each(|key| tx.clear(key.relative())) };
            self.write(&request(), clear).await?;
        }
        Ok(())
    }

    /// Events of this term that are committed since the last call, oldest first.
    pub fn take_emitted(&self) -> Taken {
        self.shared.emissions.take(self.shared.gate.committed())
    }

    /// Waits until there is something to take. Cancel-safe. False: the term is over.
    pub async fn emitted(&self) -> bool {
        let (gate, emissions) = (&self.shared.gate, &self.shared.emissions);
        let ready: Result<(), End> = gate.until(|| emissions.is_ready(gate.committed())).await;
        ready.is_ok()
    }

    /// While it is full, a transaction that tells another root something ends as `Overloaded`; one that takes something back
    /// only while it is `over` that.
    pub fn set_outbox_full(&self, full: bool, over: bool) {
        self.shared.emissions.outbox.set(full, over);
    }

    /// As [`Shard::set_outbox_full`], of what one root tells.
    pub fn set_outbox_full_of(&self, root: RootRef, full: bool, over: bool) {
        self.shared.emissions.outbox.set_of(root, full, over);
    }
}

fn request() -> Request {
    Request {
        actor: Actor::Service("relay".to_owned()),
        domain: "outbox",
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Async,
        scope: Scope::Shared(OUTBOX),
        not_older_than: None,
        deadline: DEADLINE,
    }
}

#[cfg(test)]
mod bridge_tests;
#[cfg(test)]
mod tests;
