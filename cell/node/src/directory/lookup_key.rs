//! The world's look-up key: digests of claims are made under it, so that equal values meet and none can be read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cell_sdk::ClaimDigest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum LookupKeyError {
    #[error("the look-up key {} cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} has {found} bytes; the look-up key has 32", path.display())]
    Length { path: PathBuf, found: usize },
    #[error("others may read {} (mode {mode:o}): run `chmod 600` on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
}

/// Cheap to clone, never printed, overwritten when the last clone goes.
#[derive(Clone)]
pub struct LookupKey(Arc<Zeroizing<[u8; BYTES]>>);

impl LookupKey {
    /// Reads a file of exactly 32 bytes that only its owner may read.
    ///
    /// # Errors
    /// [`LookupKeyError`].
    pub fn load(path: &Path) -> Result<Self, LookupKeyError> {
        let read = |source| LookupKeyError::Read {
            path: path.to_owned(),
            source,
        };
        let mode = std::fs::metadata(path).map_err(read)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(LookupKeyError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(read)?);
        let found = bytes.len();
        let exact = <[u8; BYTES]>::try_from(bytes.as_slice());
        exact.map(Self::from_bytes).map_err(|_| LookupKeyError::Length {
            path: path.to_owned(),
            found,
        })
    }

    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// HMAC-SHA-256 (RFC 2104) of kind and value.
    pub fn digest(&self, kind: &str, value: &str) -> ClaimDigest {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        ClaimDigest(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_of_one_kind_meet_and_nothing_else() {
        let key = LookupKey::from_bytes([1; BYTES]);
        assert_eq!(key.digest("email", "a@b"), key.digest("email", "a@b"));
        assert_ne!(key.digest("email", "a@b"), key.digest("handle", "a@b"));
        assert_ne!(key.digest("email", "a@b"), key.digest("email", "a@c"));
        assert_ne!(
            key.digest("email", "a@b"),
            LookupKey::from_bytes([2; BYTES]).digest("email", "a@b")
        );
    }

    #[test]
    fn a_key_file_is_private_and_exact() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lookup.key");
        assert!(matches!(LookupKey::load(&path), Err(LookupKeyError::Read { .. })));
        std::fs::write(&path, [7; BYTES]).expect("written");
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
        mode(0o644);
        assert!(matches!(
            LookupKey::load(&path),
            Err(LookupKeyError::Exposed { mode: 0o644, .. })
        ));
        mode(0o600);
        assert!(LookupKey::load(&path).is_ok());
        std::fs::write(&path, [7; 5]).expect("written");
        assert!(matches!(
            LookupKey::load(&path),
            Err(LookupKeyError::Length { found: 5, .. })
        ));
    }
}
