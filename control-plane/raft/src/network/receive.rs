//! A snapshot that comes in chunks: checked against what its first chunk announced, never more of it held.

use bytes::Bytes;
use platform_wire::raft::SnapshotChunk;
use xxhash_rust::xxh3::xxh3_64;

use crate::snapshot::SNAPSHOT_BYTES_MAX;

/// What has come so far.
#[derive(Debug)]
pub struct Receiving {
    total: usize,
    checksum: u64,
    held: Vec<u8>,
}

/// Why a snapshot is refused; the sender begins anew.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("a snapshot of {bytes} bytes, {SNAPSHOT_BYTES_MAX} are the limit")]
    TooLarge { bytes: u64 },
    #[error("{came} bytes came, {announced} were announced")]
    WrongLength { came: usize, announced: usize },
    #[error("the chunks together do not have the checksum that was announced")]
    Damaged,
}

impl Receiving {
    /// From the first chunk.
    pub fn begin(first: &SnapshotChunk) -> Result<Self, ChunkError> {
        let bytes = first.total_bytes;
        let total = usize::try_from(bytes)
            .ok()
            .filter(|total| *total <= SNAPSHOT_BYTES_MAX);
        let total = total.ok_or(ChunkError::TooLarge { bytes })?;
        let mut receiving = Self {
            total,
            checksum: first.checksum_xxh3,
            held: Vec::new(),
        };
        receiving.take(&first.bytes)?;
        Ok(receiving)
    }

    pub fn take(&mut self, bytes: &[u8]) -> Result<(), ChunkError> {
        let came = self.held.len() + bytes.len();
        if came > self.total {
            return Err(ChunkError::WrongLength {
                came,
                announced: self.total,
            });
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// After the last chunk.
    pub fn finish(self) -> Result<Bytes, ChunkError> {
        if self.held.len() != self.total {
            return Err(ChunkError::WrongLength {
                came: self.held.len(),
                announced: self.total,
            });
        }
        if xxh3_64(&self.held) == self.checksum {
            Ok(self.held.into())
        } else {
            Err(ChunkError::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(state: &[u8], sent: &[u8]) -> SnapshotChunk {
        SnapshotChunk {
            total_bytes: state.len() as u64,
            checksum_xxh3: xxh3_64(state),
            bytes: sent.to_vec(),
            ..SnapshotChunk::default()
        }
    }

    #[test]
    fn chunks_make_the_whole_and_nothing_else_does() {
        let state = b"abcdef";
        let mut receiving = Receiving::begin(&first(state, b"abc")).unwrap();
        receiving.take(b"def").unwrap();
        assert_eq!(receiving.finish(), Ok(Bytes::from_static(state)));

        let mut receiving = Receiving::begin(&first(state, b"abc")).unwrap();
        assert_eq!(
            receiving.take(b"defg"),
            Err(ChunkError::WrongLength {
                came: 7,
                announced: 6
            })
        );
        assert_eq!(
            receiving.finish(),
            Err(ChunkError::WrongLength {
                came: 3,
                announced: 6
            })
        );

        let mut receiving = Receiving::begin(&first(state, b"abc")).unwrap();
        receiving.take(b"xyz").unwrap();
        assert_eq!(receiving.finish(), Err(ChunkError::Damaged));

        let huge = SnapshotChunk {
            total_bytes: u64::MAX,
            ..first(state, b"")
        };
        assert_eq!(
            Receiving::begin(&huge).unwrap_err(),
            ChunkError::TooLarge { bytes: u64::MAX }
        );
    }

    #[test]
    fn an_empty_state_is_whole_at_once() {
        assert_eq!(
            Receiving::begin(&first(b"", b"")).unwrap().finish(),
            Ok(Bytes::new())
        );
    }
}
