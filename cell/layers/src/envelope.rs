//! The stored form of a value: `form (1 byte), version (2, big endian), nonce (24), XChaCha20-Poly1305 ciphertext, tag`.
//!
//! Authenticated with it: form, version, the root, and the key relative to the root's range. The shard is not, so that
//! a root can change shard within its home. Never a value without a form byte; never a person's value in clear.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use platform_model::RootRef;
use platform_runtime::random;

use crate::keys::UserKey;

/// How the bytes after the version are to be read.
const FORM_SEALED: u8 = 1;
const FORM_CLEAR: u8 = 2;
const HEAD_BYTES: usize = 3;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// What sealing adds to a value, in bytes.
pub(crate) const OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;

/// The value does not open here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

/// Seals the values of one root, or leaves them in clear if the root is no person. Cheap to make and to clone.
#[derive(Clone)]
pub(crate) enum Envelope {
    Sealed(UserKey),
    Clear,
}

impl Envelope {
    pub(crate) fn sealed(key: &UserKey) -> Self {
        Self::Sealed(key.clone())
    }

    pub(crate) fn close(&self, place: &Place, version: u16, value: &[u8]) -> Vec<u8> {
        let mut stored = Vec::with_capacity(value.len() + OVERHEAD_BYTES);
        match self {
            Self::Clear => {
                stored.extend(head(FORM_CLEAR, version));
                stored.extend_from_slice(value);
            }
            Self::Sealed(key) => {
                let head = head(FORM_SEALED, version);
                let nonce: [u8; NONCE_BYTES] = random::bytes();
                let payload = Payload {
                    msg: value,
                    aad: &place.authenticated(head),
                };
                let sealed = cipher(key)
                    .encrypt(&XNonce::from(nonce), payload)
                    .expect("a value is shorter than the cipher's limit");
                stored.extend(head);
                stored.extend(nonce);
                stored.extend(sealed);
            }
        }
        stored
    }

    /// Version and value.
    pub(crate) fn open(&self, place: &Place, stored: &[u8]) -> Result<(u16, Vec<u8>), DoesNotOpen> {
        let (head, rest) = stored.split_first_chunk::<HEAD_BYTES>().ok_or(DoesNotOpen)?;
        let version = u16::from_be_bytes([head[1], head[2]]);
        match (self, head[0]) {
            (Self::Clear, FORM_CLEAR) => Ok((version, rest.to_vec())),
            (Self::Sealed(key), FORM_SEALED) => {
                let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
                let payload = Payload {
                    msg: sealed,
                    aad: &place.authenticated(*head),
                };
                let value = cipher(key)
                    .decrypt(&XNonce::from(*nonce), payload)
                    .map_err(|_| DoesNotOpen)?;
                Ok((version, value))
            }
            _ => Err(DoesNotOpen),
        }
    }
}

/// A copy of the key and nothing more.
fn cipher(key: &UserKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.seal_key().into())
}

fn head(form: u8, version: u16) -> [u8; HEAD_BYTES] {
    let [high, low] = version.to_be_bytes();
    [form, high, low]
}

/// Where a value lies.
pub(crate) struct Place<'a> {
    pub root: RootRef,
    /// Relative to the root's range.
    pub key: &'a [u8],
}

impl Place<'_> {
    /// Of fixed length up to the key, so that no two places give the same bytes.
    fn authenticated(&self, head: [u8; HEAD_BYTES]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.key.len() + 32);
        bytes.extend(head);
        bytes.push(self.root.kind as u8);
        bytes.extend(self.root.id.0.as_bytes());
        bytes.extend(self.key);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::UserId;
    use uuid::Uuid;

    fn sealed(key: u8) -> Envelope {
        Envelope::sealed(&UserKey::from_bytes([key; 32]))
    }

    fn place(key: &[u8]) -> Place<'_> {
        Place {
            root: RootRef::user(UserId::from_uuid(Uuid::from_u128(1))),
            key,
        }
    }

    #[test]
    fn a_value_opens_where_it_was_closed_and_nowhere_else() {
        let envelope = sealed(7);
        let stored = envelope.close(&place(b"a"), 3, b"value");
        assert_eq!(stored.len(), b"value".len() + OVERHEAD_BYTES);
        assert_eq!(envelope.open(&place(b"a"), &stored), Ok((3, b"value".to_vec())));
        assert_eq!(envelope.open(&place(b"b"), &stored), Err(DoesNotOpen));
        let other = Place {
            root: RootRef::user(UserId::from_uuid(Uuid::from_u128(2))),
            key: b"a",
        };
        assert_eq!(envelope.open(&other, &stored), Err(DoesNotOpen));
        assert_eq!(sealed(8).open(&place(b"a"), &stored), Err(DoesNotOpen));
    }

    #[test]
    fn no_byte_can_be_changed_and_no_value_cut() {
        let envelope = sealed(7);
        let stored = envelope.close(&place(b"a"), 1, b"value");
        for at in 0..stored.len() {
            let mut bad = stored.clone();
            bad[at] ^= 1;
            assert_eq!(envelope.open(&place(b"a"), &bad), Err(DoesNotOpen), "byte {at}");
            assert_eq!(
                envelope.open(&place(b"a"), &stored[..at]),
                Err(DoesNotOpen),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn a_value_in_clear_is_not_taken_for_a_sealed_one() {
        let clear = Envelope::Clear.close(&place(b"a"), 1, b"value");
        assert_eq!(sealed(7).open(&place(b"a"), &clear), Err(DoesNotOpen));
    }
}
