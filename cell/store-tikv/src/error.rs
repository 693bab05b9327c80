//! What can be wrong before the store is open. Each says what to do about it.

use std::path::PathBuf;

use thiserror::Error;

/// Settings that cannot be, or that would connect in plain text unasked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSettings {
    /// No placement driver, or too many.
    #[error("name 1 to {max} addresses of placement drivers")]
    PdCount {
        /// Most of them.
        max: usize,
    },
    /// Not an address, or one that is named twice.
    #[error("`{address}` is not an address `host:port` that is named once")]
    PdAddress {
        /// As it was given.
        address: String,
    },
    /// One or two of the three paths: the client would connect in plain text.
    #[error("TLS is half given: `{missing}` is missing")]
    HalfTls {
        /// The first that is missing.
        missing: &'static str,
    },
    /// None of the three paths.
    #[error("TLS is not given")]
    NoTls,
    /// Contradicts itself.
    #[error("both TLS and `plaintext` are given")]
    TlsAndPlaintext,
    /// Plain text that would leave this machine.
    #[error("`plaintext` is for a cluster on this machine: {address} is not on it")]
    PlaintextAbroad {
        /// The first such.
        address: String,
    },
    /// A file of TLS that cannot be used.
    #[error("`{setting}` ({}) cannot be used: {reason}", path.display())]
    TlsFile {
        /// `ca`, `cert` or `key`.
        setting: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// For people.
        reason: String,
    },
    /// A time of nothing.
    #[error("`{setting}` must be more than nothing")]
    Zero {
        /// Which.
        setting: &'static str,
    },
}

impl InvalidSettings {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PdCount { .. } => {
                "set `store.pd` to the client addresses of all placement drivers of the cluster"
            }
            Self::PdAddress { .. } => "write `store.pd` as [\"pd-0.example:2379\", \"pd-1.example:2379\"]",
            Self::HalfTls { .. } | Self::NoTls => {
                "set all three of `store.ca`, `store.cert` and `store.key`; `store.plaintext = true` is for a cluster on this machine alone"
            }
            Self::TlsAndPlaintext => "remove `store.plaintext`, or the three paths",
            Self::PlaintextAbroad { .. } => "set `store.ca`, `store.cert` and `store.key` instead",
            Self::TlsFile { .. } => {
                "`store.ca` and `store.cert` are PEM certificates, `store.key` a PEM private key; celld must be able to read them"
            }
            Self::Zero { .. } => "give a duration such as `2s`",
        }
    }
}

/// Why the store is not open. Nothing was written but, at most, the claim of an empty cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Found without a connection.
    #[error("the settings of the TiKV engine cannot be used: {0}")]
    Settings(#[from] InvalidSettings),
    /// No placement driver can be reached.
    #[error("no placement driver can be reached ({pd}): {reason}")]
    Unreachable {
        /// Those that were tried.
        pd: String,
        /// Of the last one.
        reason: String,
    },
    /// Something listens there and does not speak as a placement driver.
    #[error("{pd} answers, but not as a placement driver: {reason}")]
    NotAnswering {
        /// Those that were tried.
        pd: String,
        /// For people.
        reason: String,
    },
    /// The placement drivers answer, the stores do not.
    #[error("the cluster's stores do not serve: {reason}")]
    NotReady {
        /// For people.
        reason: String,
    },
    /// The cluster does not know a call that is needed.
    #[error("the cluster is too old: {reason}")]
    OldApi {
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
            Self::Settings(invalid) => invalid.hint(),
            Self::Unreachable { .. } => {
                "see that the placement drivers run and that `store.pd` names their client addresses"
            }
            Self::NotAnswering { .. } => {
                "see that `store.ca`, `store.cert` and `store.key` are those of this cluster, that the cluster speaks TLS as the settings say, and that the port is the client port of a placement driver"
            }
            Self::NotReady { .. } => {
                "see `pd-ctl store`: a store must be Up and have leaders; then start celld again"
            }
            Self::OldApi { .. } => "TiKV 6.5 or later is needed",
            Self::OtherWorld { .. } => {
                "`store.pd` points at another world's cluster: correct it; data is never mixed or taken over"
            }
            Self::OtherFormat { .. } => "start the release that wrote it, or a later one",
            Self::NotOurs => "give the cell a cluster of its own, empty at its first start",
            Self::Damaged => "restore the cluster from its backup",
        }
    }

    /// Whether it may pass by itself.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NotAnswering { .. } | Self::NotReady { .. }
        )
    }
}
