//! Which law a matrix is: version, day, text, compiler, catalogues; and the sinks that the law knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::date::LawDate;
use crate::id::InvalidId;
use crate::place::RegionId;

/// Counts the versions of a world's law. Written `v3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LawVersion(pub u64);

impl fmt::Display for LawVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub version: LawVersion,
    /// What widens holds from this day at the earliest.
    pub date: LawDate,
    /// SHA-256 of the law's canonical text.
    pub document: [u8; 32],
    /// Version of the compiler that made the matrix.
    pub compiler: u16,
    /// SHA-256 of each catalogue of data classes for which the law was written, at least one.
    pub catalogues: Vec<[u8; 32]>,
}

/// A place outside a shard's replicas to which bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sink {
    pub kind: SinkKind,
    pub region: RegionId,
}

/// What a sink is for. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum SinkKind {
    /// A bucket of copies to restore from.
    Backup = 0,
    /// Where sealed ledger segments and exports are kept.
    Archive = 1,
    /// A message broker.
    Stream = 2,
    /// A collector of logs, metrics and traces.
    Telemetry = 3,
    /// Security events.
    Siem = 4,
    /// The shop's own system.
    Shop = 5,
    /// A gateway of push notifications.
    Push = 6,
    /// A gateway of e-mail or text messages.
    Mail = 7,
}

impl SinkKind {
    pub const ALL: [Self; 8] = [
        Self::Backup,
        Self::Archive,
        Self::Stream,
        Self::Telemetry,
        Self::Siem,
        Self::Shop,
        Self::Push,
        Self::Mail,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Archive => "archive",
            Self::Stream => "stream",
            Self::Telemetry => "telemetry",
            Self::Siem => "siem",
            Self::Shop => "shop",
            Self::Push => "push",
            Self::Mail => "mail",
        }
    }

    /// Whether what goes there is a copy that stays: `store-backup` is asked besides `transfer`.
    pub fn keeps(self) -> bool {
        matches!(self, Self::Backup | Self::Archive)
    }
}

impl fmt::Display for SinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SinkKind {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| InvalidId::new("a kind of sink", "one of the eight, such as `backup`", text))
    }
}
