//! What the replicated log drives: a pure state and the function that a command is to it.
//!
//! Implemented once for the control plane ([`crate::control_plane`]) and once by this crate's tests.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

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

    /// Version of the stored form of `State`; a snapshot of a newer one stops the node.
    const STATE_VERSION: u16;

    /// What is known before the first command.
    fn initial(&self) -> Self::State;

    /// Applies a command of the log. Called on every controller, again after a restart for what the last snapshot does
    /// not hold; so it may read neither clock nor randomness, and what it does beside the state must be idempotent by
    /// the entry's index.
    fn apply(
        &mut self,
        state: &mut Self::State,
        command: &Self::Command,
        logged: Logged<'_>,
    ) -> Self::Outcome;

    /// Called after the commands of a batch were applied, before anyone is told of them: what belongs beside the state
    /// is written here. It need not be durable before [`Journal::sync`]: until a snapshot takes the place of the log,
    /// a restart applies the same commands again. Must be quick; it holds up every answer.
    ///
    /// # Errors
    /// Stop the node: nobody is told an outcome of which a part is lost.
    fn wrote(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called when a snapshot has taken the place of the state, at a start too.
    ///
    /// # Errors
    /// Stop the node.
    fn replaced(&mut self, _state: &Self::State) -> io::Result<()> {
        Ok(())
    }

    /// What is written beside the state; nothing, for most machines.
    fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(NoJournal)
    }

    /// Reads a stored state of a version before [`Self::STATE_VERSION`].
    ///
    /// # Errors
    /// Says why it cannot be read; the node stops.
    fn upgrade(version: u16, _stored: serde_json::Value) -> Result<Self::State, String> {
        let reads = Self::STATE_VERSION;
        Err(format!(
            "a state of version {version}, this build reads version {reads}"
        ))
    }
}

/// A command as it stands in the log.
#[derive(Debug, Clone, Copy)]
pub struct Logged<'a> {
    pub index: u64,
    /// The same bytes on every controller, whichever build it runs.
    pub text: &'a str,
}

/// What a machine writes beside its state.
pub trait Journal: Send + Sync + Debug {
    /// Makes everything durable that was written so far. Blocks. Called before a snapshot takes the place of the log
    /// from which it could be written again.
    ///
    /// # Errors
    /// No snapshot is taken then, and the node stops.
    fn sync(&self) -> io::Result<()>;
}

#[derive(Debug)]
struct NoJournal;

impl Journal for NoJournal {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
