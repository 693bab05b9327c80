//! Checks access tokens: form, header, key of the home, signature, world, times (RFC 7519, RFC 8725, RFC 9068).
//!
//! It does not know whether a session was ended since; short lives bound that. Keys come from the caller, by home
//! and key id, so that a home's key signs for that home only.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use platform_model::{HomeId, WorldId};
use sha2::{Digest as _, Sha256};

use crate::cache::{Cache, Digest, Entry};
use crate::claims::{self, Claims, WireClaims};
use crate::error::TokenError;
use crate::header;

/// Longest token looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// How far the issuer's clock may be ahead of ours, in seconds.
pub const CLOCK_SKEW_S: u64 = 60;
/// Longest life of a token, in seconds.
pub const LIFE_S_MAX: u64 = 24 * 3_600;

/// Checks tokens and remembers those that were good.
pub struct Verifier {
    cache: Cache,
}

impl Verifier {
    /// `capacity` bounds the tokens remembered (a token takes about 500 bytes).
    pub fn new(capacity: usize) -> Self {
        Self {
            cache: Cache::new(capacity),
        }
    }

    /// The claims of a token that is good at `now_s` (seconds since 1970) in `world`. `keys` gives the public key of
    /// a home by its id; it is asked each time, so a key that is taken away ends its tokens at once.
    ///
    /// # Errors
    /// One reason, see [`TokenError`]; nothing is remembered then.
    pub fn verify(
        &self,
        token: &str,
        now_s: u64,
        keys: impl Fn(&HomeId, &str) -> Option<[u8; 32]>,
        world: &WorldId,
    ) -> Result<Arc<Claims>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge);
        }
        let digest: Digest = Sha256::digest(token).into();
        if let Some(entry) = self.cache.get(&digest) {
            let same_key = keys(&entry.claims.home, &entry.kid) == Some(entry.public);
            if same_key && entry.world == *world && check_times(&entry.claims, None, now_s).is_ok() {
                return Ok(entry.claims);
            }
            self.cache.remove(&digest);
        }
        let entry = check(token, now_s, keys, world)?;
        let claims = Arc::clone(&entry.claims);
        self.cache.insert(digest, entry);
        Ok(claims)
    }

    /// Tokens remembered now.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }
}

fn check(
    token: &str,
    now_s: u64,
    keys: impl Fn(&HomeId, &str) -> Option<[u8; 32]>,
    world: &WorldId,
) -> Result<Entry, TokenError> {
    let parts = header::split(token)?;
    let kid = header::key_id(parts.header)?;
    let home = claims::issuer(&header::decode(parts.payload)?)?;
    let public = keys(&home, &kid).ok_or(TokenError::UnknownKey)?;
    let wire = verify_signature(token, &public)?;
    let not_before_s = wire.nbf;
    let claims = wire.into_claims(world)?;
    check_times(&claims, not_before_s, now_s)?;
    Ok(Entry {
        claims: Arc::new(claims),
        kid: kid.into(),
        public,
        world: world.clone(),
    })
}

fn verify_signature(token: &str, public: &[u8; 32]) -> Result<WireClaims, TokenError> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    // Times, issuer and audience are checked by us: against the caller's clock and world, with an error each.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<WireClaims>(token, &DecodingKey::from_ed_der(public), &validation)
        .map(|data| data.claims)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidEddsaKey => TokenError::BadSignature,
            ErrorKind::InvalidAlgorithm => TokenError::WrongAlgorithm,
            _ => TokenError::Malformed,
        })
}

fn check_times(claims: &Claims, not_before_s: Option<u64>, now_s: u64) -> Result<(), TokenError> {
    let begins_s = claims.issued_s.max(not_before_s.unwrap_or(0));
    if now_s >= claims.expires_s {
        Err(TokenError::Expired)
    } else if begins_s > now_s.saturating_add(CLOCK_SKEW_S) {
        Err(TokenError::NotYetValid)
    } else if claims.expires_s.saturating_sub(claims.issued_s) > LIFE_S_MAX {
        Err(TokenError::LivesTooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
