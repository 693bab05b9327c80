//! Identities that are no longer believed, by the text of their SPIFFE id and, if only one key of it is meant, by that
//! key's digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// SHA-256 of a public key (its SubjectPublicKeyInfo, DER): 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest(pub [u8; 32]);

/// What is revoked: every certificate of a SPIFFE id, or those with one key. As a text `spiffe://...`, then `#` and the
/// key's digest if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RevokedIdentity {
    pub id: String,
    pub key: Option<KeyDigest>,
}

/// Longest SPIFFE id, in bytes: that of a node with the longest names.
pub const SPIFFE_ID_BYTES_MAX: usize = 300;

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for KeyDigest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("a digest", "64 lower-case hex digits", text);
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(is_hex) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for RevokedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => f.write_str(&self.id),
            Some(key) => write!(f, "{}#{key}", self.id),
        }
    }
}

impl FromStr for RevokedIdentity {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (id, key) = match text.split_once('#') {
            None => (text, None),
            Some((id, key)) => (id, Some(key.parse()?)),
        };
        let printable = id.bytes().all(|b| b.is_ascii_graphic());
        if !id.starts_with("spiffe://") || id.len() > SPIFFE_ID_BYTES_MAX || !printable {
            let rule = "`spiffe://...`, such as `spiffe://DOMAIN/region/eu-central/router/1`";
            return Err(InvalidId::new("a SPIFFE id", rule, text));
        }
        let id = id.to_owned();
        Ok(Self { id, key })
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(KeyDigest, RevokedIdentity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_reads_back_as_written() {
        let digest = "0123456789abcdef".repeat(4);
        let id = "spiffe://0a1b/region/eu-central/router/1";
        for text in [id.to_owned(), format!("{id}#{digest}")] {
            let read: RevokedIdentity = text.parse().expect("an identity");
            assert_eq!(read.to_string(), text);
            let json = serde_json::to_string(&read).expect("writes");
            assert_eq!(
                serde_json::from_str::<RevokedIdentity>(&json).expect("reads"),
                read
            );
        }
        for text in [
            "",
            "router/1",
            "spiffe://a b",
            &format!("{id}#0"),
            &format!("{id}#{digest}0"),
        ] {
            assert!(text.parse::<RevokedIdentity>().is_err(), "{text}");
        }
    }
}
