//! The shard where a person lives, or has lived: what is under way is driven from where he stands, by one task of whoever serves
//! the shard. Nothing is assumed: what the directory's entry says decides, and it is asked again until it answers.

use std::sync::Arc;
use std::time::Duration;

use cell_layers::place::{Errand, Standing};
use cell_relay::Place;
use cell_relay::home::OperationId;
use cell_shard::Shard;
use platform_model::{Code, HomeId, UserId};
use platform_wire::relocation::{Step, Take, Taken};

use super::Parts;
use super::ending::{held_claims, remove_rows};
use super::leaving::Leaving;
use super::next::Next;
use super::standing::{self, change};
use super::told;

/// Pause before what could not be done is tried again.
pub(super) const LATER: Duration = Duration::from_millis(500);
/// How often the end of a copy that came in is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Said by nobody who was asked for a step.
pub(super) const NO_ANSWER: &str = "no answer to what was asked";

impl Parts {
    /// Goes on with whatever is under way for a person in a shard that is served here, until nothing is or the term is over.
    pub(super) async fn drive(self: Arc<Self>, shard: Shard, user: UserId) {
        let Some(reins) = self.driven.take(shard.id(), user) else {
            return;
        };
        let (mut told, mut tries) = (String::new(), 0);
        loop {
            let next = self.go_on(&shard, user).await;
            if matches!(next, Next::Rest) && reins.let_go() {
                return;
            }
            let Some((pause, why)) = next.pause(&mut tries) else {
                continue;
            };
            if shard.status().ended.is_some() {
                return;
            }
            if why != told {
                tracing::info!(shard = %shard.id(), %user, why, "a relocation waits");
                told = why;
            }
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = reins.woken() => {}
            }
        }
    }

    async fn go_on(&self, shard: &Shard, user: UserId) -> Next {
        let standing = match standing::read(shard, user).await {
            Ok(Some(standing)) => standing,
            Ok(None) => return Next::Rest,
            Err(error) => return Next::Later(LATER, error.to_string()),
        };
        let errand = standing.errand.clone();
        match (&standing.place, errand) {
            (Place::Home { user_epoch }, errand) => {
                let (leaves, mut unsettled) = (errand.filter(|errand| errand.under_way), None);
                if standing.settling.is_due() {
                    match self.settle_in(shard, user, &standing).await {
                        Ok(()) => return Next::Again,
                        Err(why) => unsettled = Some(why),
                    }
                }
                match leaves {
                    Some(errand) => self.leave(shard, user, (*user_epoch, errand), unsettled).await,
                    None => unsettled.map_or(Next::Rest, Next::Soon),
                }
            }
            (Place::Fenced { .. }, Some(errand)) => {
                let why = "whoever drove it started anew, or was too slow";
                self.settle(shard, user, &standing, &errand, why).await
            }
            (Place::Incoming { .. }, _) => self.ask_for_the_end(shard, user).await,
            // A copy that was given up: he never lived here.
            (Place::Gone { .. }, None) if standing.clearing => self.clear_copy(shard, user).await,
            (Place::Gone { to, .. }, _) if standing.clearing => {
                self.clear_out(shard, user, (&standing.place, to), standing.tally.rows)
                    .await
            }
            _ => Next::Rest,
        }
    }

    /// He lives here and is to leave. If he is `unsettled`, that goes with him; until there is room for him to leave he goes on
    /// to settle in here.
    async fn leave(
        &self,
        shard: &Shard,
        user: UserId,
        (user_epoch, errand): (u64, Errand),
        unsettled: Option<String>,
    ) -> Next {
        if errand.unwanted {
            let why = "somebody cancelled it";
            return self.cancel(shard, user, (user_epoch, &errand), why).await;
        }
        // Nobody ever closes it. Whoever cancelled meanwhile is heard before the first page.
        let room = match unsettled {
            None => self.driven.room.acquire().await.ok(),
            Some(_) => self.driven.room.try_acquire().ok(),
        };
        if let (None, Some(why)) = (&room, unsettled) {
            return Next::Soon(why);
        }
        let leaving = Leaving {
            parts: self,
            shard,
            user,
            user_epoch,
            errand: &errand,
        };
        match leaving.run().await {
            // The entry names the other home by now: it is not asked again, for he waits.
            Ok(()) => self.hand_over(shard, user, user_epoch, &errand).await,
            Err(super::leaving::Stopped::Later(why)) => Next::Later(LATER, why),
            Err(super::leaving::Stopped::Never(why)) => {
                self.cancel(shard, user, (user_epoch, &errand), &why).await
            }
            Err(super::leaving::Stopped::Fenced(why)) => {
                tracing::warn!(shard = %shard.id(), %user, why, "a relocation turns back behind its fence");
                Next::Again
            }
        }
    }

    /// The entry names the other home: it serves him from its confirmation on, and this shard redirects.
    pub(super) async fn hand_over(
        &self,
        shard: &Shard,
        user: UserId,
        user_epoch: u64,
        errand: &Errand,
    ) -> Next {
        #[cfg(feature = "failpoints")]
        if let Some(next) = super::faults::takes_the_fence_back(shard, user, user_epoch).await {
            return next;
        }
        let to = &errand.other;
        let asked = self.ask_there(shard, user, errand, user_epoch, Step::Activate);
        let confirmed = match asked.await {
            Ok(Taken::Done { user_epoch }) => user_epoch,
            Ok(Taken::Refused(why)) => return self.not_there(shard, user, errand, &why).await,
            Ok(other) => return Next::Later(LATER, format!("{to} does not serve him yet: {other:?}")),
            Err(why) => return Next::Later(LATER, why),
        };
        let erase = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            let place = before.place.clone().erase(to.clone(), confirmed);
            let tried = before.errand.as_ref().map(|errand| errand.other.clone());
            let mut after = ended(Some(before), "he has moved");
            // He may have left by another relocation than the one of which this shard knows: a copy of that one has been there.
            after = tried.iter().fold(after, Standing::having_tried);
            after.tried.retain(|home| home != to);
            Ok(Standing {
                place: place.map_err(|why| why.to_string())?,
                clearing: true,
                ..after
            })
        };
        match change(shard, user, erase).await {
            Ok(_) => {
                tracing::info!(target: "audit", shard = %shard.id(), %user, %to, user_epoch = confirmed, "a person has moved out");
                Next::Again
            }
            Err(error) => Next::Later(LATER, error.to_string()),
        }
    }

    /// The entry names a home that does not know him: it was restored to before he came. What lies here may be all that there is
    /// of him, and stays; whoever looks at his relocation is told.
    async fn not_there(&self, shard: &Shard, user: UserId, errand: &Errand, why: &str) -> Next {
        let to = &errand.other;
        let outcome = format!(
            "the directory names {to}, which does not know him: was it restored to before he came? ({why})"
        );
        if errand.outcome == outcome {
            return Next::Later(ASK_AGAIN, outcome);
        }
        metrics::counter!("celld_relocations_not_there_total").increment(1);
        tracing::error!(target: "audit", shard = %shard.id(), %user, %to, why, "a person is served nowhere: his new home does not know him");
        let note = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            let errand = before.errand.clone().map(|errand| Errand {
                outcome: outcome.clone(),
                ..errand
            });
            Ok(Standing { errand, ..before })
        };
        match change(shard, user, note).await {
            Ok(_) => Next::Later(ASK_AGAIN, outcome),
            Err(error) => Next::Later(LATER, error.to_string()),
        }
    }

    /// What lies here of him goes, once nothing of it is needed: what he told is delivered, and was sealed with his key.
    async fn clear_out(
        &self,
        shard: &Shard,
        user: UserId,
        (place, to): (&Place<HomeId>, &HomeId),
        rows: u64,
    ) -> Next {
        let Some(here) = shard.id().home() else {
            return Next::Rest;
        };
        match told::waits(shard, user).await {
            Ok(false) => {}
            Ok(true) => return Next::Later(LATER, "what he told is not delivered yet".to_owned()),
            Err(why) => return Next::Later(LATER, why),
        }
        if let Err(why) = self.erase_here(shard, here, user, (place, to)).await {
            return Next::Later(LATER, why);
        }
        let sequence = match self.records.departed(here, user, rows, to).await {
            Ok(sequence) => sequence,
            Err(why) => return Next::Later(ASK_AGAIN, why),
        };
        let done = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            Ok(Standing {
                clearing: false,
                ..before
            })
        };
        match change(shard, user, done).await {
            Ok(_) => {
                tracing::warn!(target: "audit", shard = %shard.id(), %user, %to, rows, sequence, "what a person had before he moved is erased");
                Next::Rest
            }
            Err(error) => Next::Later(LATER, error.to_string()),
        }
    }

    /// Addresses that another jurisdiction has now, the rows, and the key: in that order, each of which may be repeated. What he told
    /// here may have waited for long: who has come back to this jurisdiction since keeps what he holds in his home of now.
    pub(super) async fn erase_here(
        &self,
        shard: &Shard,
        here: &HomeId,
        user: UserId,
        (place, to): (&Place<HomeId>, &HomeId),
    ) -> Result<(), String> {
        match self.keys.open(&self.followed, here, user).await {
            Ok(key) if here.jurisdiction != to.jurisdiction => {
                for (digest, id) in held_claims(shard, user, &key).await? {
                    let released = self
                        .lent
                        .directory()
                        .release(&here.jurisdiction, digest, id, Some(here))
                        .await;
                    released.map_err(|problem| problem.code.as_str().to_owned())?;
                }
            }
            Ok(_) => {}
            Err(problem) if problem.code == Code::NotFound => {}
            Err(problem) => return Err(problem.code.as_str().to_owned()),
        }
        let removed = remove_rows(shard, user, place).await;
        removed.map_err(|error| error.to_string())?;
        let destroyed = self.keys.destroy(&self.followed, here, user).await;
        destroyed.map_err(|problem| problem.code.as_str().to_owned())
    }

    /// A copy that came in waits for what the entry says.
    async fn ask_for_the_end(&self, shard: &Shard, user: UserId) -> Next {
        let Some(home) = shard.id().home() else {
            return Next::Rest;
        };
        if self.activate(shard, home, user).await.is_ok() || self.abandon(shard, home, user).await.is_ok() {
            // Who lives here now has to settle in.
            return Next::Again;
        }
        Next::Later(ASK_AGAIN, "the directory has not decided yet".to_owned())
    }

    /// A step at the shard where he would live, at whichever node that is served.
    pub(super) async fn ask_there(
        &self,
        shard: &Shard,
        user: UserId,
        errand: &Errand,
        served_epoch: u64,
        step: Step,
    ) -> Result<Taken, String> {
        let take = Take {
            source: shard.id().clone(),
            user,
            operation: errand.operation.0,
            served_epoch,
            law_revision: 0,
            consent: errand.consent,
            step,
        };
        self.ask_at(&errand.other, take).await
    }

    /// Whatever is asked of the shard that is his in that home.
    pub(super) async fn ask_at(&self, home: &HomeId, take: Take) -> Result<Taken, String> {
        let table = self.followed.current();
        let there = table.shard_of_user(home, take.user);
        let there = there.ok_or_else(|| format!("the table knows no home {home}"))?;
        let take = Take {
            law_revision: table.law.as_ref().map_or(0, |law| law.revision),
            ..take
        };
        if let Some(served) = self.hosted.get(&there) {
            return Ok(self.take(&served, &take).await);
        }
        let served = table.primary_of(&there);
        let served = served.filter(|(route, _)| route.node != *self.hosted.node());
        let (route, node) = served.ok_or_else(|| format!("nobody serves {there} now"))?;
        let cell = table.cells.get(&route.node.cell);
        let target = platform_wire::relocation::ArrivalsTarget {
            node: route.node.clone(),
            region: cell.ok_or("its cell is not known")?.region.clone(),
            address: node.address.clone(),
            epoch: route.epoch,
            shard: there,
        };
        let taken = self.arrivals.take(&target, &take).await;
        taken.map_err(|error| error.to_string())
    }
}

/// The relocation is over, and why.
pub(super) fn ended(before: Option<Standing>, why: &str) -> Standing {
    let before = before.unwrap_or_else(Standing::native);
    let errand = before.errand.map(|errand| Errand {
        under_way: false,
        unwanted: false,
        outcome: why.to_owned(),
        ..errand
    });
    Standing { errand, ..before }
}

/// The first operation of a user epoch is above all of those before, whichever shard counted them.
pub(super) fn next_operation(user_epoch: u64, newest: Option<OperationId>) -> OperationId {
    const PER_EPOCH_BITS: u32 = 20;
    let first = (user_epoch << PER_EPOCH_BITS) + 1;
    OperationId(newest.map_or(first, |newest| (newest.0 + 1).max(first)))
}
