//! How a manifest, or a segment of a log, lies in the store: a version and a wrapped key in the open, all else sealed
//! under that key.

use bytes::Bytes;
use cell_layers::keys::{Kek, KekError};
use prost::Message;

use crate::error::BackupError;
use crate::seal::BackupKey;

#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    wrapped_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    sealed: Vec<u8>,
}

/// Why it stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Flipped, cut short, of another place.
    Damaged,
    /// Wrapped by another key.
    Foreign,
    /// Of this version.
    TooNew(u32),
}

impl Closed {
    /// As an error of `what`, of which this build reads versions up to `known`.
    pub(crate) fn of(self, what: String, known: u32, damaged: BackupError) -> BackupError {
        match self {
            Self::Damaged => damaged,
            Self::Foreign => BackupError::ForeignKey(what),
            Self::TooNew(found) => BackupError::TooNew {
                name: what,
                found,
                known,
            },
        }
    }
}

/// Sealed under `key`, which is wrapped for `name` alone; bound to its place, a name and a number.
pub(crate) fn close(
    key: &BackupKey,
    kek: &Kek,
    version: u32,
    (name, number): (&str, u64),
    plain: &[u8],
) -> Vec<u8> {
    let envelope = Envelope {
        version,
        wrapped_key: key.wrap(kek, name),
        sealed: key.seal(name, number, plain),
    };
    envelope.encode_to_vec()
}

/// The key, and what was sealed under it.
///
/// # Errors
/// [`Closed`].
pub(crate) fn open(
    bytes: Bytes,
    kek: &Kek,
    known: u32,
    (name, number): (&str, u64),
) -> Result<(BackupKey, Vec<u8>), Closed> {
    let envelope = Envelope::decode(bytes).map_err(|_| Closed::Damaged)?;
    if envelope.version == 0 {
        return Err(Closed::Damaged);
    }
    if envelope.version > known {
        return Err(Closed::TooNew(envelope.version));
    }
    let key = BackupKey::unwrap(kek, name, &envelope.wrapped_key);
    let key = key.map_err(|error| match error {
        KekError::OtherKek => Closed::Foreign,
        _ => Closed::Damaged,
    })?;
    let plain = key.open(name, number, &envelope.sealed);
    let plain = plain.map_err(|_| Closed::Damaged)?;
    Ok((key, plain))
}
