//! `applied`: the last entry whose writes are in the store, written in the batch of that entry.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use platform_model::{Epoch, Incarnation, Position, Term};

const VERSION: u8 = 1;
const BYTES: usize = 41;

/// The end of the log, as one snapshot sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub position: Position,
    pub term: Term,
    pub time_ms: u64,
    pub chain: u64,
}

impl Applied {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(BYTES);
        bytes.put_u8(VERSION);
        bytes.put_u64(self.position.0);
        bytes.put_u64(self.term.epoch.0);
        bytes.put_u64(self.term.incarnation.0);
        bytes.put_u64(self.time_ms);
        bytes.put_u64(self.chain);
        bytes.freeze()
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BYTES || bytes.get_u8() != VERSION {
            return None;
        }
        Some(Self {
            position: Position(bytes.get_u64()),
            term: Term {
                epoch: Epoch(bytes.get_u64()),
                incarnation: Incarnation(bytes.get_u64()),
            },
            time_ms: bytes.get_u64(),
            chain: bytes.get_u64(),
        })
    }
}
