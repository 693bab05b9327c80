//! Certificate and key on disk, and the slot from which each handshake takes the newest of them.
//!
//! Knows nothing of worlds and ids: [`super::identity`] checks those before it swaps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureScheme};
use sha2::{Digest, Sha256};

use super::error::TlsError;

/// The world's root, or the roots that a public certificate does not need.
pub const CA_FILE: &str = "ca.pem";
/// The certificate, then what stands between it and the root.
pub const CERT_FILE: &str = "cert.pem";
/// The private key, PKCS #8.
pub const KEY_FILE: &str = "key.pem";

/// A new key whose certificate is just being written: after a crash the certificate may go with this one already.
pub(super) const NEXT_KEY_FILE: &str = "key-next.pem";

/// Largest file read here, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A certificate chain with its key, as one moment's files hold them.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// SHA-256 over both files: tells whether they have changed.
    pub(super) digest: [u8; 32],
}

impl Pair {
    /// Also while they are replaced: the next key takes its place behind its certificate, so that what fits neither before
    /// nor during that fits afterwards.
    pub(super) fn read(dir: &Path) -> Result<Self, TlsError> {
        match Self::read_with(dir, KEY_FILE) {
            Err(TlsError::KeyMismatch { .. }) => {
                let next = Self::read_with(dir, NEXT_KEY_FILE);
                next.or_else(|_| Self::read_with(dir, KEY_FILE))
            }
            read => read,
        }
    }

    fn read_with(dir: &Path, key_file: &str) -> Result<Self, TlsError> {
        let (cert_path, key_path) = (dir.join(CERT_FILE), dir.join(key_file));
        let (cert_text, key_text) = (read(&cert_path)?, read(&key_path)?);
        let digest = Sha256::new()
            .chain_update(&cert_text)
            .chain_update(&key_text)
            .finalize()
            .into();
        let chain = certificates(&cert_path, &cert_text)?;
        let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|e| TlsError::Pem {
            path: key_path,
            detail: e.to_string(),
        })?;
        let key = CertifiedKey::from_der(chain, key, &super::provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::KeyMismatch { path: cert_path }
            }
            other => TlsError::Setup(other),
        })?;
        Ok(Self {
            key: Arc::new(key),
            digest,
        })
    }

    pub(super) fn end_entity(&self) -> &CertificateDer<'static> {
        self.key.cert.first().expect("read() refuses an empty chain")
    }
}

/// Certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |detail: String| TlsError::Pem {
        path: path.to_owned(),
        detail,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|e| pem(e.to_string()))?;
    if chain.is_empty() {
        Err(pem("it holds no certificate".into()))
    } else {
        Ok(chain)
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(TlsError::Pem {
            path: path.to_owned(),
            detail: format!("past {FILE_BYTES_MAX} bytes"),
        });
    }
    fs::read(path).map_err(failed)
}

/// What handshakes take their certificate from. Running connections keep what they began with.
pub(super) struct Slot {
    pub(super) dir: PathBuf,
    held: ArcSwap<Pair>,
}

impl Slot {
    pub(super) fn new(dir: &Path, pair: Pair) -> Arc<Self> {
        Arc::new(Self {
            dir: dir.to_owned(),
            held: ArcSwap::from_pointee(pair),
        })
    }

    pub(super) fn held(&self) -> Arc<Pair> {
        self.held.load_full()
    }

    /// Reads the files again; `None` when they are as before.
    pub(super) fn changed(&self) -> Result<Option<Pair>, TlsError> {
        let pair = Pair::read(&self.dir)?;
        Ok((pair.digest != self.held.load().digest).then_some(pair))
    }

    pub(super) fn swap(&self, pair: Pair) {
        self.held.store(Arc::new(pair));
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({})", self.dir.display())
    }
}

impl ResolvesServerCert for Slot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held.load().key))
    }
}

impl ResolvesClientCert for Slot {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held.load().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
