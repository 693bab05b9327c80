//! What the replicated log drives: a pure state and the function that a command is to it.
//!
//! Implemented once for the control plane ([`crate::control_plane`]) and once by this crate's tests.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A deterministic state machine. Every controller applies the same commands in the same order.
pub trait Machine: Send + Sync + 'static {
    /// What is proposed. Stored as JSON, so fields and variants may be added with defaults, never renamed.
    type Command: Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What the proposer is told, refusals included.
    type Outcome: Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// All that is known. Cloned once per applied batch, because readers hold the version before.
    type State: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Version of the stored form of `State`; a snapshot of another one stops the node.
    const STATE_VERSION: u16;

    /// What is known before the first command.
    fn initial(&self) -> Self::State;

    /// Applies the command that stands at `index` of the log. Called on every controller, again after a restart for
    /// what the last snapshot does not hold; so it may read neither clock nor randomness, and what it does beside
    /// the state must be idempotent by `index`.
    fn apply(&mut self, state: &mut Self::State, index: u64, command: &Self::Command) -> Self::Outcome;
}
