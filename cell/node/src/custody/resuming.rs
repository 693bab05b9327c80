//! Erasures that were begun and have not come to their end - a node that stopped, a directory that did not answer - are
//! taken up by whoever serves the person's shard, until they have.

use std::collections::BTreeSet;
use std::time::Duration;

use cell_layers::place::Standing;
use cell_relay::Place;
use cell_shard::Shard;
use platform_model::{HomeId, ShardId, UserId};
use platform_wire::backup::ErasureStage;
use platform_wire::custody::UserErased;
use platform_wire::{Refusal, RefusalCode};

use super::Custody;
use super::erasing::{Asked, end_fenced, end_root, refused};
use crate::relocation::{Elsewhere, elsewhere, standing_of};

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(30);

impl Custody {
    /// Takes up what was left, until the node ends.
    pub fn start(&self) {
        let (custody, token) = (self.clone(), self.shared.tasks.token());
        self.shared.tasks.spawn("custody", async move {
            let all = async {
                custody.sweep_scratch().await;
                tokio::join!(
                    custody.resume_on(),
                    custody.reapply_on(),
                    custody.sweep_on(),
                    custody.keep_on(),
                    custody.keep_logs_on()
                )
            };
            token.run_until_cancelled(all).await;
        });
    }

    async fn resume_on(&self) {
        loop {
            self.shared.clock.sleep(EVERY).await;
            self.resume().await;
        }
    }

    /// By a person's command. One that is under way already is not taken up beside it.
    pub(super) async fn erase_now(&self, asked: &Asked) -> Result<UserErased, Refusal> {
        let _busy = Busy::with(self, asked.user);
        self.erase(asked).await
    }

    /// One look at every home of which a shard of people is served here.
    pub(crate) async fn resume(&self) {
        let mut looked = BTreeSet::new();
        for shard in self.shared.hosted.served() {
            let ShardId::Root { home, .. } = shard.id() else {
                continue;
            };
            if looked.insert(home.clone()) {
                self.resume_in(home, shard.id()).await;
            }
        }
    }

    async fn resume_in(&self, home: &HomeId, shard: &ShardId) {
        let open = match self.shared.register.read_open_erasures(shard).await {
            Ok(open) => open,
            Err(error) if error.refusal().is_some_and(|refusal| !refusal.code.retryable()) => {
                metrics::counter!("celld_erasures_left_total").increment(1);
                tracing::warn!(%home, %error, "whose erasure was begun is not told; it is not taken to its end");
                return;
            }
            Err(error) => {
                tracing::debug!(%home, %error, "erasures that were begun cannot be read now");
                return;
            }
        };
        for user in open {
            let table = self.shared.followed.current();
            let own = table.shard_of_user(home, user);
            let is_here = own.is_some_and(|own| self.shared.hosted.get(&own).is_some());
            if !is_here || self.erasing.lock().contains(&user) {
                continue;
            }
            let asked = Asked {
                home: home.clone(),
                user,
                by: format!("node {}", self.shared.node),
                reason: "an erasure that was begun is taken to its end".to_owned(),
                on_record: true,
            };
            if let Err(refusal) = self.take_up(&asked).await {
                metrics::counter!("celld_erasures_left_total").increment(1);
                tracing::warn!(target: "audit", %home, %user, %refusal, "an erasure that was begun is still not at its end");
            }
        }
    }
}

impl Custody {
    /// It is on record: whether he is at home, moves or has gone since.
    async fn take_up(&self, asked: &Asked) -> Result<(), Refusal> {
        let table = self.shared.followed.current();
        let own = table.shard_of_user(&asked.home, asked.user);
        let Some(shard) = own.and_then(|own| self.shared.hosted.get(&own)) else {
            return Ok(());
        };
        let standing = standing_of(&shard, asked.user).await;
        let standing = standing.map_err(|problem| refused(&problem))?;
        let is_fenced =
            |standing: &Standing| matches!(standing.place, Place::Fenced { .. }) && standing.errand.is_some();
        match elsewhere(standing.as_ref()) {
            None => self.erase_now(asked).await.map(drop),
            Some(Elsewhere::Moves) if standing.as_ref().is_some_and(is_fenced) => {
                self.end_behind_the_fence(asked, &shard).await
            }
            // Turned back, if it is not too late for that.
            Some(Elsewhere::Moves) => end_root(&shard, asked).await,
            Some(Elsewhere::Lives(_)) => self.follow(asked, &shard).await,
        }
    }

    /// The home that he moves to may not know him, restored to before he came: he is erased here. Else it waits for where he
    /// will live.
    async fn end_behind_the_fence(&self, asked: &Asked, shard: &Shard) -> Result<(), Refusal> {
        let nobody_there = self.shared.elsewhere.erase_there(shard, asked.user).await;
        nobody_there.map_err(|why| {
            let message = format!("he is on his way, and is erased where he will live: {why}");
            Refusal::new(RefusalCode::Unavailable, message)
        })?;
        end_fenced(shard, asked).await?;
        self.erase_now(asked).await.map(drop)
    }

    /// What is left of him here goes with his erasure where he lives.
    async fn follow(&self, asked: &Asked, shard: &Shard) -> Result<(), Refusal> {
        let erased = self.shared.elsewhere.erase_there(shard, asked.user).await;
        erased.map_err(|why| {
            let message = format!("he has moved since, and is not erased where he lives yet: {why}");
            Refusal::new(RefusalCode::Unavailable, message)
        })?;
        // One who is not known where he went has had nothing removed here.
        let standing = standing_of(shard, asked.user).await;
        let standing = standing.map_err(|problem| refused(&problem))?;
        if standing.is_some_and(|standing| standing.clearing) {
            return Err(left_here("what he left here is still being removed"));
        }
        let gone = self.shared.elsewhere.forget(shard, asked.user).await;
        gone.map_err(|why| left_here(&why))?;
        let done = ErasureStage::Done { claims: 0, rows: 0 };
        let sequence = self.record(asked, done).await?;
        let (home, user) = (&asked.home, asked.user);
        tracing::warn!(target: "audit", %home, %user, sequence, "a person who had moved since was erased where he lives");
        Ok(())
    }

    /// His erasure was put on record in the home from where he came. Safe to repeat.
    ///
    /// # Errors
    /// Why he is not erased yet; on record here, it is taken to its end all the same.
    pub(crate) async fn erase_who_came(
        &self,
        home: &HomeId,
        user: UserId,
        from: &HomeId,
    ) -> Result<(), Refusal> {
        let asked = Asked {
            home: home.clone(),
            user,
            by: format!("node {}", self.shared.node),
            reason: format!("his erasure was begun in {from}, before he moved from there"),
            on_record: false,
        };
        self.erase_now(&asked).await.map(drop)
    }
}

fn left_here(why: &str) -> Refusal {
    let message = format!("he has moved since and is erased where he lives, and not here yet: {why}");
    Refusal::new(RefusalCode::Unavailable, message)
}

/// A person is being erased while this lives.
struct Busy<'a>(&'a Custody, UserId);

impl<'a> Busy<'a> {
    fn with(custody: &'a Custody, user: UserId) -> Self {
        custody.erasing.lock().insert(user);
        Self(custody, user)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.erasing.lock().remove(&self.1);
    }
}
