//! The directory: globally unique values of people, held as keyed digests by the authority's directory shards.

use async_trait::async_trait;
use platform_model::{HomeId, Jurisdiction, Problem, UserId};
use uuid::Uuid;

/// HMAC-SHA-256 of a value under the world's look-up key: equal values meet, no value can be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimDigest(pub [u8; 32]);

/// The row of a claim. The row is the claim; time never frees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimEntry {
    pub user: UserId,
    /// Made by the one who claims: a retry is told from a rival by it.
    pub claim_id: Uuid,
    pub home: HomeId,
    /// Grows with each home that he takes it along to, and when he takes it back; 0: he claimed it where he came in. Whichever is
    /// higher says where he is, whatever comes later. What is looked up tells 0.
    pub version: u64,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The row stands under this claim id: now, or since an earlier try.
    Held,
    /// Another claim id holds the value.
    Taken,
}

/// Claims and look-ups, on whichever node the authority's shard lives. Every change is durable when it returns.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The digest of a value of one kind (`email`, `handle`), normalised by the caller.
    fn digest(&self, kind: &str, value: &str) -> ClaimDigest;

    /// Inserts the claim if the value is free. Safe to retry.
    async fn claim(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        entry: ClaimEntry,
    ) -> Result<ClaimOutcome, Problem>;

    /// Removes the row if it has this claim id: of a claim that its user's shard has committed as dropped. With a home, of one that
    /// he held there and has taken along since, or holds elsewhere after all: only if the row still names that home, for he
    /// may hold the same claim in another of the same authority by then.
    async fn release(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        claim_id: Uuid,
        home: Option<&HomeId>,
    ) -> Result<(), Problem>;

    /// Who holds the value, read linearizably.
    async fn lookup(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
    ) -> Result<Option<ClaimEntry>, Problem>;
}
