//! A person is erased where he lives: what is left of him in the homes where he was goes too, before anybody has a certificate.
//!
//! That is what a home that he left still holds until all that he told is delivered, and the key of a copy that was given up.
//! The home where he lives knows where he came from and whom he was given to in vain; each of those knows the same of the time
//! before. Each is asked until it has nothing left; what he told and nobody has taken yet goes with him.

use async_trait::async_trait;
use cell_backup::Resident;
use cell_layers::place::{Errand, Standing};
use cell_relay::Place;
use cell_relay::home::OperationId;
use cell_shard::Shard;
use futures::future::BoxFuture;
use platform_model::{HomeId, UserId};
use platform_wire::relocation::{Step, Take, Taken};

use super::source::NO_ANSWER;
use super::standing::{self, change, has_ended};
use super::target::{Not, not_now};
use super::{Parts, Relocations};

/// What erasures and restores ask of those who move people.
#[async_trait]
pub trait Elsewheres: Send + Sync {
    /// Nothing is left of him where he was before he lived in this shard, or where a copy of him was given up. May be repeated.
    ///
    /// # Errors
    /// What is left where, or who does not answer.
    async fn forget(&self, shard: &Shard, user: UserId) -> Result<(), String>;

    /// He is erased where he lives, who has gone from this shard since his erasure was put on record here. May be repeated.
    ///
    /// # Errors
    /// Why he is not yet.
    async fn erase_there(&self, shard: &Shard, user: UserId) -> Result<(), String>;

    /// Who of a backup of a shard of `home` lives elsewhere by now, and how he stands there therefore.
    ///
    /// # Errors
    /// Why the directory does not tell.
    async fn gone_from(
        &self,
        home: &HomeId,
        people: Vec<Resident>,
    ) -> Result<Vec<(UserId, Standing)>, String>;
}

#[async_trait]
impl Elsewheres for Relocations {
    async fn forget(&self, shard: &Shard, user: UserId) -> Result<(), String> {
        let standing = standing::read(shard, user).await;
        match standing.map_err(|error| error.to_string())? {
            Some(standing) => self.parts.ask_all(shard, user, &standing).await,
            None => Ok(()),
        }
    }

    async fn erase_there(&self, shard: &Shard, user: UserId) -> Result<(), String> {
        self.parts.ask_to_erase(shard, user).await
    }

    async fn gone_from(
        &self,
        home: &HomeId,
        people: Vec<Resident>,
    ) -> Result<Vec<(UserId, Standing)>, String> {
        self.parts.gone_from(home, people).await
    }
}

impl Parts {
    async fn ask_all(&self, shard: &Shard, user: UserId, standing: &Standing) -> Result<(), String> {
        // A copy that was given up came from where he lives on: he is erased there, and it is he who asks.
        let lived_here = !matches!(standing.place, Place::Gone { .. }) || standing.errand.is_some();
        let before = standing.came_from.iter().filter(|_| lived_here);
        for home in before.chain(&standing.tried) {
            let errand = errand_to(home);
            match self.ask_there(shard, user, &errand, 0, Step::Forget).await {
                Ok(Taken::Done { .. }) => {}
                Ok(Taken::Later(why) | Taken::Refused(why) | Taken::Unlawful(why)) | Err(why) => {
                    return Err(format!("{home}: {why}"));
                }
                Ok(Taken::Waits(_)) => return Err(format!("{home}: {NO_ANSWER}")),
            }
        }
        Ok(())
    }

    /// One who is gone from here is erased where he lives. Boxed: it asks the homes before this one the same.
    pub(super) fn forget_here<'a>(
        &'a self,
        shard: &'a Shard,
        home: &'a HomeId,
        take: &'a Take,
    ) -> BoxFuture<'a, Result<u64, Not>> {
        Box::pin(self.forgotten_here(shard, home, take))
    }

    async fn forgotten_here(&self, shard: &Shard, home: &HomeId, take: &Take) -> Result<u64, Not> {
        let user = take.user;
        let Some(standing) = standing::read(shard, user).await.map_err(not_now)? else {
            return Ok(0);
        };
        let Place::Gone { to, .. } = &standing.place else {
            return self.still_here(shard, user, &standing).await;
        };
        if standing.clearing && Some(to) != take.source.home() {
            return Err(Not::Later("what he left is still being removed".to_owned()));
        }
        if standing.clearing {
            let left = self.erase_here(shard, home, user, (&standing.place, to));
            left.await.map_err(Not::Later)?;
        } else {
            // Of a copy that was given up: he will not come any more.
            let destroyed = self.keys.destroy(&self.followed, home, user).await;
            destroyed.map_err(|problem| Not::Later(problem.code.as_str().to_owned()))?;
            if standing.errand.is_none() {
                // So that an older copy of the keys, which has it still, does not keep it.
                let recorded = self.records.departed(home, user, 0, to).await;
                recorded.map_err(Not::Later)?;
            }
        }
        let asked = self.ask_all(shard, user, &standing).await;
        asked.map_err(Not::Later)?;
        if standing.clearing {
            self.leave_on_record(shard, home, user, &standing).await?;
        }
        tracing::warn!(target: "audit", shard = %shard.id(), %user, "what was left of a person who is erased elsewhere is gone");
        Ok(0)
    }

    /// He is being erased here, if anybody asks at all; else he moves, and is not erased at this moment.
    async fn still_here(&self, shard: &Shard, user: UserId, standing: &Standing) -> Result<u64, Not> {
        let at_home = matches!(standing.place, Place::Home { .. });
        if at_home && has_ended(shard, user).await.map_err(not_now)? {
            return Ok(0);
        }
        Err(Not::Later("he lives there, or moves".to_owned()))
    }

    /// As when a home is cleared in its own time.
    async fn leave_on_record(
        &self,
        shard: &Shard,
        home: &HomeId,
        user: UserId,
        standing: &Standing,
    ) -> Result<(), Not> {
        if let Place::Gone { to, .. } = &standing.place
            && standing.errand.is_some()
        {
            let recorded = self.records.departed(home, user, standing.tally.rows, to).await;
            recorded.map_err(Not::Later)?;
        }
        let done = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            let clearing = before.clearing && before.place != standing.place;
            Ok(Standing { clearing, ..before })
        };
        change(shard, user, done).await.map(|_| ()).map_err(not_now)
    }
}

/// As little as is needed to ask another home.
pub(super) fn errand_to(home: &HomeId) -> Errand {
    Errand {
        operation: OperationId(0),
        other: home.clone(),
        under_way: false,
        unwanted: false,
        by: String::new(),
        consent: false,
        since_ms: 0,
        outcome: String::new(),
    }
}
