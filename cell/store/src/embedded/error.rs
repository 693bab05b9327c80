//! Why the embedded engine would not open. None of these is repaired by itself: damage is for a person (or for a
//! replica to be copied anew), never for a guess.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Opening failed; nothing in the directory was changed unless it says so.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another process, or a snapshot of this one that still lives, has the directory.
    #[error("the store in {} is in use", dir.display())]
    Locked {
        /// Which directory.
        dir: PathBuf,
    },
    /// A journal is damaged where no crash could have damaged it.
    #[error("{} is damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What was found.
        reason: &'static str,
    },
    /// The data ends before a position that was durable: acknowledged commits are missing.
    #[error("the store in {} ends at position {found}, but {durable} was durable", dir.display())]
    Behind {
        /// Which directory.
        dir: PathBuf,
        /// Where it ends.
        found: u64,
        /// Where it ended once, at least.
        durable: u64,
    },
    /// The directory has data but no readable `durable` file, so nothing can be said of its completeness.
    #[error("{} is missing or damaged", file.display())]
    MarkLost {
        /// The file.
        file: PathBuf,
    },
    /// fjall refused, or found damage of its own.
    #[error("the engine would not open {}", dir.display())]
    Engine {
        /// Which directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// Whether acknowledged data is damaged or missing.
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::Behind { .. } | Self::MarkLost { .. }
        )
    }

    /// Whether opening may succeed later without anybody's help.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn engine(dir: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Engine {
            dir: dir.to_owned(),
            source: source.into(),
        }
    }
}
