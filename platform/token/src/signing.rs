//! The signing key of a home: made once, kept sealed by whoever owns it, shown to the world as its public half.
//!
//! It never leaves the cells of its home. Reading tokens needs only the public half, see [`crate::Verifier`].

use std::fmt;

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform_model::{TokenKey, WorldId};
use platform_runtime::random;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::claims::{Claims, WireClaims};
use crate::header::TYPE;

/// An Ed25519 key (RFC 8032) that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    encoding: EncodingKey,
    header: Header,
}

/// Bytes that hold no Ed25519 key in PKCS #8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes hold no Ed25519 key in PKCS #8")]
pub struct InvalidKey;

impl SigningKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Self {
        let seed = Zeroizing::new(random::bytes::<32>());
        Self::new(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// # Errors
    /// Refuses anything but an Ed25519 key in PKCS #8 (RFC 8410), DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidKey> {
        ed25519_dalek::SigningKey::from_pkcs8_der(der)
            .map(Self::new)
            .map_err(|_| InvalidKey)
    }

    /// The key for keeping: seal it before it is stored.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let document = self
            .key
            .to_pkcs8_der()
            .expect("an Ed25519 key always fits PKCS #8");
        Zeroizing::new(document.as_bytes().to_vec())
    }

    /// The public half, as it stands in the routing table.
    pub fn public(&self) -> TokenKey {
        let public = self.key.verifying_key().to_bytes();
        TokenKey {
            kid: key_id(&public),
            public,
        }
    }

    /// An access token. The caller sees to it that the home in `claims` is this key's.
    pub fn sign(&self, claims: &Claims, world: &WorldId) -> String {
        jsonwebtoken::encode(&self.header, &WireClaims::new(claims, world), &self.encoding)
            .expect("the key is an Ed25519 key and the claims are plain JSON")
    }

    fn new(key: ed25519_dalek::SigningKey) -> Self {
        let der = key.to_pkcs8_der().expect("an Ed25519 key always fits PKCS #8");
        let encoding = EncodingKey::from_ed_der(der.as_bytes());
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key_id(key.verifying_key().as_bytes()));
        Self {
            key,
            encoding,
            header,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().kid)
    }
}

/// 16 hex digits of the key's SHA-256.
fn key_id(public: &[u8; 32]) -> String {
    Sha256::digest(public)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
