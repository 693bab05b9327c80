//! A directory shard that was restored asks every shard of people of its jurisdiction what its people hold, and claims it once
//! more; then it takes new claims again.

use cell_shard::Shard;
use platform_model::{Code, Problem, ShardId, UserId};
use platform_wire::directory::HeldPage;

use super::claims::target;
use super::decide::{held_here, home_of};
use super::reconcile::Reconciler;
use super::{restored, rows};

impl Reconciler {
    /// Claims once more, at each directory shard here that was restored, what everybody holds by his own record. What breaks off is
    /// begun again with the next look.
    pub(super) async fn complete(&self) {
        let served = self.hosted.served().into_iter();
        for shard in served.filter(|shard| matches!(shard.id(), ShardId::Directory { .. })) {
            match restored::is_to_be_completed(&shard).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::debug!(shard = %shard.id(), %error, "whether it is complete cannot be told now");
                    continue;
                }
            }
            match self.complete_one(&shard).await {
                Ok(()) => {
                    tracing::info!(target: "audit", shard = %shard.id(), "the restored directory has what everybody holds")
                }
                Err(problem) => {
                    tracing::warn!(shard = %shard.id(), why = ?problem.detail, "the restored directory lacks what some hold; it takes no new claims");
                }
            }
        }
    }

    async fn complete_one(&self, shard: &Shard) -> Result<(), Problem> {
        let table = self.followed.current();
        let failed = |error: rows::Failed| super::unavailable(&error.to_string());
        for people in restored::shards_of_people(&table, shard.id().jurisdiction()) {
            let home = home_of(&people).ok_or(Code::Internal)?;
            let mut after = None;
            loop {
                let page = self.held(shard.id(), &people, after).await?;
                restored::claim_again(shard, home, &page).await.map_err(failed)?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        restored::completed(shard).await.map_err(failed)
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
        held.map_err(|error| super::unavailable(&error.to_string()))
    }
}
