//! The gate that every answer passes: none leaves before all that it observed is committed. Also where the end of
//! a term is announced.
//!
//! Committed is the highest position that is durable here and acknowledged by the whole effective set. With one
//! replica that set is empty, so durable is committed; the acknowledgements of standbys will come in here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use platform_model::Position;
use platform_runtime::CancellationToken;
use tokio::sync::watch;

/// Why a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// On purpose; everything that waited was answered.
    Closed,
    /// Another owner has set the fence.
    Fenced,
    /// The outcome of a commit could not be learnt, or the engine has stopped for good.
    Unavailable,
}

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Fenced => "fenced",
            Self::Unavailable => "unavailable",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    committed: AtomicU64,
    moved: watch::Sender<u64>,
    end: OnceLock<End>,
    ended: CancellationToken,
}

impl Gate {
    pub(crate) fn new(committed: Position) -> Self {
        Self {
            committed: AtomicU64::new(committed.0),
            moved: watch::Sender::new(committed.0),
            end: OnceLock::new(),
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }

    /// Everything up to `position` is durable here.
    pub(crate) fn durable(&self, position: Position) {
        self.committed.fetch_max(position.0, Ordering::AcqRel);
        self.moved.send_replace(position.0);
    }

    /// Waits until everything up to `position` is committed. Cancel-safe.
    ///
    /// # Errors
    /// The end of the term, if that comes first: then nobody here can tell any more.
    pub(crate) async fn pass(&self, position: Position) -> Result<(), End> {
        if self.committed() >= position {
            return Ok(());
        }
        let mut moved = self.moved.subscribe();
        tokio::select! {
            biased;
            _ = moved.wait_for(|committed| *committed >= position.0) => Ok(()),
            () = self.ended.cancelled() => Err(self.end().unwrap_or(End::Unavailable)),
        }
    }

    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Ends the term; the first reason stays.
    pub(crate) fn finish(&self, end: End) {
        // A second reason changes nothing.
        let _ = self.end.set(end);
        self.ended.cancel();
    }
}
