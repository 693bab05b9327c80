//! What domains are lent: claims and look-ups, sent to whichever node serves the authority's shard.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cell_law::Law;
use cell_sdk::{ClaimDigest, ClaimEntry, ClaimOutcome, Directory};
use cell_shard::{Shard, WriteError};
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{Code, DataClass, HomeId, Jurisdiction, Problem, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::CallError;
use platform_wire::directory::{self as wire, DirectoryClient, Target};
use platform_wire::follow::Followed;
use uuid::Uuid;

use super::LookupKey;
use super::rows::{self, Failed, RowError};
use crate::hosted::Hosted;
use crate::problems::unavailable;

/// Attempts of one call: the shard may just be opening or changing its node.
const ATTEMPTS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Every operation is idempotent, so that it may be tried again whatever became of it.
pub struct Claims {
    pub hosted: Hosted,
    pub followed: Followed,
    pub client: DirectoryClient,
    pub lookup_key: LookupKey,
    pub law: Law,
    pub clock: Clock,
}

/// Where an authority's shard is served.
enum Place {
    Here(Shard),
    There(Target),
}

impl Claims {
    fn place(&self, authority: &Jurisdiction, digest: ClaimDigest) -> Result<Place, Problem> {
        let table = self.followed.current();
        let shard = table.shard_of_claim(authority, &digest.0);
        let shard = shard.ok_or_else(|| unavailable("the authority has no directory"))?;
        if let Some(here) = self.hosted.get(&shard) {
            return Ok(Place::Here(here));
        }
        target(&table, self.hosted.node(), shard).map(Place::There)
    }

    /// A digest of a person of `subject` would leave for where the authority's shard is.
    fn may_cross(&self, subject: &Jurisdiction, target: &Target) -> Result<(), Problem> {
        let (table, to) = (self.followed.current(), Destination::Region(&target.region));
        match self
            .law
            .egress(&table, subject, DataClass::Contact, Purpose::Service, to)
        {
            Ok(Crossing::Free) => Ok(()),
            Ok(Crossing::WithConsent(purpose)) => {
                Err(Problem::new(Code::LawForbids).detail(format!("only with consent to {purpose}")))
            }
            Err(why) if why.waits() => Err(unavailable(&why.to_string())),
            Err(why) => Err(Problem::new(Code::LawForbids).detail(why.to_string())),
        }
    }

    /// Tries until there is an answer; what cannot change is answered at once.
    async fn tried<T, F, Fut>(&self, attempt: F) -> Result<T, Problem>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Tried>>,
    {
        let mut last = unavailable("the directory cannot answer now");
        for n in 0..ATTEMPTS_MAX {
            if n > 0 {
                self.clock.sleep(PAUSE).await;
            }
            match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(Tried::Final(problem)) => return Err(problem),
                Err(Tried::Again(problem)) => last = problem,
            }
        }
        Err(last)
    }
}

pub(super) fn target(
    table: &Arc<RoutingTable>,
    me: &platform_model::NodeId,
    shard: ShardId,
) -> Result<Target, Problem> {
    let not_served = || unavailable("the directory's shard is not served yet");
    let served = table.primary_of(&shard).filter(|(route, _)| route.node != *me);
    let (route, node) = served.ok_or_else(not_served)?;
    let cell = table.cells.get(&route.node.cell).ok_or_else(not_served)?;
    Ok(Target {
        node: route.node.clone(),
        region: cell.region.clone(),
        address: node.address.clone(),
        epoch: route.epoch,
        shard,
    })
}

/// How an attempt failed.
enum Tried {
    Again(Problem),
    Final(Problem),
}

impl From<Problem> for Tried {
    /// Where the shard is, or whether it is, may change in a moment; what the law says does not.
    fn from(problem: Problem) -> Self {
        match problem.code {
            Code::LawForbids => Self::Final(problem),
            _ => Self::Again(problem),
        }
    }
}

impl From<Failed> for Tried {
    fn from(error: Failed) -> Self {
        match error {
            WriteError::Rejected(RowError::Damaged) => {
                tracing::error!("a row of the directory is damaged");
                Self::Final(Code::Internal.into())
            }
            other => {
                tracing::debug!(error = %other, "the directory's shard gave no answer");
                Self::Again(unavailable("the directory's shard cannot answer now"))
            }
        }
    }
}

impl From<CallError> for Tried {
    fn from(error: CallError) -> Self {
        tracing::debug!(%error, "the directory's node gave no answer");
        let again = error.retryable() || matches!(error, CallError::Unknown { .. });
        let problem = unavailable("the directory's node cannot answer now");
        if again {
            Self::Again(problem)
        } else {
            Self::Final(problem)
        }
    }
}

fn to_wire(entry: &ClaimEntry) -> wire::ClaimEntry {
    wire::ClaimEntry {
        user: entry.user,
        claim_id: entry.claim_id,
        home: entry.home.clone(),
        version: entry.version,
    }
}

#[async_trait]
impl Directory for Claims {
    fn digest(&self, kind: &str, value: &str) -> ClaimDigest {
        self.lookup_key.digest(kind, value)
    }

    async fn claim(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        entry: ClaimEntry,
    ) -> Result<ClaimOutcome, Problem> {
        let attempt = || async {
            Ok(match self.place(authority, digest)? {
                Place::Here(shard) => rows::claim(&shard, digest, &entry, false).await?,
                Place::There(target) => {
                    self.may_cross(&entry.home.jurisdiction, &target)?;
                    self.client.claim(&target, &digest.0, &to_wire(&entry)).await?
                }
            })
        };
        let held = self.tried(attempt).await?;
        Ok(if held {
            ClaimOutcome::Held
        } else {
            ClaimOutcome::Taken
        })
    }

    async fn release(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
        claim_id: Uuid,
        home: Option<&HomeId>,
    ) -> Result<(), Problem> {
        let attempt = || async {
            match self.place(authority, digest)? {
                Place::Here(shard) => rows::release(&shard, digest, claim_id, home).await?,
                Place::There(target) => {
                    self.client.release(&target, &digest.0, claim_id, home).await?;
                }
            }
            Ok(())
        };
        self.tried(attempt).await
    }

    async fn lookup(
        &self,
        authority: &Jurisdiction,
        digest: ClaimDigest,
    ) -> Result<Option<ClaimEntry>, Problem> {
        let attempt = || async {
            Ok(match self.place(authority, digest)? {
                Place::Here(shard) => rows::lookup(&shard, digest).await?,
                Place::There(target) => {
                    self.may_cross(authority, &target)?;
                    let found = self.client.lookup(&target, &digest.0).await?;
                    found.map(|e| ClaimEntry {
                        user: e.user,
                        claim_id: e.claim_id,
                        home: e.home,
                        version: e.version,
                    })
                }
            })
        };
        self.tried(attempt).await
    }
}
