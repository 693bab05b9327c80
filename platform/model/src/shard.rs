//! A shard: the unit of consistency, placement, replication, failover and migration.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::id::{InvalidId, UserId};
use crate::place::{HomeId, Jurisdiction, serde_as_text};

/// Names one shard. Ordered: by kind, then as text.
///
/// | kind | written as | holds |
/// |---|---|---|
/// | root | `eu/eu-central/007` | a slice of a home's roots; their number is fixed when the home is made |
/// | keys | `eu/eu-central/keys` | the wrapped keys of the home's users |
/// | directory | `directory/eu/000` | claims and user-to-home entries of an authority |
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ShardId {
    Root { home: HomeId, index: u16 },
    Keys { home: HomeId },
    Directory { authority: Jurisdiction, index: u16 },
}
serde_as_text!(ShardId);

impl ShardId {
    /// The shard of `home` that owns the person: a hash of the id (xxh3, 64 bits) modulo the home's shard count.
    pub fn of_user(home: &HomeId, shard_count: u16, user: UserId) -> Self {
        Self::Root {
            home: home.clone(),
            index: root_index(user, shard_count),
        }
    }

    /// The home whose data the shard holds; a directory shard holds none.
    pub fn home(&self) -> Option<&HomeId> {
        match self {
            Self::Root { home, .. } | Self::Keys { home } => Some(home),
            Self::Directory { .. } => None,
        }
    }

    pub fn jurisdiction(&self) -> &Jurisdiction {
        match self {
            Self::Root { home, .. } | Self::Keys { home } => &home.jurisdiction,
            Self::Directory { authority, .. } => authority,
        }
    }
}

/// The index of a person's shard within a home of `shard_count` shards.
pub fn root_index(user: UserId, shard_count: u16) -> u16 {
    let slot = xxh3_64(user.as_bytes()) % u64::from(shard_count.max(1));
    u16::try_from(slot).expect("less than a u16 shard count")
}

/// The directory shard of an authority that holds the claim with this digest.
pub fn directory_index(digest: &[u8], shard_count: u16) -> u16 {
    let slot = xxh3_64(digest) % u64::from(shard_count.max(1));
    u16::try_from(slot).expect("less than a u16 shard count")
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root { home, index } => write!(f, "{home}/{index:03}"),
            Self::Keys { home } => write!(f, "{home}/keys"),
            Self::Directory { authority, index } => write!(f, "directory/{authority}/{index:03}"),
        }
    }
}

impl FromStr for ShardId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || {
            InvalidId::new(
                "a shard",
                "`eu/eu-central/007`, `eu/eu-central/keys` or `directory/eu/000`",
                text,
            )
        };
        let (head, tail) = text.rsplit_once('/').ok_or_else(invalid)?;
        if let Some(authority) = head.strip_prefix("directory/") {
            let authority = authority.parse().map_err(|_| invalid())?;
            return Ok(Self::Directory {
                authority,
                index: tail.parse().map_err(|_| invalid())?,
            });
        }
        let home: HomeId = head.parse().map_err(|_| invalid())?;
        match tail {
            "keys" => Ok(Self::Keys { home }),
            index => Ok(Self::Root {
                home,
                index: index.parse().map_err(|_| invalid())?,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn shards_read_back_as_written() {
        for text in ["eu/eu-central/007", "eu/eu-central/keys", "directory/eu/000"] {
            assert_eq!(text.parse::<ShardId>().expect("a shard").to_string(), text);
        }
        for text in [
            "eu/eu-central",
            "007",
            "eu/eu-central/x",
            "directory/eu",
            "eu/eu-central/70000",
        ] {
            assert!(text.parse::<ShardId>().is_err(), "{text}");
        }
    }

    /// The function is part of the stored format: a change of it would lose every user.
    #[test]
    fn the_shard_of_a_user_never_changes() {
        let user = UserId::from_uuid(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        assert_eq!(
            [1, 8, 64, 1024].map(|count| root_index(user, count)),
            [0, 7, 15, 655]
        );
    }

    #[test]
    fn users_spread_evenly() {
        let mut counts = [0u32; 8];
        for n in 0..8_000u128 {
            counts[usize::from(root_index(UserId::from_uuid(Uuid::from_u128(n)), 8))] += 1;
        }
        assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
    }
}
