//! A person, named by home and id, and the shards that hold what is his. No name, no address ever stands here.

use std::fmt;
use std::str::FromStr;

use platform_model::{HomeId, InvalidId, ShardId, UserId};
use platform_wire::law::Residency;

/// `eu/eu-central/0197a4a0-0000-7000-8000-000000000001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPlace {
    pub home: HomeId,
    pub user: UserId,
}

/// What a shard holds of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub shard: ShardId,
    pub what: &'static str,
}

impl UserPlace {
    /// The shards of the report that hold something of this person: all that he has, the key that opens it, the claims
    /// on his addresses. In which directory shard these are depends on the addresses, which nobody is asked for here:
    /// all are named. Empty if the report knows no such home.
    pub fn parts(&self, report: &Residency) -> Vec<Part> {
        let all = || report.copies.iter().map(|copy| &copy.shard);
        let is_root = |shard: &&ShardId| matches!(shard, ShardId::Root { home, .. } if *home == self.home);
        let Ok(count @ 1..) = u16::try_from(all().filter(is_root).count()) else {
            return Vec::new();
        };
        let part = |shard, what| Part { shard, what };
        let keys = ShardId::Keys {
            home: self.home.clone(),
        };
        let mut parts = vec![
            part(
                ShardId::of_user(&self.home, count, self.user),
                "everything of this person",
            ),
            part(keys, "the key of this person, wrapped"),
        ];
        let of_authority = |shard: &&ShardId| matches!(shard, ShardId::Directory { authority, .. } if *authority == self.home.jurisdiction);
        let directories = all().filter(of_authority).cloned();
        parts.extend(directories.map(|shard| part(shard, "claims on addresses, in one of these")));
        parts
    }
}

impl fmt::Display for UserPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.home, self.user.as_uuid())
    }
}

impl FromStr for UserPlace {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let parts = text.rsplit_once('/');
        let (home, user) = match parts {
            Some((home, user)) => (home, user),
            None => (text, ""),
        };
        Ok(Self {
            home: home.parse()?,
            user: user.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const USER: &str = "eu/eu-central/0197a4a0-0000-7000-8000-000000000001";

    #[test]
    fn a_person_reads_back_and_lies_in_one_root_shard_of_the_home() {
        let user: UserPlace = USER.parse().expect("a person");
        assert_eq!(user.to_string(), USER);
        let parts = user.parts(&sample::residency());
        let shards: Vec<String> = parts.iter().map(|part| part.shard.to_string()).collect();
        assert!(shards[0].starts_with("eu/eu-central/00"), "{shards:?}");
        assert_eq!(shards[1..], ["eu/eu-central/keys", "directory/eu/000"]);
    }

    #[test]
    fn a_person_of_no_home_has_no_parts_and_half_a_name_is_none() {
        let elsewhere = UserPlace {
            home: "eu/nowhere".parse().expect("a home"),
            ..USER.parse().expect("a person")
        };
        assert!(elsewhere.parts(&sample::residency()).is_empty());
        for text in [
            "",
            "eu/eu-central",
            "eu/eu-central/x",
            "0197a4a0-0000-7000-8000-000000000001",
        ] {
            assert!(text.parse::<UserPlace>().is_err(), "{text}");
        }
    }
}
