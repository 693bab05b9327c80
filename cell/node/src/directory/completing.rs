//! A directory shard that was restored asks every shard of people of its jurisdiction what its people hold, and claims it once
//! more; then it takes new claims again.
//!
//! A row that another has by then - of a registration that was abandoned, and lay in the backup - is asked for first: it goes if
//! its claim was dropped, and else is told and left as it is. Then a person decides.

use cell_sdk::{ClaimDigest, ClaimEntry};
use cell_shard::Shard;
use platform_model::{Code, HomeId, Problem, ShardId, UserId};
use platform_wire::directory::{Decision, HeldPage};

use super::claims::target;
use super::decide::{held_here, home_of};
use super::reconcile::Reconciler;
use super::restored::{self, CameTo};
use super::rows::{self, Failed};
use super::unavailable;

/// Holders of one value that are asked one after another: nobody takes a new claim meanwhile.
const HOLDERS_MAX: usize = 4;

impl Reconciler {
    /// Claims once more, at each directory shard here that was restored, what everybody holds by his own record. What breaks off
    /// goes on with the next look, behind the last page.
    pub(super) async fn complete(&self) {
        let served = self.hosted.served().into_iter();
        for shard in served.filter(|shard| matches!(shard.id(), ShardId::Directory { .. })) {
            let came_to = match restored::is_to_be_completed(&shard).await {
                Ok(Some(came_to)) => came_to,
                Ok(None) => continue,
                Err(error) => {
                    tracing::debug!(shard = %shard.id(), %error, "whether it is complete cannot be told now");
                    continue;
                }
            };
            match self.complete_one(&shard, came_to).await {
                Ok(()) => {
                    tracing::info!(target: "audit", shard = %shard.id(), "the restored directory has what everybody holds")
                }
                Err(problem) => {
                    tracing::warn!(shard = %shard.id(), why = ?problem.detail, "the restored directory lacks what some hold; it takes no new claims");
                }
            }
        }
    }

    async fn complete_one(&self, shard: &Shard, came_to: CameTo) -> Result<(), Problem> {
        let table = self.followed.current();
        let all = restored::shards_of_people(&table, shard.id().jurisdiction());
        let left = |people: &ShardId| came_to.shard.as_ref().is_none_or(|done| people >= done);
        for people in all.into_iter().filter(left) {
            let home = home_of(&people).ok_or(Code::Internal)?;
            let mut after = came_to.after.filter(|_| came_to.shard.as_ref() == Some(&people));
            loop {
                let page = self.held(shard.id(), &people, after).await?;
                self.claim_again(shard, home, &page).await?;
                let Some(next) = page.next else { break };
                restored::note(shard, &people, next).await.map_err(failed)?;
                after = Some(next);
            }
        }
        restored::completed(shard).await.map_err(failed)
    }

    /// Claims once more what people of `home` hold.
    pub(super) async fn claim_again(
        &self,
        shard: &Shard,
        home: &HomeId,
        page: &HeldPage,
    ) -> Result<(), Problem> {
        for claim in &page.claims {
            let entry = ClaimEntry {
                user: claim.user,
                claim_id: claim.claim_id,
                home: home.clone(),
                version: 0,
            };
            self.claim_one(shard, ClaimDigest(claim.digest), &entry).await?;
        }
        Ok(())
    }

    async fn claim_one(&self, shard: &Shard, digest: ClaimDigest, entry: &ClaimEntry) -> Result<(), Problem> {
        for _ in 0..HOLDERS_MAX {
            if rows::claim(shard, digest, entry, true).await.map_err(failed)? {
                return Ok(());
            }
            let Some(holder) = rows::look(shard, digest).await.map_err(failed)? else {
                continue;
            };
            match self.decide(shard.id(), &holder.entry).await {
                Ok((decision @ (Decision::Dropped | Decision::Unknown), _)) => {
                    let released = rows::release_looked(shard, &holder).await.map_err(failed)?;
                    let (shard, holder) = (shard.id(), holder.entry.claim_id);
                    tracing::info!(target: "audit", %shard, claim = %holder, ?decision, released, "the row of a claim that is nobody's lies where another's was");
                }
                Ok((Decision::Active, _)) => {
                    held_twice(shard, &holder.entry, entry);
                    return Ok(());
                }
                // His rows cannot be read, by anybody: not for that is his address another's.
                Err(problem) if problem.code == Code::Internal => {
                    held_twice(shard, &holder.entry, entry);
                    return Ok(());
                }
                Err(problem) => return Err(problem),
            }
        }
        Err(unavailable(
            "a value that somebody holds was taken again and again",
        ))
    }

    async fn held(
        &self,
        directory: &ShardId,
        people: &ShardId,
        after: Option<UserId>,
    ) -> Result<HeldPage, Problem> {
        let table = self.followed.current();
        if let (Some(here), Some(home)) = (self.hosted.get(people), home_of(people)) {
            let parts = (&*self.services, &*table);
            return held_here(parts, (&here, home), directory, after).await;
        }
        let target = target(&table, self.hosted.node(), people.clone())?;
        let held = self.client.held(&target, directory, after).await;
        held.map_err(|error| unavailable(&error.to_string()))
    }
}

fn held_twice(shard: &Shard, holder: &ClaimEntry, entry: &ClaimEntry) {
    metrics::counter!("celld_claims_held_twice_total").increment(1);
    let (shard, home, user, claim) = (shard.id(), &entry.home, entry.user, entry.claim_id);
    tracing::error!(target: "audit", %shard, %home, %user, %claim, holder = %holder.user, "what a person holds by his own record was given to another");
}

fn failed(error: Failed) -> Problem {
    unavailable(&error.to_string())
}

#[cfg(test)]
mod tests;
