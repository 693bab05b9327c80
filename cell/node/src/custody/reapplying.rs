//! Who was erased, or has left, stays so whatever copy leads. A promotion by force loses what only the copies had that
//! are given up, and with it perhaps that a key was destroyed and rows were removed, long after the certificate. So
//! whenever a shard of people that is served here, or its home's keys, comes to another epoch, the list by which restores
//! leave people out is gone by once more. Of every shard first: each key of theirs is destroyed. Then the directory is
//! asked, as by a restore: who lives elsewhere is redirected there again, and what lies here of him goes with his
//! relocation. Every row of all others is removed. Where nothing was lost there is nothing to do. Until then, some
//! seconds, he may be served.
//!
//! Whose erasure is not at its end yet is not touched: it is taken to its end in its own order ([`super::resuming`]).
//! Who moves, for all that such a copy knows, is turned back if it is not too late for that, and looked at again until
//! it has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cell_backup::Resident;
use cell_layers::LayerError;
use cell_layers::place::{self, Standing};
use cell_shard::{Mode, Shard, Tx, WriteError};
use futures::future::join_all;
use platform_model::{Epoch, HomeId, ShardId, UserId};
use platform_wire::backup::OPEN_ERASURES_MAX;
use platform_wire::{CallError, Refusal, RefusalCode};

use super::Custody;
use super::erasing::{Asked, end_root, is_gone, refused, remove_rows, request, unavailable};
use crate::relocation::{Elsewhere, elsewhere};

/// How often it is looked whether an epoch has begun.
const EVERY: Duration = Duration::from_secs(5);
/// People about whom the directory is asked at once.
const ASKED_AT_ONCE: usize = 16;
/// So long it is waited for: a shard that comes to an epoch meanwhile is looked at before it is asked again.
const DIRECTORY_WITHIN: Duration = Duration::from_secs(5);

/// Epochs of a shard of people and of its home's keys, for which the list was gone by.
pub(super) type Applied = BTreeMap<ShardId, (Epoch, Option<Epoch>)>;

/// Who of the list is back in a shard, or on the move there.
struct Back {
    people: Vec<Resident>,
    /// Of one it could not be told: that keeps it from nobody else.
    failed: Option<Refusal>,
}

impl Custody {
    pub(super) async fn reapply_on(&self) {
        let mut applied = Applied::new();
        loop {
            self.shared.clock.sleep(EVERY).await;
            self.reapply(&mut applied).await;
        }
    }

