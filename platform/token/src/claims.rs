//! What an access token says, and how that stands in its JSON.
//!
//! Parsing here proves nothing; [`crate::verify`] does. Members that we do not know are passed over, so that a newer
//! issuer may say more.

use platform_model::{HomeId, UserId, WorldId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::TokenError;
use crate::header;

/// The issuer of a home's tokens is this and the home.
const ISSUER_PREFIX: &str = "meridian/";

/// An access token's content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claims {
    pub user: UserId,
    /// Whose key signed it, and where the user lives.
    pub home: HomeId,
    /// The home's own host name.
    pub host: String,
    pub session: Uuid,
    /// Seconds since 1970.
    pub issued_s: u64,
    /// Seconds since 1970: from then on it is not good.
    pub expires_s: u64,
}

/// The JSON of a token, by the names of RFC 7519.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireClaims {
    iss: String,
    aud: String,
    sub: String,
    sid: Uuid,
    host: String,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<u64>,
}

impl WireClaims {
    pub(crate) fn new(claims: &Claims, world: &WorldId) -> Self {
        Self {
            iss: format!("{ISSUER_PREFIX}{}", claims.home),
            aud: world.to_string(),
            sub: claims.user.to_string(),
            sid: claims.session,
            host: claims.host.clone(),
            iat: claims.issued_s,
            exp: claims.expires_s,
            nbf: None,
        }
    }

    pub(crate) fn into_claims(self, world: &WorldId) -> Result<Claims, TokenError> {
        if self.aud != world.as_str() {
            return Err(TokenError::WrongWorld);
        }
        Ok(Claims {
            home: home_of(&self.iss).ok_or(TokenError::WrongIssuer)?,
            user: self.sub.parse().map_err(|_| TokenError::Malformed)?,
            host: self.host,
            session: self.sid,
            issued_s: self.iat,
            expires_s: self.exp,
        })
    }
}

/// The part of the JSON that routing needs.
#[derive(Deserialize)]
struct Hint {
    iss: String,
    sub: String,
}

/// The home and user that a token names, **unverified**: good enough to choose where the token is looked at, for
/// nothing else.
pub fn peek(token: &str) -> Option<(HomeId, UserId)> {
    let parts = header::split(token).ok()?;
    let hint: Hint = serde_json::from_slice(&header::decode(parts.payload).ok()?).ok()?;
    Some((home_of(&hint.iss)?, hint.sub.parse().ok()?))
}

/// The home that issued a token, unverified: it decides whose key is tried.
pub(crate) fn issuer(payload: &[u8]) -> Result<HomeId, TokenError> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let issuer: Issuer = serde_json::from_slice(payload).map_err(|_| TokenError::Malformed)?;
    home_of(&issuer.iss).ok_or(TokenError::WrongIssuer)
}

fn home_of(issuer: &str) -> Option<HomeId> {
    issuer.strip_prefix(ISSUER_PREFIX)?.parse().ok()
}
