//! A relocation turns back: before the fence because somebody cancelled it or it cannot be, behind the fence because whoever
//! drove it began anew. The entry first, then the copy there and his addresses, and last the row of the person: until then he
//! is on his way, is served, and whoever drives him next goes on with it.

use cell_layers::place::{Errand, Standing};
use cell_relay::Place;
use cell_relay::home::Entry;
use cell_relay::relocate::RelocatePlants;
use cell_sdk::ClaimEntry;
use cell_shard::Shard;
use platform_model::{Code, HomeId, UserId};
use platform_wire::relocation::{EntryStep, Step, Taken};

use super::Parts;
use super::ending::held_claims;
use super::entries::entry_of;
use super::next::Next;
use super::source::{LATER, ended};
use super::standing::change;
use super::target::taken_back;

/// Tries to have a copy abandoned at once; it asks for itself, too.
const ABANDON_TRIES: u32 = 3;

impl Parts {
    /// It ends before the fence: the entry first, then here, then there.
    pub(super) async fn cancel(
        &self,
        shard: &Shard,
        user: UserId,
        (user_epoch, errand): (u64, &Errand),
        why: &str,
    ) -> Next {
        let Some(here) = shard.id().home() else {
            return Next::Rest;
        };
        let operation = errand.operation.0;
        let step = EntryStep::Cancel { operation };
        let told = self.entry(&here.jurisdiction, user, &step).await;
        let told = match told {
            Ok(told) => told,
            Err(why) => return Next::Later(LATER, why),
        };
        if told.operation == operation {
            return Next::Later(LATER, "the directory did not cancel it".to_owned());
        }
        // An entry of an earlier epoch is of a time before he came back here, by way of another jurisdiction.
        let left = |entry: &Entry<HomeId>| entry.home != *here && entry.user_epoch > user_epoch;
        if let Some(entry) = entry_of(&told).filter(left) {
            return self.stop_serving(shard, user, errand, entry.user_epoch).await;
        }
        // What is not undone is undone by whoever drives him next: he is on his way until then, and is served.
        if let Err(why) = self.undo_there(shard, here, user, errand).await {
            return Next::Later(LATER, why);
        }
        let why = Some(errand.outcome.as_str())
            .filter(|why| !why.is_empty())
            .unwrap_or(why);
        let other = &errand.other;
        let over = |before: Option<Standing>| Ok(ended(before, why).having_tried(other));
        if let Err(error) = change(shard, user, over).await {
            return Next::Later(LATER, error.to_string());
        }
        tracing::info!(target: "audit", shard = %shard.id(), %user, operation, why, "a relocation is cancelled");
        // He may have to settle in still.
        Next::Again
    }

    /// The entry names another home as his, so this shard was restored to before he left: it serves him no more, and hands
    /// over.
    async fn stop_serving(&self, shard: &Shard, user: UserId, errand: &Errand, entry_epoch: u64) -> Next {
        let fence = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            match before.place {
                Place::Home { user_epoch } if entry_epoch > user_epoch => {}
                _ => return Err("the directory names an earlier home".to_owned()),
            }
            let place = before.place.clone().fence(errand.operation);
            let place = place.map_err(|why| why.to_string())?;
            Ok(Standing { place, ..before })
        };
        match change(shard, user, fence).await {
            Ok(_) => {
                let operation = errand.operation.0;
                tracing::error!(target: "audit", shard = %shard.id(), %user, operation, "he lives elsewhere by now: this shard serves him no more");
                Next::Again
            }
            Err(error) => Next::Later(LATER, error.to_string()),
        }
    }

    /// Behind the fence: whoever the entry names serves him.
    pub(super) async fn settle(
        &self,
        shard: &Shard,
        user: UserId,
        standing: &Standing,
        errand: &Errand,
        why: &str,
    ) -> Next {
        let (Some(here), Place::Fenced { user_epoch, .. }) = (shard.id().home(), &standing.place) else {
            return Next::Rest;
        };
        let told = match self.entry(&here.jurisdiction, user, &EntryStep::Read).await {
            Ok(told) => told,
            Err(why) => return Next::Later(LATER, why),
        };
        let Some(entry) = entry_of(&told) else {
            return Next::Later(LATER, "the directory has lost its entry".to_owned());
        };
        if entry.home != *here && entry.user_epoch > *user_epoch {
            // A shard that was restored may know of an earlier relocation than the one by which he left.
            let left_by = Errand {
                other: entry.home,
                ..errand.clone()
            };
            return self.hand_over(shard, user, *user_epoch, &left_by).await;
        }
        if entry.operation == Some(errand.operation) {
            let operation = errand.operation.0;
            let step = EntryStep::Cancel { operation };
            return match self.entry(&here.jurisdiction, user, &step).await {
                Ok(_) => Next::Again,
                Err(why) => Next::Later(LATER, why),
            };
        }
        let resume = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            let none = RelocatePlants::default();
            let place = before.place.clone().resume(here.clone(), &entry, none);
            let place = place.map_err(|why| why.to_string())?;
            let errand = before.errand.clone().map(|errand| Errand {
                unwanted: true,
                outcome: why.to_owned(),
                ..errand
            });
            Ok(Standing {
                place,
                errand,
                ..before
            })
        };
        match change(shard, user, resume).await {
            Ok(_) => {
                tracing::info!(target: "audit", shard = %shard.id(), %user, why, "a relocation turns back behind its fence");
                Next::Again
            }
            Err(error) => Next::Later(LATER, error.to_string()),
        }
    }

    /// Rows of a copy that was given up and whose removal was cut short.
    pub(super) async fn clear_copy(&self, shard: &Shard, user: UserId) -> Next {
        let Some(home) = shard.id().home() else {
            return Next::Rest;
        };
        match self.abandon(shard, home, user).await {
            Ok(()) => Next::Rest,
            Err(why) => Next::Later(LATER, format!("{why:?}")),
        }
    }

    /// The copy there goes, by itself if it cannot be told; and his addresses are his here again.
    async fn undo_there(
        &self,
        shard: &Shard,
        here: &HomeId,
        user: UserId,
        errand: &Errand,
    ) -> Result<(), String> {
        for n in 0..ABANDON_TRIES {
            if n > 0 {
                self.clock.sleep(LATER).await;
            }
            let abandoned = self.ask_there(shard, user, errand, 0, Step::Abandon).await;
            if matches!(abandoned, Ok(Taken::Done { .. } | Taken::Refused(_))) {
                break;
            }
        }
        let key = match self.keys.open(&self.followed, here, user).await {
            Ok(key) => key,
            // He was erased, and a copy of the shard that is older than that leads: nothing is his any more.
            Err(problem) if problem.code == Code::NotFound => return Ok(()),
            Err(problem) => return Err(problem.code.as_str().to_owned()),
        };
        for (digest, claim_id) in held_claims(shard, user, &key).await? {
            let entry = ClaimEntry {
                user,
                claim_id,
                home: here.clone(),
                version: taken_back(errand.operation.0),
            };
            let claimed = self
                .lent
                .directory()
                .claim(&here.jurisdiction, digest, entry)
                .await;
            // One that is another's by now was not his: he goes on without.
            claimed.map_err(|problem| problem.code.as_str().to_owned())?;
        }
        Ok(())
    }
}
