//! The key under which a world's state is kept: 32 random bytes in a file that only its owner reads, made once and kept apart
//! from the backups and from the controllers.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use platform_runtime::random;
use platform_wire::recovery::digest;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// Of the digest of a key that stands in the open.
const ID_BYTES: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key {}", .0.display())]
    NoSuchKey(PathBuf),
    #[error("others may read {} (mode {mode:o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} has {found} bytes; a key has {KEY_BYTES}", path.display())]
    Length { path: PathBuf, found: usize },
    #[error("{} is there already: a key is made once", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be read or written", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Never printed.
pub struct KeptKey([u8; KEY_BYTES]);

impl fmt::Debug for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptKey(..)")
    }
}

impl KeptKey {
    /// # Errors
    /// [`KeyError`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let disk = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => KeyError::NoSuchKey(path.to_owned()),
            _ => KeyError::Disk {
                path: path.to_owned(),
                source,
            },
        };
        let mode = fs::metadata(path).map_err(disk)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyError::Exposed { path, mode });
        }
        let bytes = fs::read(path).map_err(disk)?;
        let key = bytes.as_slice().try_into();
        key.map(Self).map_err(|_| KeyError::Length {
            path: path.to_owned(),
            found: bytes.len(),
        })
    }

    /// Makes a key and writes it. Never overwrites a file.
    ///
    /// # Errors
    /// [`KeyError::Exists`]; the disk's.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let key = random::bytes::<KEY_BYTES>();
        let written = write_new(path, &key);
        written.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
            _ => KeyError::Disk {
                path: path.to_owned(),
                source,
            },
        })?;
        Ok(Self(key))
    }

    /// Tells keys apart, and says nothing of one.
    pub(super) fn id(&self) -> String {
        let digest = digest(&[b"meridian kept key".as_slice(), &self.0].concat());
        digest[..ID_BYTES].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Opens only at that place.
    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes();
        let payload = Payload {
            msg: plain,
            aad: place,
        };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("a part is shorter than the cipher's limit");
        [&nonce[..], &sealed].concat()
    }

    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: place,
        };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

/// Durable on return. Of two at once one is refused.
fn write_new(path: &Path, key: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
