//! The join token as text: `meridian-join-1.WORLD.EXPIRES_MS.IDENTITY.SECRET`, the identity below its trust domain with
//! `+` for `/`. It opens a place in the world to whoever holds it: it lies in a file that only its owner reads, and
//! the controllers know its digest alone.

use std::fmt;
use std::str::FromStr;

use platform_model::{KeyDigest, WorldId};
use platform_runtime::random;
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use sha2::{Digest, Sha256};

const PREFIX: &str = "meridian-join-1";
/// Of the secret.
const SECRET_BYTES: usize = 32;

/// One token. Debug shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    pub world: WorldId,
    /// Who may join with it: a node or a router, never a person or a controller.
    pub id: SpiffeId,
    pub expires_ms: u64,
    secret: [u8; SECRET_BYTES],
}

/// A text that is no join token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    #[error("it does not have the form of one")]
    Form,
    #[error("it names someone who does not join: nodes and routers do")]
    NotAProcess,
}

impl JoinToken {
    /// A new token.
    ///
    /// # Errors
    /// [`InvalidToken::NotAProcess`].
    pub fn new(world: &WorldId, id: SpiffeId, expires_ms: u64) -> Result<Self, InvalidToken> {
        if !joins(&id) {
            return Err(InvalidToken::NotAProcess);
        }
        Ok(Self {
            world: world.clone(),
            id,
            expires_ms,
            secret: random::bytes(),
        })
    }

    /// Under which the controllers know it.
    pub fn digest(&self) -> KeyDigest {
        let hash = Sha256::new()
            .chain_update(b"meridian join token\0")
            .chain_update(self.to_string());
        KeyDigest(hash.finalize().into())
    }

    /// The identity below its trust domain: `region/eu-central/router/2`.
    pub fn joiner(&self) -> String {
        below(&self.id)
    }
}

fn joins(id: &SpiffeId) -> bool {
    matches!(id.kind, SpiffeKind::Node(_) | SpiffeKind::Router(_))
}

fn below(id: &SpiffeId) -> String {
    let domain = format!("spiffe://{}/", id.trust_domain);
    id.to_string().trim_start_matches(&domain).to_owned()
}

impl fmt::Display for JoinToken {
    /// The whole token, secret included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.joiner().replace('/', "+");
        let secret = KeyDigest(self.secret);
        write!(
            f,
            "{PREFIX}.{}.{}.{identity}.{secret}",
            self.world, self.expires_ms
        )
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({})", self.id)
    }
}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let parts: Vec<&str> = text.split('.').collect();
        let [PREFIX, world, expires_ms, identity, secret] = parts.as_slice() else {
            return Err(InvalidToken::Form);
        };
        let world = WorldId::new(world).map_err(|_| InvalidToken::Form)?;
        let path = identity.replace('+', "/");
        let id = format!("spiffe://{}/{path}", world.trust_domain());
        let id: SpiffeId = id.parse().map_err(|_| InvalidToken::Form)?;
        if !joins(&id) {
            return Err(InvalidToken::NotAProcess);
        }
        let secret: KeyDigest = secret.parse().map_err(|_| InvalidToken::Form)?;
        let token = Self {
            world,
            id,
            expires_ms: expires_ms.parse().map_err(|_| InvalidToken::Form)?,
            secret: secret.0,
        };
        // One token has one spelling, so that it has one digest.
        if token.to_string() == text {
            Ok(token)
        } else {
            Err(InvalidToken::Form)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldId {
        "0123456789abcdef".repeat(4).parse().expect("an id")
    }

    fn id(path: &str) -> SpiffeId {
        let text = format!("spiffe://0123456789abcdef/region/eu-central/{path}");
        text.parse().expect("an id")
    }

    #[test]
    fn a_token_reads_back_as_written_and_shows_its_secret_to_nobody() {
        let token = JoinToken::new(&world(), id("cell/eu-central-1/node/2"), 77).expect("made");
        let text = token.to_string();
        let read: JoinToken = text.parse().expect("reads");
        assert_eq!(read, token);
        assert_eq!(read.digest(), token.digest());
        assert_eq!(read.joiner(), "region/eu-central/cell/eu-central-1/node/2");
        let secret = text.rsplit('.').next().expect("a secret");
        assert!(!format!("{token:?}").contains(secret));
        let other = JoinToken::new(&world(), id("cell/eu-central-1/node/2"), 77).expect("made");
        assert_ne!(other.digest(), token.digest());
    }

    #[test]
    fn nobody_but_a_process_joins_and_a_changed_token_is_another() {
        for path in ["operator/sre/kim", "controller/1"] {
            let made = JoinToken::new(&world(), id(path), 77);
            assert_eq!(made.err(), Some(InvalidToken::NotAProcess));
        }
        let token = JoinToken::new(&world(), id("router/2"), 77).expect("made");
        let text = token.to_string();
        let longer: JoinToken = text.replace(".77.", ".78.").parse().expect("well formed");
        assert_ne!(longer.digest(), token.digest());
        for wrong in [
            String::new(),
            text.replace(".77.", ".077."),
            text.replace("router+2", "operator+sre+kim"),
            text.replace("-1.", "-2."),
            text.clone() + ".",
            text[..text.len() - 1].to_owned(),
        ] {
            assert!(wrong.parse::<JoinToken>().is_err(), "{wrong}");
        }
    }
}
