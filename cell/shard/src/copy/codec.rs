//! Frames as bytes: `magic, version, checksum, record`. What is not exactly what was sent is refused with its reason and
//! never applied; what a later program says is refused too, and named.
//!
//! Beside the frame itself travels what hosts need of each other and the machine does not look at: the stored bytes of
//! entries, where a page begins, the time of the log.

mod decode;
mod encode;
mod records;

use bytes::Bytes;
use cell_replica::Frame;

pub(crate) use decode::{decode, machine_entry};
pub(crate) use encode::{Extra, encode, encode_entries};

use super::content::ShardContent;
use crate::entry::LogEntry;

const MAGIC: [u8; 2] = *b"Ms";
const VERSION: u8 = 1;
/// Magic, version, checksum.
const HEAD_BYTES: usize = 11;
/// Longest frame that is read: the largest entry in one batch, and something beside it.
pub const FRAME_BYTES_MAX: usize = 6 * 1024 * 1024;

/// A frame that came in, and what lay beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub frame: Frame<ShardContent>,
    pub beside: Beside,
}

/// What the machine does not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// Of an `Append`: the entries as they are stored and as they are read, in order.
    Entries(Vec<(Bytes, LogEntry)>),
    /// Of a `CopyBase`: the time of the entry at the base.
    BaseTime(u64),
    /// Of a `FetchPage`: where the chunk begins, and whether its bytes are counted from there.
    PageStart(Bytes),
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("it is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("it is no frame of this protocol")]
    Foreign,
    #[error("it is of version {found}, this program knows {known}")]
    Version { found: u8, known: u8 },
    #[error("its checksum does not fit")]
    Checksum,
    #[error("its {0} is damaged")]
    Damaged(&'static str),
    #[error("an entry in it does not continue the chain")]
    Chain,
    #[error("too many nodes are named")]
    Nodes,
}

impl FrameError {
    /// As metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::Foreign => "foreign",
            Self::Version { .. } => "version",
            Self::Checksum => "checksum",
            Self::Damaged(_) => "damaged",
            Self::Chain => "chain",
            Self::Nodes => "nodes",
        }
    }
}

/// Whether bytes are a frame of this protocol, and of what kind: for whoever only looks.
///
/// # Errors
/// [`FrameError`]: why not.
pub fn read_frame(bytes: Bytes) -> Result<&'static str, FrameError> {
    let mut nodes = super::nodes::Nodes::default();
    decode(bytes, &mut nodes).map(|incoming| incoming.frame.message.name())
}

/// A record with the head and the checksum of a frame, whatever it says: so that tests reach what is behind the checksum.
#[doc(hidden)]
pub fn frame_of_record(record: &[u8]) -> Bytes {
    encode::headed(record)
}

#[cfg(test)]
mod tests;
