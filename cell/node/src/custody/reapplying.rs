//! Who was erased, or has left, stays so whatever copy leads. A promotion by force loses what only the copies had that are
//! given up, and with it perhaps that a key was destroyed and rows were removed, long after the certificate. So whenever
//! a shard of people that is served here, or its home's keys, comes to another epoch, the list by which restores leave
//! people out is gone by once more: every key of theirs is destroyed, and every row of who seems to live here is removed.
//! Where nothing was lost there is nothing to do. Until then, some seconds, he may be served.
//!
//! Whose erasure is not at its end yet is not touched: it is taken to its end in its own order ([`super::resuming`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cell_shard::Shard;
use platform_model::{Epoch, HomeId, ShardId, UserId};
use platform_wire::backup::OPEN_ERASURES_MAX;
use platform_wire::{CallError, Refusal, RefusalCode};

use super::Custody;
use super::erasing::{Asked, end_root, is_gone, refused, remove_rows};
use crate::relocation::{Elsewhere, elsewhere, standing_of};

/// How often it is looked whether an epoch has begun.
const EVERY: Duration = Duration::from_secs(5);

/// Epochs of a shard of people and of its home's keys, for which the list was gone by.
pub(super) type Applied = BTreeMap<ShardId, (Epoch, Option<Epoch>)>;

impl Custody {
    pub(super) async fn reapply_on(&self) {
        let mut applied = Applied::new();
        loop {
            self.shared.clock.sleep(EVERY).await;
            self.reapply(&mut applied).await;
        }
    }

    /// One look at every shard of people that is served here.
    pub(super) async fn reapply(&self, applied: &mut Applied) {
        let served = self.shared.hosted.served();
        applied.retain(|id, _| served.iter().any(|shard| shard.id() == id));
        for shard in &served {
            let ShardId::Root { home, .. } = shard.id() else {
                continue;
            };
            let keys = ShardId::Keys { home: home.clone() };
            let table = self.shared.followed.current();
            let epochs = (shard.epoch(), table.shards.get(&keys).map(|route| route.epoch));
            if applied.get(shard.id()) == Some(&epochs) {
                continue;
            }
            match self.reapply_in(home, shard).await {
                Ok(()) => {
                    applied.insert(shard.id().clone(), epochs);
                }
                Err(refusal) if refusal.code.retryable() => {
                    tracing::debug!(shard = %shard.id(), %refusal, "whether the erased stayed erased cannot be seen now");
                }
                Err(refusal) => {
                    tracing::warn!(shard = %shard.id(), %refusal, "whether the erased stayed erased in this epoch is not seen yet");
                }
            }
        }
    }

    async fn reapply_in(&self, home: &HomeId, shard: &Shard) -> Result<(), Refusal> {
        let register = &self.shared.register;
        // First: who comes to his end in between is open no more, and who begins is not listed.
        let listed = register.read_erased(shard.id()).await;
        let listed = listed.map_err(|error| untold(&error))?;
        let open = register.read_open_erasures(shard.id()).await;
        let open: BTreeSet<UserId> = open.map_err(|error| untold(&error))?.into_iter().collect();
        if open.len() >= OPEN_ERASURES_MAX {
            let message = "more erasures are under way than are told at once";
            return Err(Refusal::new(RefusalCode::Unavailable, message));
        }
        let table = self.shared.followed.current();
        let mut failed = None;
        for user in listed.users {
            let own = table.shard_of_user(home, user);
            let is_here = own.as_ref() == Some(shard.id());
            if is_here && !open.contains(&user) && !self.erasing.lock().contains(&user) {
                match self.reapply_to(home, shard, user).await {
                    Ok(()) => {}
                    Err(refusal) if refusal.code.retryable() => return Err(refusal),
                    // One of whom it cannot be done keeps it from nobody else.
                    Err(refusal) => failed = Some(refusal),
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn reapply_to(&self, home: &HomeId, shard: &Shard, user: UserId) -> Result<(), Refusal> {
        let (keys, followed) = (&self.shared.keys, &self.shared.followed);
        let asked = Asked {
            home: home.clone(),
            user,
            by: format!("node {}", self.shared.node),
            reason: "what a promotion brought back".to_owned(),
            on_record: true,
        };
        let standing = standing_of(shard, user).await;
        let standing = standing.map_err(|problem| refused(&problem))?;
        let lives_here = match elsewhere(standing.as_ref()) {
            None => true,
            // What lies here of him goes with his relocation.
            Some(Elsewhere::Lives(_)) => false,
            Some(Elsewhere::Moves) => return Ok(()),
        };
        let destroyed = keys.is_destroyed(followed, home, user).await;
        let destroyed = destroyed.map_err(|problem| refused(&problem))?;
        if destroyed && (!lives_here || is_gone(shard, &asked).await?) {
            return Ok(());
        }
        if lives_here {
            end_root(shard, &asked).await?;
        }
        let gone = keys.destroy(followed, home, user).await;
        gone.map_err(|problem| refused(&problem))?;
        let rows = if lives_here {
            remove_rows(shard, &asked).await?
        } else {
            0
        };
        metrics::counter!("celld_erasures_reapplied_total").increment(1);
        tracing::warn!(target: "audit", %home, %user, rows, "a person who was erased, or has left, had come back with another copy: his key is destroyed and his rows are removed once more");
        Ok(())
    }
}

fn untold(error: &CallError) -> Refusal {
    let code = error.refusal();
    let code = code.map_or(RefusalCode::Unavailable, |refusal| refusal.code);
    Refusal::new(code, format!("no controller tells who was erased: {error}"))
}
