//! TLS for a process that has no certificate yet: it knows its world's id alone, the fingerprint of the root, and the
//! controller shows the root with its chain. The client shows nothing; a join token speaks for it.

use std::sync::Arc;

use platform_model::WorldId;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme, version::TLS13,
};

use super::error::Refused;
use super::identity::Identity;
use super::revoked::Revocations;
use super::verify::{Expect, ExpectedPeer};

/// Settings of a listener for those who join: shows the identity in use and the world's root, asks for nothing.
pub fn join_server_config(identity: &Identity) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(WithRoot(identity.clone())));
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// Settings of whoever joins `world`: the server must be a controller of it.
pub fn join_client_config(world: &WorldId) -> Arc<ClientConfig> {
    let verifier = ByFingerprint { world: world.clone() };
    let mut config = ClientConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

struct WithRoot(Identity);

impl std::fmt::Debug for WithRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WithRoot({:?})", self.0)
    }
}

impl ResolvesServerCert for WithRoot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.0.certified();
        let mut shown = (*held).clone();
        shown.cert.push(self.0.root().clone());
        Some(Arc::new(shown))
    }
}

/// Trusts the one certificate of the chain whose fingerprint is the world's id, and nothing else.
#[derive(Debug)]
struct ByFingerprint {
    world: WorldId,
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some((root, between)) = intermediates.split_last() else {
            return Err(Refused::UnknownIssuer.into());
        };
        if super::world_of_root(root) != self.world {
            return Err(Refused::UnknownIssuer.into());
        }
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        let peer = ExpectedPeer {
            world: self.world.clone(),
            roots: Arc::new(roots),
            revocations: Revocations::default(),
            expect: Expect::Controller,
            provider: super::provider(),
        };
        peer.verify_server_cert(end_entity, between, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = super::provider();
        verify_tls12_signature(message, cert, dss, &provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = super::provider();
        verify_tls13_signature(message, cert, dss, &provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        super::provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
