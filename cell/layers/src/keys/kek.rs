//! The jurisdiction's key, which wraps users' keys. It lies in a file beside the node, never in a shard.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use platform_runtime::random;
use zeroize::Zeroizing;

use crate::digest;

const VERSION: u8 = 1;
/// Which key wrapped it, so that a wrong file is told from a damaged row.
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

#[derive(Debug, thiserror::Error)]
pub enum KekError {
    #[error("cannot read the jurisdiction's key from {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the jurisdiction's key to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} has {found} bytes; the jurisdiction's key has 32", path.display())]
    Length { path: PathBuf, found: u64 },
    #[error("others may read {} (mode {mode:o}): run `chmod 600` on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the key was wrapped under another jurisdiction's key")]
    OtherKek,
    #[error("the wrapped key does not open: it is damaged, or it is another's")]
    DoesNotOpen,
}

/// A key-encryption key. Cheap to clone, never printed, overwritten when the last clone goes.
#[derive(Clone)]
pub struct Kek(Arc<Zeroizing<[u8; 32]>>);

impl Kek {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// Reads a file of exactly 32 bytes that only its owner may read.
    ///
    /// # Errors
    /// [`KekError::Read`], [`KekError::Length`], [`KekError::Exposed`].
    pub fn load(path: &Path) -> Result<Self, KekError> {
        let read = |source| KekError::Read {
            path: path.to_owned(),
            source,
        };
        let about = std::fs::metadata(path).map_err(read)?;
        refuse_exposed(path, &about)?;
        if about.len() != 32 {
            return Err(KekError::Length {
                path: path.to_owned(),
                found: about.len(),
            });
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(read)?);
        let exact = <[u8; 32]>::try_from(bytes.as_slice());
        exact.map(Self::from_bytes).map_err(|_| KekError::Length {
            path: path.to_owned(),
            found: bytes.len() as u64,
        })
    }

    /// Makes a new key and writes it, readable by its owner only. Never overwrites a file.
    ///
    /// # Errors
    /// [`KekError::Write`].
    pub fn create(path: &Path) -> Result<Self, KekError> {
        let bytes = Zeroizing::new(random::bytes::<32>());
        write_private(path, bytes.as_slice()).map_err(|source| KekError::Write {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(Arc::new(bytes)))
    }

    /// Wraps `secret`; `name` says whose it is, and only with the same name it opens.
    pub fn wrap(&self, name: &[u8], secret: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes();
        let payload = Payload {
            msg: secret,
            aad: name,
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a key is shorter than the cipher's limit");
        [&[VERSION], &self.id()[..], &nonce[..], &sealed[..]].concat()
    }

    /// # Errors
    /// [`KekError::OtherKek`], [`KekError::DoesNotOpen`].
    pub fn unwrap(&self, name: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KekError> {
        let (&version, rest) = wrapped.split_first().ok_or(KekError::DoesNotOpen)?;
        let (id, rest) = rest
            .split_first_chunk::<ID_BYTES>()
            .ok_or(KekError::DoesNotOpen)?;
        if version != VERSION {
            return Err(KekError::DoesNotOpen);
        }
        if *id != self.id() {
            return Err(KekError::OtherKek);
        }
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(KekError::DoesNotOpen)?;
        let opened = self.cipher().decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: name,
            },
        );
        opened.map(Zeroizing::new).map_err(|_| KekError::DoesNotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*digest::derive(&self.0, b"wrap", b"")).into())
    }

    fn id(&self) -> [u8; ID_BYTES] {
        let id = digest::derive(&self.0, b"kek id", b"");
        *id.first_chunk().expect("32 bytes have a first 8")
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kek(..)")
    }
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, about: &std::fs::Metadata) -> Result<(), KekError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KekError::Exposed {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _about: &std::fs::Metadata) -> Result<(), KekError> {
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_for_its_owner_under_its_kek_only() {
        let kek = Kek::from_bytes([1; 32]);
        let wrapped = kek.wrap(b"anna", &[9; 32]);
        assert_eq!(kek.unwrap(b"anna", &wrapped).expect("opens").as_slice(), [9; 32]);
        assert!(matches!(
            kek.unwrap(b"bert", &wrapped),
            Err(KekError::DoesNotOpen)
        ));
        assert!(matches!(
            Kek::from_bytes([2; 32]).unwrap(b"anna", &wrapped),
            Err(KekError::OtherKek)
        ));
        assert!(matches!(
            kek.unwrap(b"anna", &wrapped[..40]),
            Err(KekError::DoesNotOpen)
        ));
        assert!(!wrapped.windows(32).any(|part| part == [9; 32]));
    }

    #[test]
    fn a_kek_file_is_private_exact_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("eu.kek");
        let made = Kek::create(&path).expect("made");
        let wrapped = made.wrap(b"a", b"secret");
        assert_eq!(
            Kek::load(&path)
                .expect("read")
                .unwrap(b"a", &wrapped)
                .expect("opens")
                .as_slice(),
            b"secret"
        );
        assert!(matches!(Kek::create(&path), Err(KekError::Write { .. })));
        let short = dir.path().join("short.kek");
        write_private(&short, b"short").expect("written");
        assert!(matches!(
            Kek::load(&short),
            Err(KekError::Length { found: 5, .. })
        ));
        assert!(matches!(
            Kek::load(&dir.path().join("none")),
            Err(KekError::Read { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_kek_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("eu.kek");
        Kek::create(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(matches!(
            Kek::load(&path),
            Err(KekError::Exposed { mode: 0o644, .. })
        ));
    }
}
