//! Who may talk to whom: identities of processes and people as SPIFFE ids in certificates under the world's root.
//!
//! Both sides of every connection show a certificate (TLS 1.3 or 1.2). What counts is the SPIFFE id in it, never a
//! DNS name. The world is known by the SHA-256 of its root certificate, so a process that is told its world's id
//! needs to trust no file. Sessions are never resumed: each connection proves anew that its certificate is good.
//!
//! Start with [`Identity`]; `verify` holds the checks, [`authority`] is the root, [`Issuer`] a controller's own
//! authority below it, [`Revocations`] who is no longer believed.

pub mod authority;
mod error;
mod identity;
mod issuer;
mod key_files;
mod pinned;
mod public;
mod request;
mod revoked;
mod signed;
mod spiffe;
mod verify;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use sha2::{Digest, Sha256};

pub use authority::Leaf;
pub use error::{Refused, TlsError};
pub use identity::{Identity, RELOAD_EVERY};
pub use issuer::{Certified, Issuer, install};
pub use pinned::{join_client_config, join_server_config};
pub use public::PublicIdentity;
pub use request::{InvalidRequest, KeyRequest, REQUEST_BYTES_MAX, Requested};
pub(crate) use revoked::check as revoked_by;
pub use revoked::{Credentials, Revocations, RevokedList};
pub use signed::{BadSignature, Signed};
pub use spiffe::{InvalidSpiffeId, SpiffeId, SpiffeKind};
pub(crate) use verify::ends_s as certificate_ends_s;
pub use verify::{Expect, peer_certificate_left};

use platform_model::WorldId;

/// Application protocols that both sides offer, best first.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Who is at the other end of a connection, proved by its certificate. Stands in the extensions of each request
/// that [`crate::serve::serve_mtls`] hands on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerIdentity(pub SpiffeId);

/// Makes ring the cryptography of this process, for libraries that ask for a default. Idempotent: call it first in
/// `main` and in tests.
pub fn install_ring() {
    // An error says that one is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::LazyLock<Arc<CryptoProvider>> =
        std::sync::LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}

/// The id of the world whose root certificate this is (DER).
pub fn world_of_root(root: &[u8]) -> WorldId {
    let hex: String = Sha256::digest(root)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    WorldId::new(&hex).expect("a SHA-256 has 64 lower-case hex digits")
}

#[cfg(test)]
mod tests;
