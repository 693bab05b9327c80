//! Statements signed with the key of a certificate of this world: for what must be provable after the connection over
//! which it came is gone.
//!
//! A statement begins with what it is for, so that a signature for one purpose proves nothing for another.

use platform_model::WorldId;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{RootCertStore, SignatureScheme};

use super::error::{Refused, TlsError};
use super::identity::Identity;
use super::issuer::vouched_for;
use super::revoked::Credentials;
use super::spiffe::SpiffeId;
use super::verify::spiffe_id;

/// Algorithms that sign here, best first.
const SCHEMES: [SignatureScheme; 2] = [SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256];

/// A signature, with the chain of who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// X.509, DER: the signer's own, then what stands between it and the root.
    pub chain: Vec<Vec<u8>>,
    /// TLS `SignatureScheme` (RFC 8446, 4.2.3).
    pub scheme: u16,
    pub signature: Vec<u8>,
}

/// A signature that proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadSignature {
    #[error("it comes with no certificate")]
    NoCertificate,
    #[error("its certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    #[error("its certificate names nobody of this world")]
    Nobody(#[from] Refused),
    #[error("its algorithm {0:#06x} is not taken here")]
    Scheme(u16),
    #[error("it is not of this statement, or not by this key")]
    Wrong,
}

impl Identity {
    /// Signs `statement` for `purpose`.
    ///
    /// # Errors
    /// When the key is of a kind that does not sign here.
    pub fn sign(&self, purpose: &str, statement: &[u8]) -> Result<Signed, TlsError> {
        let pair = self.certified();
        let signer = pair
            .key
            .choose_scheme(&SCHEMES)
            .ok_or_else(|| TlsError::Issue("the key is of a kind that signs no statements".to_owned()))?;
        Ok(Signed {
            chain: pair.cert.iter().map(|certificate| certificate.to_vec()).collect(),
            scheme: u16::from(signer.scheme()),
            signature: signer.sign(&bytes(purpose, statement))?,
        })
    }

    /// Who signed `statement` for `purpose`, by the root of this world.
    ///
    /// # Errors
    /// [`BadSignature`], also for a certificate that has ended at `unix_s`, that is revoked, or whose issuer may not
    /// vouch for such a person.
    pub fn signer(
        &self,
        purpose: &str,
        statement: &[u8],
        signed: &Signed,
        unix_s: u64,
    ) -> Result<SpiffeId, BadSignature> {
        let id = signer(self.world(), &self.roots(), purpose, statement, signed, unix_s)?;
        let chain: Vec<CertificateDer<'_>> = signed.chain.iter().map(|der| der.as_slice().into()).collect();
        let at_ms = unix_s.saturating_mul(1_000);
        self.revocations().check(&Credentials::of(Some(&chain)), at_ms)?;
        Ok(id)
    }
}

fn signer(
    world: &WorldId,
    roots: &RootCertStore,
    purpose: &str,
    statement: &[u8],
    signed: &Signed,
    unix_s: u64,
) -> Result<SpiffeId, BadSignature> {
    let chain: Vec<CertificateDer<'_>> = signed.chain.iter().map(|der| der.as_slice().into()).collect();
    let (own, between) = chain.split_first().ok_or(BadSignature::NoCertificate)?;
    let algorithms = super::provider().signature_verification_algorithms;
    let parsed = ParsedCertificate::try_from(own).map_err(BadSignature::Certificate)?;
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(unix_s));
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, between, at, algorithms.all)
        .map_err(BadSignature::Certificate)?;
    let scheme = SignatureScheme::from(signed.scheme);
    if !SCHEMES.contains(&scheme) {
        return Err(BadSignature::Scheme(signed.scheme));
    }
    let ways = algorithms.mapping.iter().find(|(known, _)| *known == scheme);
    let ways = ways.ok_or(BadSignature::Scheme(signed.scheme))?.1;
    let message = bytes(purpose, statement);
    let key = super::verify::public_key(own)?;
    // A key of another curve does not parse, so at most one way fits.
    let good = ways
        .iter()
        .any(|way| way.verify_signature(&key, &message, &signed.signature).is_ok());
    if !good {
        return Err(BadSignature::Wrong);
    }
    let id = spiffe_id(own, world)?;
    vouched_for(between, &id, world)?;
    Ok(id)
}

/// The length of the purpose parts it from the statement.
fn bytes(purpose: &str, statement: &[u8]) -> Vec<u8> {
    let length = (purpose.len() as u64).to_be_bytes();
    [
        b"meridian statement\0".as_slice(),
        &length,
        purpose.as_bytes(),
        statement,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::super::authority::Authority;
    use super::*;
    use crate::clock::Clock;

    const PURPOSE: &str = "approval of a law";

    fn person(authority: &Authority, dir: &std::path::Path, name: &str) -> Identity {
        let domain = authority.world().trust_domain().to_owned();
        let id: SpiffeId = format!("spiffe://{domain}/region/eu-central/operator/compliance/{name}")
            .parse()
            .expect("an id");
        let into = dir.join(name);
        authority.issue(&id, &[], 7, &into).expect("issued");
        Identity::load(&into, &authority.world()).expect("loads")
    }

    #[test]
    fn a_signature_names_its_maker_and_is_of_one_statement_and_purpose() {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let (ann, ben) = (
            person(&authority, dir.path(), "ann"),
            person(&authority, dir.path(), "ben"),
        );
        let now = Clock::system().unix_s();
        let signed = ann.sign(PURPOSE, b"law 3").expect("signs");
        assert_eq!(
            ben.signer(PURPOSE, b"law 3", &signed, now).expect("good"),
            ann.spiffe_id()
        );
        let wrong = |purpose, statement: &[u8], signed: &Signed, now| {
            ben.signer(purpose, statement, signed, now)
                .expect_err("bad")
                .to_string()
        };
        let of_another = "it is not of this statement, or not by this key";
        assert_eq!(wrong(PURPOSE, b"law 4", &signed, now), of_another);
        assert_eq!(wrong("report", b"law 3", &signed, now), of_another);
        let late = wrong(PURPOSE, b"law 3", &signed, now + 8 * 86_400);
        assert_eq!(late, "its certificate cannot be used");
        let stolen = Signed {
            chain: ben.sign(PURPOSE, b"x").expect("signs").chain,
            ..signed.clone()
        };
        assert_eq!(wrong(PURPOSE, b"law 3", &stolen, now), of_another);
        let none = Signed {
            chain: Vec::new(),
            ..signed
        };
        assert_eq!(
            wrong(PURPOSE, b"law 3", &none, now),
            "it comes with no certificate"
        );
    }

    #[test]
    fn a_signature_from_another_world_proves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let other = Authority::create(&dir.path().join("other")).expect("a world");
        let (here, there) = (
            person(&authority, dir.path(), "ann"),
            person(&other, dir.path(), "eve"),
        );
        let signed = there.sign(PURPOSE, b"law 3").expect("signs");
        let error = here.signer(PURPOSE, b"law 3", &signed, Clock::system().unix_s());
        assert!(matches!(error, Err(BadSignature::Certificate(_))), "{error:?}");
    }
}
