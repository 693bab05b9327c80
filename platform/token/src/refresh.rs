//! The refresh token: opaque to apps, it names the session it belongs to and proves it with a secret.
//!
//! `mrt1.HOME.USER.SESSION.GENERATION.SECRET`, where HOME is written with `~` for `/` and SECRET is 43 characters of
//! base64url. Whether the secret is right, and whether the generation was used before, is for the session's row.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_model::{HomeId, UserId};
use platform_runtime::random;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Longest text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// What a refresh token says.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub home: HomeId,
    pub user: UserId,
    pub session: Uuid,
    /// One more with each refresh: an older one that comes again was stolen or lost.
    pub generation: u32,
    pub secret: [u8; 32],
}

/// A text that is no refresh token. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no refresh token")]
pub struct InvalidRefreshToken;

impl RefreshToken {
    /// The first token of a session, with a new secret.
    pub fn begin(home: HomeId, user: UserId, session: Uuid) -> Self {
        Self {
            home,
            user,
            session,
            generation: 0,
            secret: random::bytes(),
        }
    }

    /// The token that takes this one's place, with a new secret.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            secret: random::bytes(),
            ..self.clone()
        }
    }

    /// SHA-256 of the secret: what is stored and compared, so that a copy of the store holds no token.
    pub fn secret_digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

impl fmt::Display for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            home: HomeId { jurisdiction, region },
            user,
            session,
            generation,
            secret,
        } = self;
        let secret = URL_SAFE_NO_PAD.encode(secret);
        write!(
            f,
            "mrt1.{jurisdiction}~{region}.{user}.{session}.{generation}.{secret}"
        )
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RefreshToken({} {} {} {})",
            self.home, self.user, self.session, self.generation
        )
    }
}

impl FromStr for RefreshToken {
    type Err = InvalidRefreshToken;

    fn from_str(text: &str) -> Result<Self, InvalidRefreshToken> {
        parse(text).ok_or(InvalidRefreshToken)
    }
}

fn parse(text: &str) -> Option<RefreshToken> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let ["mrt1", home, user, session, generation, secret] = parts.as_slice() else {
        return None;
    };
    let token = RefreshToken {
        home: home.replacen('~', "/", 1).parse().ok()?,
        user: user.parse().ok()?,
        session: Uuid::try_parse(session).ok()?,
        generation: generation.parse().ok()?,
        secret: URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?,
    };
    // One token has one spelling.
    (token.to_string() == text).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> RefreshToken {
        let home = "eu/eu-central".parse().expect("a home");
        RefreshToken::begin(home, UserId::from_uuid(Uuid::from_u128(7)), Uuid::from_u128(8))
    }

    #[test]
    fn it_reads_back_as_written() {
        let (first, second) = (token(), token().next());
        assert!(first.to_string().starts_with("mrt1.eu~eu-central.00000000-"));
        assert_eq!(second.generation, 1);
        assert_ne!(first.secret, first.next().secret);
        for token in [first, second] {
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let token = token();
        let secret = URL_SAFE_NO_PAD.encode(token.secret);
        assert!(!format!("{token:?}").contains(&secret));
    }

    #[test]
    fn anything_else_is_refused() {
        let good = token().to_string();
        let (head, secret) = good.rsplit_once('.').expect("six parts");
        for text in [
            String::new(),
            good.replacen("mrt1", "mrt2", 1),
            good.replacen('~', "/", 1),
            format!("{good}."),
            format!("{good}="),
            format!("{head}.{}", &secret[1..]),
            head.replacen(".0", ".00", 1) + "." + secret,
            good.to_uppercase(),
            "mrt1.".repeat(100),
        ] {
            assert_eq!(text.parse::<RefreshToken>(), Err(InvalidRefreshToken), "{text}");
        }
    }
}
