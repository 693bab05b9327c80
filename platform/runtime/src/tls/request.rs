//! A request for a certificate (PKCS #10): made by the process whose key it is, read by a controller that issues.
//!
//! The key never leaves the process. Of a request only the key and the one SPIFFE id count; its signature proves that
//! whoever sent it has the key.

use platform_model::KeyDigest;
use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PublicKey, SanType};
use rustls::pki_types::CertificateSigningRequestDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509CertificationRequest};

use super::error::TlsError;
use super::spiffe::SpiffeId;

/// Longest request that is read, in bytes; ours have about 300.
pub const REQUEST_BYTES_MAX: usize = 4_096;

/// A key of ours and the request for a certificate over it.
pub struct KeyRequest {
    /// PKCS #8, PEM.
    pub key_pem: String,
    /// PKCS #10, DER.
    pub request: Vec<u8>,
}

/// What a request asks for.
pub struct Requested {
    /// As written: whether its sender may have it is for others to say.
    pub id: String,
    pub key: KeyDigest,
    pub(super) public: PublicKey,
}

/// A request that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    #[error("a request for a certificate has at most {REQUEST_BYTES_MAX} bytes, this has {bytes}")]
    TooLong { bytes: usize },
    #[error("the request for a certificate cannot be read, or is not signed with its own key: {detail}")]
    Unreadable { detail: String },
    #[error("a request for a certificate names one SPIFFE id, this names {found}")]
    NotOneName { found: usize },
}

impl KeyRequest {
    /// With a new key.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(id: &SpiffeId) -> Result<Self, TlsError> {
        Self::with(KeyPair::generate().map_err(issue)?, id)
    }

    /// With a key that was made before.
    ///
    /// # Errors
    /// When the text holds no key.
    pub fn with_key(key_pem: &str, id: &SpiffeId) -> Result<Self, TlsError> {
        Self::with(KeyPair::from_pem(key_pem).map_err(issue)?, id)
    }

    fn with(key: KeyPair, id: &SpiffeId) -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let uri = id.to_string();
        params
            .subject_alt_names
            .push(SanType::URI(uri.as_str().try_into().map_err(issue)?));
        let request = params.serialize_request(&key).map_err(issue)?;
        Ok(Self {
            key_pem: key.serialize_pem(),
            request: request.der().to_vec(),
        })
    }
}

impl Requested {
    /// Reads a request and checks that it is signed with its own key.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn read(request: &[u8]) -> Result<Self, InvalidRequest> {
        if request.len() > REQUEST_BYTES_MAX {
            return Err(InvalidRequest::TooLong { bytes: request.len() });
        }
        let unreadable = |detail: String| InvalidRequest::Unreadable { detail };
        let der = CertificateSigningRequestDer::from(request);
        let read = CertificateSigningRequestParams::from_der(&der).map_err(|e| unreadable(e.to_string()))?;
        let (_, parsed) =
            X509CertificationRequest::from_der(request).map_err(|e| unreadable(e.to_string()))?;
        let key = parsed.certification_request_info.subject_pki.raw;
        let names = &read.params.subject_alt_names;
        match names.as_slice() {
            [SanType::URI(uri)] => Ok(Self {
                id: uri.to_string(),
                key: KeyDigest(Sha256::digest(key).into()),
                public: read.public_key,
            }),
            _ => Err(InvalidRequest::NotOneName { found: names.len() }),
        }
    }
}

fn issue(error: rcgen::Error) -> TlsError {
    TlsError::Issue(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> SpiffeId {
        "spiffe://0a1b/region/eu-central/router/r1"
            .parse()
            .expect("an id")
    }

    #[test]
    fn a_request_says_whose_it_is_and_the_same_key_is_the_same_digest() {
        let made = KeyRequest::new(&id()).expect("made");
        let again = KeyRequest::with_key(&made.key_pem, &id()).expect("made again");
        let other = KeyRequest::new(&id()).expect("made");
        let read = |made: &KeyRequest| Requested::read(&made.request).expect("reads");
        assert_eq!(read(&made).id, id().to_string());
        assert_eq!(read(&made).key, read(&again).key);
        assert_ne!(read(&made).key, read(&other).key);
    }

    #[test]
    fn a_changed_or_endless_request_is_refused() {
        let mut made = KeyRequest::new(&id()).expect("made").request;
        let last = made.len() - 1;
        made[last] ^= 1;
        assert!(matches!(
            Requested::read(&made),
            Err(InvalidRequest::Unreadable { .. })
        ));
        assert!(matches!(
            Requested::read(&vec![0; REQUEST_BYTES_MAX + 1]),
            Err(InvalidRequest::TooLong { .. })
        ));
    }
}
