//! What can be wrong before the store is open. Each says what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::InvalidTls;

/// Why the store is not open. Nothing was written but, at most, the claim of an empty cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The cluster file is not there or not one.
    #[error("the cluster file {} cannot be used: {reason}", path.display())]
    ClusterFile {
        /// Where it was looked for.
        path: PathBuf,
        /// For people.
        reason: String,
    },
    /// TLS that is not whole, or not there where it must be.
    #[error("the settings of the FoundationDB engine cannot be used: {0}")]
    Tls(#[from] InvalidTls),
    /// The library is older than the API that is needed.
    #[error("libfdb_c does not know API version {needed}")]
    OldApi {
        /// In the library's numbers.
        needed: i32,
    },
    /// The library did not start. It can be started once in a process.
    #[error("libfdb_c does not start: {reason}")]
    Library {
        /// For people.
        reason: String,
    },
    /// The cluster does not answer.
    #[error("the cluster does not answer: {reason}")]
    NotReady {
        /// For people.
        reason: String,
    },
    /// Another world's data.
    #[error("the cluster holds the data of world {found}, not of {ours}")]
    OtherWorld {
        /// Whose data it holds.
        found: String,
        /// Whose it should hold.
        ours: String,
    },
    /// Written by a newer release.
    #[error("the cluster's data has format {found}, this release knows {known}")]
    OtherFormat {
        /// Of the data.
        found: u8,
        /// The newest that is known.
        known: u8,
    },
    /// Data that is no world's.
    #[error("the cluster holds data that is not Meridian's")]
    NotOurs,
    /// The mark that names the world cannot be read.
    #[error("the cluster's mark of its world is damaged")]
    Damaged,
}

impl OpenError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ClusterFile { .. } => {
                "copy the cluster's `fdb.cluster`; it holds one line `description:id@host:port,...`"
            }
            Self::Tls(invalid) => invalid.hint(),
            Self::OldApi { .. } => "install the client library of FoundationDB 7.3 or later",
            Self::Library { .. } => "start celld again; it opens the library once",
            Self::NotReady { .. } => "see `fdbcli -C FILE --exec status`",
            Self::OtherWorld { .. } => {
                "`store.cluster_file` points at another world's cluster: correct it; data is never mixed or taken over"
            }
            Self::OtherFormat { .. } => "start the release that wrote it, or a later one",
            Self::NotOurs => "give the cell a cluster of its own, empty at its first start",
            Self::Damaged => "restore the cluster from its backup",
        }
    }
}