    /// One look at every shard of people that is served here.
    pub(crate) async fn reapply(&self, applied: &mut Applied) {
        let served = self.shared.hosted.served();
        applied.retain(|id, _| served.iter().any(|shard| shard.id() == id));
        let mut closed = Vec::new();
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
            match self.close(home, shard).await {
                Ok(back) => closed.push((home, shard, epochs, back)),
                Err(refusal) => not_yet(shard, &refusal),
            }
        }
        // A directory that does not answer is waited for: by then nobody's key is left.
        let cleared = closed.into_iter().map(|(home, shard, epochs, back)| async move {
            (shard, epochs, self.clear(home, shard, back).await)
        });
        for (shard, epochs, cleared) in join_all(cleared).await {
            match cleared {
                Ok(()) => {
                    applied.insert(shard.id().clone(), epochs);
                }
                Err(refusal) => not_yet(shard, &refusal),
            }
        }
    }

    /// Destroys the keys of those who do not move.
    async fn close(&self, home: &HomeId, shard: &Shard) -> Result<Back, Refusal> {
        let register = &self.shared.register;
        // First: who comes to his end in between is open no more, and who begins is not listed.
        let listed = register.read_erased(shard.id()).await;
        let listed = listed.map_err(|error| untold(&error))?;
        let open = register.read_open_erasures(shard.id()).await;
        let open: BTreeSet<UserId> = open.map_err(|error| untold(&error))?.into_iter().collect();
        // More than are told at once: behind the last of them nobody's erasure is known to be at its end.
        let last = open.last().filter(|_| open.len() >= OPEN_ERASURES_MAX);
        let table = self.shared.followed.current();
        let (mut people, mut failed) = (Vec::new(), None);
        for user in listed.users {
            let own = table.shard_of_user(home, user);
            let is_here = own.as_ref() == Some(shard.id());
            if !is_here || open.contains(&user) || self.erasing.lock().contains(&user) {
                continue;
            }
            if last.is_some_and(|last| user > *last) {
                let message = "more erasures are under way than are told at once";
                failed = Some(Refusal::new(RefusalCode::Unavailable, message));
                continue;
            }
            match self.close_one(home, shard, user).await {
                Ok(back) => people.extend(back),
                Err(refusal) if refusal.code.retryable() => return Err(refusal),
                Err(refusal) => failed = Some(refusal),
            }
        }
        Ok(Back { people, failed })
    }

    /// None: nothing of him is here that is not to be.
    async fn close_one(
        &self,
        home: &HomeId,
        shard: &Shard,
        user: UserId,
    ) -> Result<Option<Resident>, Refusal> {
        let (keys, followed) = (&self.shared.keys, &self.shared.followed);
        let back = Resident {
            user,
            standing: standing(shard, &self.once_more(home, user)).await?,
            left_out: false,
        };
        let lives_here = match elsewhere(back.standing.as_ref()) {
            None => true,
            // What lies here of him goes with his relocation.
            Some(Elsewhere::Lives(_)) => false,
            // Where he will live is seen first: what has come in may be all that there is of him.
            Some(Elsewhere::Moves) => return Ok(Some(back)),
        };
        let destroyed = keys.is_destroyed(followed, home, user).await;
        let destroyed = destroyed.map_err(|problem| refused(&problem))?;
        if !destroyed {
            let gone = keys.destroy(followed, home, user).await;
            gone.map_err(|problem| refused(&problem))?;
            metrics::counter!("celld_erasures_reapplied_total", "what" => "key").increment(1);
            tracing::warn!(target: "audit", %home, %user, "the key of a person who was erased, or has left, had come back with another copy: it is destroyed once more");
        }
        let is_clear = !lives_here || (destroyed && is_gone(shard, &self.once_more(home, user)).await?);
        Ok((!is_clear).then_some(back))
    }

    /// Who lives elsewhere has gone, and of whoever does not nothing stays.
    async fn clear(&self, home: &HomeId, shard: &Shard, back: Back) -> Result<(), Refusal> {
        let Back { people, mut failed } = back;
        for some in people.chunks(ASKED_AT_ONCE) {
            let gone = self.gone(home, shard, some).await?;
            for one in some {
                let cleared = match gone.get(&one.user) {
                    Some(standing) => self.see_off(home, shard, (one, standing)).await,
                    None => self.clear_one(home, shard, one.user).await,
                };
                // One of whom it cannot be done keeps it from nobody else.
                failed = cleared.err().or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Who of them lives elsewhere, and how he stands here therefore.
    async fn gone(
        &self,
        home: &HomeId,
        shard: &Shard,
        some: &[Resident],
    ) -> Result<BTreeMap<UserId, Standing>, Refusal> {
        let told = tokio::select! {
            told = self.shared.elsewhere.gone_from(home, some.to_vec()) => told,
            () = self.shared.clock.sleep(DIRECTORY_WITHIN) => Err("the directory does not answer".to_owned()),
        };
        let gone = told.map_err(|why| {
            tracing::warn!(shard = %shard.id(), why, "where those live who were erased, or have left, is not told: no row of theirs is removed yet");
            Refusal::new(RefusalCode::Unavailable, why)
        })?;
        Ok(gone.into_iter().collect())
    }

    /// He lives elsewhere, and this copy lacks that he left: whoever drives people removes what lies here.
    async fn see_off(
        &self,
        home: &HomeId,
        shard: &Shard,
        (back, gone): (&Resident, &Standing),
    ) -> Result<(), Refusal> {
        let user = back.user;
        let go = |tx: Tx| async move {
            tx.sync();
            let is_as_seen = place::standing(&tx, user).await? == back.standing;
            if is_as_seen {
                place::put_standing(&tx, user, gone)?;
            }
            Ok::<_, LayerError>(is_as_seen)
        };
        let went = shard
            .write(&request(&self.once_more(home, user), Mode::Sync), go)
            .await;
        if !went.map_err(|error| unavailable(&error))?.value {
            let message = format!("{user} moves at this moment");
            return Err(Refusal::new(RefusalCode::Unavailable, message));
        }
        metrics::counter!("celld_erasures_reapplied_total", "what" => "gone").increment(1);
        let place = &gone.place;
        tracing::warn!(target: "audit", %home, %user, ?place, "a person who has left had come back with another copy: he lives elsewhere, and is not served here");
        Ok(())
    }

    async fn clear_one(&self, home: &HomeId, shard: &Shard, user: UserId) -> Result<(), Refusal> {
        let asked = self.once_more(home, user);
        // One who moves is turned back by it, and is refused.
        end_root(shard, &asked).await?;
        let destroyed = self.shared.keys.destroy(&self.shared.followed, home, user).await;
        destroyed.map_err(|problem| refused(&problem))?;
        let rows = remove_rows(shard, &asked).await?;
        metrics::counter!("celld_erasures_reapplied_total", "what" => "rows").increment(1);
        tracing::warn!(target: "audit", %home, %user, rows, "a person who was erased, or has left, had come back with another copy: his rows are removed once more");
        Ok(())
    }

    fn once_more(&self, home: &HomeId, user: UserId) -> Asked {
        Asked {
            home: home.clone(),
            user,
            by: format!("node {}", self.shared.node),
            reason: "what a promotion brought back".to_owned(),
            on_record: true,
        }
    }
}

/// How he stands here. A row that this build never reads is told apart from a shard that cannot answer now.
async fn standing(shard: &Shard, asked: &Asked) -> Result<Option<Standing>, Refusal> {
    let user = asked.user;
    let look = |tx: Tx| async move { place::standing(&tx, user).await };
    let read = shard.read(&request(asked, Mode::Async), look).await;
    read.map(|answer| answer.value).map_err(|error| match error {
        WriteError::Rejected(error) if !error.retryable() => {
            Refusal::new(RefusalCode::Internal, format!("how {user} stands: {error}"))
        }
        error => unavailable(&error),
    })
}

fn not_yet(shard: &Shard, refusal: &Refusal) {
    let shard = shard.id();
    if refusal.code.retryable() {
        tracing::debug!(%shard, %refusal, "whether the erased stayed erased cannot be seen now");
    } else {
        tracing::warn!(%shard, %refusal, "whether the erased stayed erased in this epoch is not seen yet");
    }
}

fn untold(error: &CallError) -> Refusal {
    let code = error.refusal();
    let code = code.map_or(RefusalCode::Unavailable, |refusal| refusal.code);
    Refusal::new(code, format!("no controller tells who was erased: {error}"))
}
