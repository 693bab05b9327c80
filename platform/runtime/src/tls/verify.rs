//! The checks of a peer's certificate, at both ends: chain to the world's root and times (webpki), then exactly one
//! SPIFFE id, of this world, of a kind we know, under an issuer that may vouch for it, not revoked, and at a client the
//! peer that it meant.
//!
//! DNS names are never looked at. Nothing here reads files or keeps sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use platform_model::{KeyDigest, NodeId, RegionId, WorldId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CommonState, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::{Refused, TlsError};
use super::issuer::vouched_for;
use super::revoked::Revocations;
use super::spiffe::{SpiffeId, SpiffeKind};
use crate::clock::Clock;

/// Whom a client means to reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expect {
    /// This node and no other, in this region: a name alone says nothing about where the process stands.
    Node {
        node: NodeId,
        region: RegionId,
    },
    AnyNode,
    Controller,
    Router,
}

impl Expect {
    /// # Errors
    /// [`Refused::WrongPeer`] when `id` is someone else.
    pub fn check(&self, id: &SpiffeId) -> Result<(), Refused> {
        let meant = match (self, &id.kind) {
            (Self::Node { node, region }, SpiffeKind::Node(found)) => node == found && *region == id.region,
            (Self::AnyNode, SpiffeKind::Node(_))
            | (Self::Controller, SpiffeKind::Controller(_))
            | (Self::Router, SpiffeKind::Router(_)) => true,
            _ => false,
        };
        let wrong = || Refused::WrongPeer {
            expected: self.to_string(),
            found: id.to_string(),
        };
        if meant { Ok(()) } else { Err(wrong()) }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node, region } => write!(f, "node {node} in {region}"),
            Self::AnyNode => f.write_str("a node"),
            Self::Controller => f.write_str("a controller"),
            Self::Router => f.write_str("a router"),
        }
    }
}

/// The one SPIFFE id of a certificate (DER), of world `world`. Proves nothing about who signed it.
pub(super) fn spiffe_id(certificate: &[u8], world: &WorldId) -> Result<SpiffeId, Refused> {
    X509Certificate::from_der(certificate).map_err(|e| Refused::Handshake {
        detail: e.to_string(),
    })?;
    let uris = uri_names(certificate);
    // The SPIFFE standard: exactly one URI name.
    let [uri] = uris.as_slice() else {
        return Err(Refused::NoSpiffeId);
    };
    if !uri.starts_with("spiffe://") {
        return Err(Refused::NoSpiffeId);
    }
    let id: SpiffeId = uri.parse().map_err(|_| Refused::UnknownKind {
        id: uri.chars().take(160).collect(),
    })?;
    if id.trust_domain == world.trust_domain() {
        Ok(id)
    } else {
        let expected = world.trust_domain().to_owned();
        Err(Refused::WrongTrustDomain {
            expected,
            found: id.trust_domain,
        })
    }
}

/// The public key in a certificate (DER), as its algorithm writes it.
pub(super) fn public_key(certificate: &[u8]) -> Result<Vec<u8>, Refused> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|e| Refused::Handshake {
        detail: e.to_string(),
    })?;
    Ok(parsed.public_key().subject_public_key.data.to_vec())
}

/// The names of a certificate (DER) that are URIs; none if it cannot be read.
pub(super) fn uri_names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|extension| &extension.value.general_names);
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.filter_map(uri).collect()
}

/// The common name of a certificate (DER).
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

/// The digest of the key that a certificate (DER) certifies.
pub(super) fn certified_key(certificate: &[u8]) -> Option<KeyDigest> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(KeyDigest(Sha256::digest(parsed.public_key().raw).into()))
}

/// Seconds since 1970 from and to which a certificate (DER) is good.
pub(crate) fn good_s(certificate: &[u8]) -> Option<(u64, u64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    let from = u64::try_from(validity.not_before.timestamp()).ok()?;
    Some((from, u64::try_from(validity.not_after.timestamp()).ok()?))
}

/// Seconds since 1970 at which a certificate (DER) ends.
pub(crate) fn ends_s(certificate: &[u8]) -> Option<u64> {
    good_s(certificate).map(|(_, to)| to)
}

/// How long the certificate that the other end of a connection showed is still good; `None` if it showed none.
pub fn peer_certificate_left(tls: &CommonState, clock: &Clock) -> Option<Duration> {
    let certificate = tls.peer_certificates()?.first()?;
    Some(Duration::from_secs(
        ends_s(certificate)?.saturating_sub(clock.unix_s()),
    ))
}

/// Checks clients of a listener: any member of the world may connect, what it may do is asked later, by role.
#[derive(Debug)]
pub(super) struct PeersOfWorld {
    world: WorldId,
    revocations: Revocations,
    chain: Arc<dyn ClientCertVerifier>,
}

impl PeersOfWorld {
    pub(super) fn new(
        world: WorldId,
        roots: RootCertStore,
        revocations: Revocations,
    ) -> Result<Arc<Self>, TlsError> {
        let chain = WebPkiClientVerifier::builder_with_provider(roots.into(), super::provider())
            .build()
            .map_err(|e| TlsError::Issue(e.to_string()))?;
        Ok(Arc::new(Self {
            world,
            revocations,
            chain,
        }))
    }
}

impl ClientCertVerifier for PeersOfWorld {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let id = spiffe_id(end_entity, &self.world)?;
        vouched_for(intermediates, &id, &self.world)?;
        self.revocations.check_chain(end_entity, intermediates, now)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Checks the server that a client reached.
#[derive(Debug)]
pub(super) struct ExpectedPeer {
    pub(super) world: WorldId,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) revocations: Revocations,
    pub(super) expect: Expect,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ExpectedPeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)?;
        let id = spiffe_id(end_entity, &self.world)?;
        vouched_for(intermediates, &id, &self.world)?;
        self.revocations.check_chain(end_entity, intermediates, now)?;
        self.expect.check(&id)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
