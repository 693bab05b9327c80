//! Keyed digests: HMAC-SHA-256 (RFC 2104) under keys that HKDF-SHA-256 (RFC 5869) makes from a root's key, one for each
//! label. Equal values give equal digests within one root and one label, and say nothing anywhere else.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A key for one purpose, made from `root_key`.
pub(crate) fn derive(root_key: &[u8; 32], purpose: &[u8], label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, root_key)
        .expand_multi_info(&[b"meridian 1 ", purpose, b"\0", label], key.as_mut_slice())
        .expect("32 bytes is a length that HKDF-SHA-256 gives");
    key
}

/// The digest of `value` under the key of `label`.
pub(crate) fn keyed(root_key: &[u8; 32], label: &[u8], value: &[u8]) -> [u8; 32] {
    let key = derive(root_key, b"digest", label);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length");
    mac.update(value);
    mac.finalize().into_bytes().into()
}

/// The SHA-256 of `bytes` (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
