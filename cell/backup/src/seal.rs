//! The key of one backup, and what is sealed under it: XChaCha20-Poly1305 (RFC 8439, with the extended nonce).
//!
//! A key seals one backup, so the number of a part is a nonce that is used once. What a part is bound to - name of the
//! backup, number, whether it is the last - is authenticated with it: a part in another place does not open.

use cell_layers::keys::{Kek, KekError};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use platform_runtime::random;
use zeroize::Zeroizing;

/// The number under which the manifest is sealed: no part has it.
pub(crate) const MANIFEST: u64 = u64::MAX;

/// Never printed; overwritten when it goes.
#[derive(Clone)]
pub struct BackupKey(Zeroizing<[u8; 32]>);

/// It does not open: flipped, cut short, of another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotOpen;

impl BackupKey {
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// Wrapped by the jurisdiction's key, for this backup alone.
    pub fn wrap(&self, kek: &Kek, name: &str) -> Vec<u8> {
        kek.wrap(&bound_to(name), self.0.as_slice())
    }

    /// # Errors
    /// Another jurisdiction's key; bytes that are none.
    pub fn unwrap(kek: &Kek, name: &str, wrapped: &[u8]) -> Result<Self, KekError> {
        let bytes = kek.unwrap(&bound_to(name), wrapped)?;
        let exact: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KekError::DoesNotOpen)?;
        Ok(Self(Zeroizing::new(exact)))
    }

    pub(crate) fn seal(&self, name: &str, part: u64, plain: &[u8]) -> Vec<u8> {
        let aad = place(name, part);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let sealed = self.cipher().encrypt(&nonce(part), payload);
        sealed.expect("a part is far shorter than the cipher's limit")
    }

    pub(crate) fn open(&self, name: &str, part: u64, sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        let aad = place(name, part);
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        self.cipher()
            .decrypt(&nonce(part), payload)
            .map_err(|_| DoesNotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

fn bound_to(name: &str) -> Vec<u8> {
    [b"backup ".as_slice(), name.as_bytes()].concat()
}

fn place(name: &str, part: u64) -> Vec<u8> {
    [
        b"meridian backup 1 ".as_slice(),
        name.as_bytes(),
        b" ",
        &part.to_be_bytes(),
    ]
    .concat()
}

fn nonce(part: u64) -> XNonce {
    let mut nonce = [0; 24];
    nonce[16..].copy_from_slice(&part.to_be_bytes());
    XNonce::from(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_opens_in_its_own_place_under_its_own_key_only() {
        let key = BackupKey::generate();
        let sealed = key.seal("a", 3, b"kestrel 4711");
        assert!(!sealed.windows(7).any(|part| part == b"kestrel"));
        assert_eq!(key.open("a", 3, &sealed).as_deref(), Ok(&b"kestrel 4711"[..]));
        assert_eq!(key.open("a", 4, &sealed), Err(DoesNotOpen));
        assert_eq!(key.open("b", 3, &sealed), Err(DoesNotOpen));
        assert_eq!(BackupKey::generate().open("a", 3, &sealed), Err(DoesNotOpen));
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(key.open("a", 3, &flipped), Err(DoesNotOpen), "byte {at}");
        }
    }

    #[test]
    fn a_key_opens_with_its_own_jurisdictions_key_and_for_its_own_backup_only() {
        let (eu, us) = (Kek::from_bytes([1; 32]), Kek::from_bytes([2; 32]));
        let wrapped = BackupKey::generate().wrap(&eu, "a");
        assert!(BackupKey::unwrap(&eu, "a", &wrapped).is_ok());
        assert!(matches!(
            BackupKey::unwrap(&us, "a", &wrapped),
            Err(KekError::OtherKek)
        ));
        assert!(matches!(
            BackupKey::unwrap(&eu, "b", &wrapped),
            Err(KekError::DoesNotOpen)
        ));
    }
}
