//! Keys as ordered tuples, byte for byte as the FoundationDB tuple layer writes them (its specification:
//! `design/tuple.md` of apple/foundationdb), so that other tools can read them. Bytewise order of the packed
//! keys is the order of the tuples: element by element, bytes < strings < integers < uuids < versions.
//!
//! Not here: floats, booleans, null and nested tuples, which no key of ours uses; [`unpack`] refuses them.

mod decode;
mod encode;

pub use decode::{KeyError, unpack};
pub use encode::{Tuple, strinc};

use uuid::Uuid;

/// One element of a tuple.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Unicode text, ordered by its UTF-8 bytes.
    Str(String),
    /// An integer from `-(2^64 - 1)` to `2^64 - 1`.
    Int(i128),
    /// A UUID, ordered by its bytes.
    Uuid(Uuid),
    /// A version: ten bytes of the store's or the log's, then a number within it, big endian.
    Version([u8; 12]),
}

impl Element {
    /// The bytes, if it is bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if it is one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Int(number) = self {
            u64::try_from(*number).ok()
        } else {
            None
        }
    }

    /// The number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self {
            i64::try_from(*number).ok()
        } else {
            None
        }
    }

    /// The UUID, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        if let Self::Uuid(uuid) = self {
            Some(*uuid)
        } else {
            None
        }
    }
}

/// Type codes of the FoundationDB tuple layer.
mod code {
    pub const BYTES: u8 = 0x01;
    pub const STR: u8 = 0x02;
    /// Zero; `ZERO + n` is a positive integer of n bytes, `ZERO - n` a negative one.
    pub const INT_ZERO: u8 = 0x14;
    pub const UUID: u8 = 0x30;
    pub const VERSION: u8 = 0x33;
    /// Ends bytes and text; a zero byte within them is written as `ZERO_BYTE ESCAPE`.
    pub const ZERO_BYTE: u8 = 0x00;
    pub const ESCAPE: u8 = 0xff;
    pub const INT_BYTES_MAX: u8 = 8;
}

#[cfg(test)]
mod tests;
