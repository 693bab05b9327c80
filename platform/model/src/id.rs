//! Identifiers of people, requests and worlds. Places have their own file, [`crate::place`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the id that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct InvalidId {
    /// What was expected, with its article: `a shard`.
    pub what: &'static str,
    /// The rule that the text breaks, with an example.
    pub rule: &'static str,
    /// The text as given, cut at 64 characters.
    pub text: String,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, rule: &'static str, text: &str) -> Self {
        Self {
            what,
            rule,
            text: text.chars().take(64).collect(),
        }
    }
}

/// The fingerprint of a world's root certificate: 64 lower-case hex digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorldId(String);

impl WorldId {
    /// # Errors
    /// Refuses anything but 64 lower-case hex digits.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let ok = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::new("a world id", "64 hex digits", text))
        }
    }

    /// The first 16 digits: the trust domain of the world's SPIFFE ids.
    pub fn trust_domain(&self) -> &str {
        &self.0[..16]
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorldId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl TryFrom<String> for WorldId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text)
    }
}

impl From<WorldId> for String {
    fn from(id: WorldId) -> Self {
        id.0
    }
}

/// A person, as an opaque id. It says nothing about who or where the person is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserId(Uuid);

/// Namespace of the ids that are derived from idempotency keys (UUID version 5, RFC 9562).
const USER_NAMESPACE: Uuid = Uuid::from_u128(0x6d65_7269_6469_616e_8000_7573_6572_0001);

impl UserId {
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the person whom the registration under `key` makes: a retry meets the same shard and row.
    pub fn from_registration(key: IdempotencyKey) -> Self {
        Self(Uuid::new_v5(&USER_NAMESPACE, key.as_uuid().as_bytes()))
    }

    pub fn as_uuid(self) -> Uuid {
        self.0
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({})", self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for UserId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| InvalidId::new("a user id", "a UUID", text))
    }
}

/// The client's name for one command, a UUIDv7 (its time decides when it is too old to be honoured).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// # Errors
    /// Refuses a UUID that is not of version 7.
    pub fn new(id: Uuid) -> Result<Self, InvalidId> {
        if id.get_version_num() == 7 {
            Ok(Self(id))
        } else {
            Err(InvalidId::new(
                "an idempotency key",
                "a UUID of version 7",
                &id.to_string(),
            ))
        }
    }

    pub fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Milliseconds since 1970 that the client wrote into the key.
    pub fn unix_ms(self) -> u64 {
        let b = self.0.as_bytes();
        b[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let id = Uuid::try_parse(text)
            .map_err(|_| InvalidId::new("an idempotency key", "a UUID of version 7", text))?;
        Self::new(id)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One request of an app, from the router's door to the log entry that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId(Uuid);

impl RequestId {
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for RequestId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| InvalidId::new("a request id", "a UUID", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_of_a_registration_derives_the_same_person() {
        let key = IdempotencyKey::new(Uuid::now_v7()).expect("version 7");
        assert_eq!(UserId::from_registration(key), UserId::from_registration(key));
    }

    #[test]
    fn only_version_7_names_a_command() {
        assert!(IdempotencyKey::new(Uuid::new_v4()).is_err());
        let key: IdempotencyKey = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("version 7");
        assert_eq!(key.unix_ms(), 0x0189_0a5d_ac96);
    }
}
