//! What a backup is called: its shard, where that stood, and a part of chance.

use std::fmt;
use std::str::FromStr;

use platform_model::{Epoch, EpochPosition, Position, ShardId};
use platform_runtime::random;

use crate::error::BackupError;

const BYTES_MAX: usize = 128;

/// `eu_eu-central_003.e4.1711.5f2c9a01`. Orders by shard, then by nothing that means something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackupName(String);

impl BackupName {
    /// A name that no other backup has.
    pub fn fresh(shard: &ShardId, epoch: Epoch, position: Position) -> Self {
        let shard = shard.to_string().replace('/', "_");
        let chance = u32::from_be_bytes(random::bytes());
        Self(format!("{shard}.e{}.{}.{chance:08x}", epoch.0, position.0))
    }

    /// The shard that it says to be of: whether it is, its manifest says.
    ///
    /// # Errors
    /// [`BackupError::Name`].
    pub fn shard(&self) -> Result<ShardId, BackupError> {
        let shard = self.0.split('.').next().unwrap_or_default().replace('_', "/");
        shard.parse().map_err(|_| BackupError::Name(self.0.clone()))
    }

    /// Where it says that the shard stood.
    pub(crate) fn at(&self) -> Option<EpochPosition> {
        let mut parts = self.0.split('.').skip(1);
        let (epoch, position) = (parts.next()?, parts.next()?);
        format!("{epoch}:{position}").parse().ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BackupName {
    type Err = BackupError;

    /// Nothing that would be a path elsewhere.
    fn from_str(text: &str) -> Result<Self, BackupError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        let fits = !text.is_empty() && text.len() <= BYTES_MAX && text.bytes().all(plain);
        if !fits || text.contains("..") || text.starts_with('.') || text.split('.').count() != 4 {
            return Err(BackupError::Name(text.chars().take(BYTES_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_a_path_is_none() {
        let shard: ShardId = "eu/eu-central/003".parse().expect("a shard");
        let name = BackupName::fresh(&shard, Epoch(4), Position(1_711));
        assert!(name.as_str().starts_with("eu_eu-central_003.e4.1711."), "{name}");
        assert_eq!(name.as_str().parse::<BackupName>().expect("reads"), name);
        assert_eq!(name.shard().expect("its shard"), shard);
        let pair = EpochPosition {
            epoch: Epoch(4),
            position: Position(1_711),
        };
        assert_eq!(name.at(), Some(pair));
        assert_ne!(BackupName::fresh(&shard, Epoch(4), Position(1_711)), name);
        let long = "a".repeat(200);
        for bad in [
            "",
            "..",
            "a/b.c.d.e",
            "../x.y.z.a",
            "A.b.c.d",
            "a.b.c",
            ".a.b.c",
            &long,
        ] {
            assert!(bad.parse::<BackupName>().is_err(), "{bad}");
        }
    }
}
