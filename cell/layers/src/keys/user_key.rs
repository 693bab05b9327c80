//! The key of one root.

use std::fmt;
use std::sync::{Arc, OnceLock};

use platform_runtime::random;
use zeroize::Zeroizing;

use crate::digest;

/// 32 random bytes from which the keys of a root's values and digests are made. Cheap to clone; overwritten when the
/// last clone goes; never printed.
///
/// Of a person who came from another home they are two times 32: what seals was made anew here, and what makes digests came
/// along, so that rows keep their keys and tokens their worth. From the second nobody can read anything that was sealed.
#[derive(Clone)]
pub struct UserKey(Arc<Secret>);

struct Secret {
    seals: Zeroizing<[u8; 32]>,
    /// What values are sealed with, made from `seals` when it is first asked for.
    sealing: OnceLock<Zeroizing<[u8; 32]>>,
    digests: Zeroizing<[u8; 32]>,
}

/// What makes the digests of a person's values, on its way to another home. Never printed.
#[derive(Clone)]
pub struct DigestKey(Zeroizing<[u8; 32]>);

impl DigestKey {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

impl UserKey {
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    /// The key of a person who comes from another home.
    pub fn generate_for(digests: &DigestKey) -> Self {
        Self::from_parts(random::bytes(), *digests.bytes())
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::from_parts(bytes, bytes)
    }

    pub(crate) fn from_parts(seals: [u8; 32], digests: [u8; 32]) -> Self {
        Self(Arc::new(Secret {
            seals: Zeroizing::new(seals),
            sealing: OnceLock::new(),
            digests: Zeroizing::new(digests),
        }))
    }

    /// What seals.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0.seals
    }

    /// What values are sealed with.
    pub(crate) fn seal_key(&self) -> &[u8; 32] {
        let made = || digest::derive(self.bytes(), b"seal", b"");
        self.0.sealing.get_or_init(made)
    }

    /// What makes digests.
    pub fn digests(&self) -> DigestKey {
        DigestKey(self.0.digests.clone())
    }

    pub(crate) fn digest_bytes(&self) -> &[u8; 32] {
        &self.0.digests
    }

    /// HMAC-SHA-256 of `value` under a key made from this one for `label` alone.
    pub fn digest(&self, label: &str, value: &[u8]) -> [u8; 32] {
        digest::keyed(self.digest_bytes(), label.as_bytes(), value)
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_key_label_and_value() {
        let key = UserKey::from_bytes([1; 32]);
        assert_eq!(key.digest("a", b"x"), key.digest("a", b"x"));
        assert_ne!(key.digest("a", b"x"), key.digest("b", b"x"));
        assert_ne!(key.digest("a", b"x"), key.digest("a", b"y"));
        assert_ne!(key.digest("a", b"x"), UserKey::generate().digest("a", b"x"));
    }

    #[test]
    fn what_comes_along_makes_the_same_digests_and_seals_nothing() {
        let old = UserKey::generate();
        let new = UserKey::generate_for(&old.digests());
        assert_eq!(old.digest("a", b"x"), new.digest("a", b"x"));
        assert_ne!(old.bytes(), new.bytes());
        assert_ne!(new.bytes(), new.digest_bytes());
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", UserKey::generate()), "UserKey(..)");
    }
}
