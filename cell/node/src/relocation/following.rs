//! A person's erasure was put on record in a home, and he has moved from there meanwhile: it is done where he lives by now, asked
//! for from home to home along the redirects, and has its certificate where it began once nothing is left of him.
//!
//! What may cross, by the transactions of his root in the home that he leaves. The erasure looks where he stands, is put on record
//! (`R`), and ends the root (`E`: reads where he stands, writes the mark of its end). The relocation begins (`B`: reads that mark,
//! writes where he stands), is fenced (`F`), and hands over (`H`):
//!
//! | in this order | what becomes of him |
//! |---|---|
//! | `E`, `B` | the mark is there: no relocation begins |
//! | `B`, `E`, `F` | `E` finds that he moves, and has the relocation cancelled: `F` reads that, and the erasure goes on once it is over |
//! | `B`, `F`, `E`, `H` | `E` finds the fence and waits: the relocation turns back, and it goes on here; or `H` comes |
//! | `B`, `F`, `H`, `E` | he has gone: the home where he lives is asked to erase him, and what is left here goes with that |
//! | `R` before `B`, and whoever was to do `E` is killed | the same, by whoever looks for open erasures next |
//! | `R`, and the new home is restored to before he came | his key there is destroyed; behind the fence he is erased here |
//!
//! `B` and `E` read what the other writes, so that one of them loses and finds it; so do `E`, `F` and `H` by where he stands. A
//! look that found him elsewhere before `R` puts nothing on record.
//!
//! Whoever holds a copy of the shard that he left can have him erased where he lives, as it could before he left. Who comes
//! from elsewhere is refused.

use cell_layers::place::Standing;
use cell_relay::Place;
use cell_shard::Shard;
use futures::future::BoxFuture;
use platform_model::{HomeId, UserId};
use platform_wire::relocation::{EntryStep, Step, Take, Taken};

use super::Parts;
use super::entries::entry_of;
use super::forgetting::errand_to;
use super::source::NO_ANSWER;
use super::standing;
use super::target::{Not, not_now};
use crate::custody::LentCustody;

/// Of whoever has never moved. Nobody comes back to where he was: in a home with a higher one he has come from elsewhere.
const NATIVE_EPOCH: u64 = 1;

impl Parts {
    /// At a home that he has left, or is leaving behind the fence: he is erased where he went. Behind the fence nobody answers that
    /// he is but a home that does not know him: one that does asks this one first, which still holds him.
    ///
    /// # Errors
    /// Why he is not yet.
    pub(super) async fn ask_to_erase(&self, shard: &Shard, user: UserId) -> Result<(), String> {
        let standing = standing::read(shard, user).await;
        let to = match standing.map_err(|error| error.to_string())? {
            Some(Standing {
                place: Place::Gone { to, .. },
                ..
            }) => to,
            Some(Standing {
                place: Place::Fenced { .. },
                errand: Some(errand),
                ..
            }) => errand.other,
            _ => return Err("he has not gone from there".to_owned()),
        };
        match self.ask_there(shard, user, &errand_to(&to), 0, Step::Erase).await {
            Ok(Taken::Done { .. }) => Ok(()),
            Ok(Taken::Later(why) | Taken::Refused(why) | Taken::Unlawful(why)) | Err(why) => {
                Err(format!("{to}: {why}"))
            }
            Ok(Taken::Waits(_)) => Err(format!("{to}: {NO_ANSWER}")),
        }
    }

    /// At the home where he went. Boxed: where he has gone on it asks the next home the same.
    pub(super) fn erase_here_too<'a>(
        &'a self,
        shard: &'a Shard,
        home: &'a HomeId,
        take: &'a Take,
    ) -> BoxFuture<'a, Result<u64, Not>> {
        Box::pin(self.erased_here_too(shard, home, take))
    }

    async fn erased_here_too(&self, shard: &Shard, home: &HomeId, take: &Take) -> Result<u64, Not> {
        let (user, from) = (take.user, take.source.home());
        let standing = standing::read(shard, user).await.map_err(not_now)?;
        let from = from.ok_or_else(|| Not::Refused("he did not come from there".to_owned()))?;
        let is_nobody = standing.as_ref().is_none_or(|standing| gave_back(standing, from));
        if is_nobody {
            return self.forget_whom_nobody_knows(home, user, from).await;
        }
        let came = standing.filter(|standing| standing.came_from.as_ref() == Some(from));
        let came = came.ok_or_else(|| Not::Refused("he did not come from there".to_owned()))?;
        match came.place {
            Place::Home { .. } => {
                let custody = self.custody.get().and_then(LentCustody::get);
                let custody = custody.ok_or_else(|| Not::Later("the node is starting".to_owned()))?;
                let erased = custody.erase_who_came(home, user, from).await;
                erased.map(|()| 0).map_err(|why| Not::Later(why.to_string()))
            }
            Place::Gone { .. } => {
                let asked = self.ask_to_erase(shard, user).await;
                asked.map(|()| 0).map_err(Not::Later)
            }
            Place::Fenced { .. } | Place::Incoming { .. } => {
                Err(Not::Later("he moves at this moment".to_owned()))
            }
        }
    }

    /// This home knows nobody of that id. If the directory has him live here since he moved, it was restored to before he came:
    /// his key is all that is left of him here, and opens what later backups hold of him.
    async fn forget_whom_nobody_knows(&self, home: &HomeId, user: UserId, from: &HomeId) -> Result<u64, Not> {
        let told = self.entry(&from.jurisdiction, user, &EntryStep::Read).await;
        let entry = entry_of(&told.map_err(Not::Later)?);
        let came_here = entry.is_some_and(|entry| {
            entry.home == *home && entry.operation.is_none() && entry.user_epoch > NATIVE_EPOCH
        });
        if !came_here {
            return Err(Not::Refused("he did not come from there".to_owned()));
        }
        let destroyed = self.keys.destroy(&self.followed, home, user).await;
        destroyed.map_err(|problem| Not::Later(problem.code.as_str().to_owned()))?;
        tracing::warn!(target: "audit", %home, %user, %from, "the key of a person is destroyed whom this home does not know any more: he is erased");
        Ok(0)
    }
}

/// A copy of him was given up here, and he lived on in that home.
fn gave_back(standing: &Standing, from: &HomeId) -> bool {
    matches!(&standing.place, Place::Gone { to, .. } if to == from) && !standing.clearing
}
