//! What can be wrong with an identity of ours, and why a peer's is refused.

use std::io;
use std::path::PathBuf;

use platform_model::WorldId;
use rustls::CertificateError;

use super::spiffe::SpiffeId;

/// A fault of our own identity or authority files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read or written")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is not good PEM: {detail}")]
    Pem { path: PathBuf, detail: String },
    #[error("{path} is the root of world {found}, not of {expected}")]
    WrongWorld {
        path: PathBuf,
        expected: WorldId,
        found: WorldId,
    },
    #[error("{path} does not go with its key")]
    KeyMismatch { path: PathBuf },
    #[error("our own certificate {path} is not good")]
    OwnCertificate {
        path: PathBuf,
        #[source]
        source: Refused,
    },
    #[error("{path} names {found}, but this process is {held}; an identity changes only with a restart")]
    IdentityChanged {
        path: PathBuf,
        held: Box<SpiffeId>,
        found: Box<SpiffeId>,
    },
    #[error("{path} exists: an authority is made once")]
    AuthorityExists { path: PathBuf },
    #[error("{path} is no certificate of a controller's authority")]
    NotAnIssuer {
        path: PathBuf,
        #[source]
        source: Refused,
    },
    #[error("the authority of controller {issuer} may not vouch for {id}")]
    BeyondIssuer { issuer: String, id: Box<SpiffeId> },
    #[error("a certificate cannot be made: {0}")]
    Issue(String),
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Why the certificate of a peer, or ours by a peer, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    #[error("the peer showed no certificate")]
    NoCertificate,
    #[error("the certificate is not signed by the world's root")]
    UnknownIssuer,
    #[error("the certificate has expired")]
    Expired,
    #[error("the certificate is not valid yet")]
    NotYetValid,
    #[error("the certificate is not for this end of a connection")]
    WrongPurpose,
    #[error("the certificate carries no SPIFFE id, or more than one")]
    NoSpiffeId,
    #[error("the certificate's id `{id}` is none of the platform's")]
    UnknownKind { id: String },
    #[error("the certificate's id is of trust domain `{found}`, not of `{expected}`")]
    WrongTrustDomain { expected: String, found: String },
    #[error("the peer is {found}, not {expected}")]
    WrongPeer { expected: String, found: String },
    #[error("the certificate is signed by an authority that is none of this world's: `{found}`")]
    ForeignIssuer { found: String },
    #[error("the authority of controller {issuer} may not vouch for {id}")]
    BeyondIssuer { issuer: String, id: String },
    #[error("the chain has {certificates} certificates; a leaf and a controller's authority are two")]
    LongChain { certificates: usize },
    #[error("{id} is revoked")]
    Revoked { id: String },
    /// The other end refused our certificate; it knows why.
    #[error("the peer refused our certificate ({alert})")]
    ByPeer { alert: String },
    #[error("the TLS handshake failed: {detail}")]
    Handshake { detail: String },
}

impl Refused {
    /// A short stable word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownIssuer => "unknown-issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongPurpose => "wrong-purpose",
            Self::NoSpiffeId => "no-spiffe-id",
            Self::UnknownKind { .. } => "unknown-kind",
            Self::WrongTrustDomain { .. } => "wrong-trust-domain",
            Self::WrongPeer { .. } => "wrong-peer",
            Self::ForeignIssuer { .. } => "foreign-issuer",
            Self::BeyondIssuer { .. } => "beyond-issuer",
            Self::LongChain { .. } => "long-chain",
            Self::Revoked { .. } => "revoked",
            Self::ByPeer { .. } => "by-peer",
            Self::Handshake { .. } => "handshake",
        }
    }

    /// Whether a certificate is the reason, rather than a handshake that broke.
    pub fn is_about_a_certificate(&self) -> bool {
        !matches!(self, Self::Handshake { .. })
    }

    /// The reason inside an error of a connection, if TLS failed it.
    pub fn in_io(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?;
        if let Some(refused) = inner.downcast_ref::<Self>() {
            return Some(refused.clone());
        }
        inner.downcast_ref::<rustls::Error>().map(Self::from)
    }
}

impl From<&rustls::Error> for Refused {
    fn from(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate),
            rustls::Error::AlertReceived(alert) if about_certificate(*alert) => Self::ByPeer {
                alert: format!("{alert:?}"),
            },
            other => Self::Handshake {
                detail: other.to_string(),
            },
        }
    }
}

impl From<Refused> for rustls::Error {
    fn from(refused: Refused) -> Self {
        // What the other end is told is an alert of TLS; most reasons have none of their own.
        let other = rustls::OtherError(std::sync::Arc::new(refused));
        Self::InvalidCertificate(CertificateError::Other(other))
    }
}

fn of_certificate(error: &CertificateError) -> Refused {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refused::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Refused::NotYetValid,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Refused::UnknownIssuer,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Refused::WrongPurpose
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<Refused>() {
            Some(refused) => refused.clone(),
            None => Refused::Handshake {
                detail: other.to_string(),
            },
        },
        other => Refused::Handshake {
            detail: other.to_string(),
        },
    }
}

fn about_certificate(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription as A;
    matches!(
        alert,
        A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::CertificateRequired
            | A::UnknownCA
            | A::AccessDenied
    )
}
