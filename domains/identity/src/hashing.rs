//! Passwords as Argon2id hashes (RFC 9106), written as PHC strings so that each carries its parameters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use platform_model::{Code, Problem};
use platform_runtime::random;

use crate::gate::Gate;
use crate::input::Password;
use crate::settings::Settings;

/// 16 bytes of salt and 32 of hash, all zero, in the base64 of PHC strings: no password has this hash.
const NO_SALT: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const NO_HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies, a bounded number at once. Cheap to clone; clones share the bound.
#[derive(Debug, Clone)]
pub struct Hasher {
    params: Params,
    gate: Gate,
    /// What the password of nobody is verified against.
    nobody: Arc<str>,
    computed: Arc<AtomicU64>,
}

impl Hasher {
    pub fn new(settings: &Settings) -> Self {
        let params = settings.password_cost.params();
        let (m, t, p) = cost(&params);
        Self {
            params,
            gate: Gate::new(settings.hashes_at_once, settings.hashes_waiting_max),
            nobody: format!("$argon2id$v=19$m={m},t={t},p={p}${NO_SALT}${NO_HASH}").into(),
            computed: Arc::default(),
        }
    }

    /// The hash of a password under a salt of its own, as it is stored.
    ///
    /// # Errors
    /// `overloaded`, `internal`.
    pub async fn hash(&self, password: &Password) -> Result<String, Problem> {
        let (password, params, computed) = (password.clone(), self.params.clone(), self.computed.clone());
        let work = move || {
            computed.fetch_add(1, Ordering::Relaxed);
            let salt: [u8; 16] = random::bytes();
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_with_salt(password.bytes(), &salt)
                .map(|hash| hash.to_string())
        };
        self.gate.run(work).await?.map_err(|error| failed(&error))
    }

    /// Whether the password is the one of the stored hash. `None` is the hash of nobody: the same work, always false.
    ///
    /// # Errors
    /// `overloaded`, `internal`.
    pub async fn verify(&self, password: &Password, stored: Option<&str>) -> Result<bool, Problem> {
        let stored: Arc<str> = stored.map_or_else(|| Arc::clone(&self.nobody), Into::into);
        let (password, computed) = (password.clone(), self.computed.clone());
        let work = move || {
            computed.fetch_add(1, Ordering::Relaxed);
            let stored = PasswordHash::new(&stored).map_err(|_| Error::EncodingInvalid)?;
            Argon2::default().verify_password(password.bytes(), &stored)
        };
        match self.gate.run(work).await? {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Whether a stored hash was made under another cost than this node's.
    pub fn is_outdated(&self, stored: &str) -> bool {
        let params = PasswordHash::new(stored)
            .ok()
            .and_then(|hash| Params::try_from(&hash).ok());
        params.is_none_or(|params| cost(&params) != cost(&self.params))
    }

    /// Hashes computed so far.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }
}

fn cost(params: &Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

/// An error of the library says nothing about the password.
fn failed(error: &Error) -> Problem {
    tracing::error!(%error, "a password cannot be hashed");
    Code::Internal.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PasswordCost;

    fn hasher(memory_kib: u32) -> Hasher {
        Hasher::new(&Settings {
            password_cost: PasswordCost::new(memory_kib, 1, 1).expect("a cost"),
            ..Settings::default()
        })
    }

    fn password(text: &str) -> Password {
        Password::chosen(text).expect("long enough")
    }

    #[tokio::test]
    async fn a_hash_carries_its_parameters_and_knows_its_password() {
        let (small, other) = (hasher(16), hasher(32));
        let stored = small.hash(&password("correct horse")).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{stored}");
        let again = small.hash(&password("correct horse")).await.expect("a hash");
        assert_ne!(stored, again, "each has a salt of its own");
        for hasher in [&small, &other] {
            assert_eq!(
                hasher.verify(&password("correct horse"), Some(&stored)).await,
                Ok(true)
            );
            assert_eq!(
                hasher.verify(&password("correct h0rse"), Some(&stored)).await,
                Ok(false)
            );
        }
        assert!(!small.is_outdated(&stored) && other.is_outdated(&stored));
    }

    #[tokio::test]
    async fn nobody_has_a_password_and_it_costs_as_much_to_find_out() {
        let hasher = hasher(16);
        assert_eq!(hasher.verify(&password("correct horse"), None).await, Ok(false));
        assert_eq!(hasher.computed(), 1);
        assert!(
            !hasher.is_outdated(&hasher.nobody),
            "of the same cost as a hash of today"
        );
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_a_fault_of_ours() {
        let hasher = hasher(16);
        let refused = hasher
            .verify(&password("correct horse"), Some("plain text"))
            .await;
        assert_eq!(refused.expect_err("no hash").code, Code::Internal);
        assert!(hasher.is_outdated("plain text"));
    }
}
