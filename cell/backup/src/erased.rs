//! People who were erased, left out of what is restored: of a shard of people all their rows; of a key shard their keys,
//! of which the fact stays that they were destroyed, also where the backup does not hold them; of a directory shard their
//! claims.

use std::collections::BTreeSet;

use bytes::Bytes;
use cell_layers::keys::rows as key_rows;
use cell_shard::{Mutation, root_of};
use platform_model::{RootKind, ShardId, UserId};

/// Whose claim the value of a row of a directory shard is; none if it is no claim.
pub type Claimant = fn(&[u8]) -> Option<UserId>;

/// Those who had data in one shard, as its controllers have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasedPeople(BTreeSet<UserId>);

impl FromIterator<UserId> for ErasedPeople {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Self {
        Self(users.into_iter().collect())
    }
}

impl ErasedPeople {
    /// Takes out of `rows` what may not come back; answers how many.
    pub(crate) fn apply(&self, shard: &ShardId, claimant: Claimant, rows: &mut Vec<(Bytes, Bytes)>) -> u64 {
        let mut left_out = 0;
        let keys = matches!(shard, ShardId::Keys { .. });
        rows.retain_mut(|(key, value)| {
            if !self.claims(shard, claimant, value) && !self.names(key) {
                return true;
            }
            left_out += 1;
            if keys {
                *value = key_rows::destroyed();
            }
            keys
        });
        left_out
    }

    /// Does the same to what an entry of the log wrote. What may not come back is cleared: the row in whose place it came was
    /// gone by then. Answers how many.
    pub(crate) fn apply_to_writes(
        &self,
        shard: &ShardId,
        claimant: Claimant,
        writes: &mut [Mutation],
    ) -> u64 {
        let mut left_out = 0;
        for write in writes {
            let Mutation::Put { key, value } = write else {
                continue;
            };
            if self.claims(shard, claimant, value) || self.names(key) {
                left_out += 1;
                *write = Mutation::Clear {
                    key: std::mem::take(key),
                };
            }
        }
        left_out
    }

    /// Whether the row of a directory shard is a claim of one of them.
    fn claims(&self, shard: &ShardId, claimant: Claimant, value: &[u8]) -> bool {
        let directory = matches!(shard, ShardId::Directory { .. });
        directory && claimant(value).is_some_and(|user| self.0.contains(&user))
    }

    /// What a copy of a key shard has of them, whether the backup held it or not: that their keys were destroyed. Without it
    /// a registration that is sent again would make a person of the same id, with a new key. In order, so many at once.
    pub(crate) fn tombstones(&self, shard: &ShardId, at_once: usize) -> Vec<Vec<(Bytes, Bytes)>> {
        if !matches!(shard, ShardId::Keys { .. }) {
            return Vec::new();
        }
        let people: Vec<UserId> = self.0.iter().copied().collect();
        let row = |user: &UserId| (key_rows::key_of(*user), key_rows::destroyed());
        let some = people.chunks(at_once);
        some.map(|some| some.iter().map(row).collect()).collect()
    }

    pub(crate) fn has(&self, user: UserId) -> bool {
        self.0.contains(&user)
    }

    fn names(&self, key: &Bytes) -> bool {
        let root = root_of(key).filter(|root| root.kind == RootKind::User);
        root.is_some_and(|root| self.0.contains(&UserId::from_uuid(root.id.0)))
    }
}
