//! The key of one root.

use std::fmt;
use std::sync::Arc;

use platform_runtime::random;
use zeroize::Zeroizing;

use crate::digest;

/// 32 random bytes from which the keys of a root's values and digests are made. Cheap to clone; overwritten when the
/// last clone goes; never printed.
#[derive(Clone)]
pub struct UserKey(Arc<Zeroizing<[u8; 32]>>);

impl UserKey {
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA-256 of `value` under a key made from this one for `label` alone.
    pub fn digest(&self, label: &str, value: &[u8]) -> [u8; 32] {
        digest::keyed(self.bytes(), label.as_bytes(), value)
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
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", UserKey::generate()), "UserKey(..)");
    }
}
