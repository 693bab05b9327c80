//! He has come to live here. What he tells somebody is held until each home that he has left has delivered what he told the same
//! there, so that nobody hears it in another order than he told it; and whoever knows him by the home before is told where he
//! lives.
//!
//! A home is asked, not waited for: whoever is restored to before an answer asks again.

use cell_layers::keys::UserKey;
use cell_layers::place::{self, Holds, LeftHome, Settling, Standing};
use cell_layers::{LayerError, RootTx, ended, event};
use cell_relay::Place;
use cell_relay::outgoing::has_passed;
use cell_sdk::{Address, DomainError};
use cell_shard::{Shard, Tx, WriteError};
use platform_model::{Code, HomeId, Problem, RootRef, UserId};
use platform_wire::relocation::{EntryStep, Step, Take, Taken, WAITING_MAX};

use super::entries::entry_of;
use super::standing::{self, DOMAIN, StepError, change, request};
use super::told;
use super::{Parts, faults};

/// How long a home is waited for that does not answer, or has not delivered it all: longer than one is away as a rule, and not
/// for ever, for one that is lost for good never answers.
const WAIT_MAX_MS: u64 = 24 * 60 * 60 * 1_000;
/// How far his own time may be ahead of the log's: so it never comes to the end of its numbers, whatever a home says whose
/// clock is wrong.
const AHEAD_MAX_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;
/// Held events that one transaction tells.
const RELEASED_AT_ONCE: usize = 256;

impl Parts {
    /// One step of it, for one who lives here. Idempotent: whoever does the same beside it finds that he stands otherwise.
    pub(super) async fn settle_in(
        &self,
        shard: &Shard,
        user: UserId,
        standing: &Standing,
    ) -> Result<(), String> {
        let has_ended = standing::has_ended(shard, user).await;
        if has_ended.map_err(|error| error.to_string())? {
            return self.settle_no_more(shard, user).await;
        }
        let Settling { holds, edges_due, .. } = &standing.settling;
        let to_be_held = standing.settling.to_be_held();
        if *holds == to_be_held && !(*edges_due && *holds != Holds::Everything) {
            return self.ask_whether_they_passed(shard, user, standing).await;
        }
        let home = shard.id().home().cloned().ok_or("it is no shard of people")?;
        if standing.errand.as_ref().is_some_and(|errand| errand.under_way) {
            self.has_not_left(&home, user, &standing.place).await?;
        }
        let refused = |problem: Problem| problem.code.as_str().to_owned();
        let opened = self.keys.open(&self.followed, &home, user).await;
        if opened
            .as_ref()
            .is_err_and(|problem| problem.code == Code::NotFound)
        {
            // A backup of then may know him still that was restored since.
            let destroyed = self.keys.is_destroyed(&self.followed, &home, user).await;
            if destroyed.map_err(refused)? {
                return self.settle_no_more(shard, user).await;
            }
        }
        let (me, key) = (&Address { home, user }, &opened.map_err(refused)?);
        let done = if *holds == to_be_held {
            self.tell_edges(shard, (me, key), standing).await
        } else {
            tell_held(shard, (user, key), standing, &to_be_held).await
        };
        let done = done.map_err(|error| match error {
            WriteError::Rejected(error) => error.to_string(),
            other => other.to_string(),
        });
        match done {
            // What is held may leave no room for it: so that it goes out, the homes are asked all the same.
            Err(failed) if *holds == to_be_held && *holds != Holds::Nothing => {
                let asked = self.ask_whether_they_passed(shard, user, standing).await;
                asked.map_err(|why| format!("{failed}; {why}"))
            }
            done => done,
        }
    }

    /// Whoever knows him by the home before.
    async fn tell_edges(
        &self,
        shard: &Shard,
        (me, key): (&Address, &UserKey),
        standing: &Standing,
    ) -> Result<(), WriteError<DomainError>> {
        let step = |tx: Tx| async move {
            let Some((mut now, root)) = unchanged(&tx, (me.user, key), standing).await? else {
                return Ok(());
            };
            if !faults::forgets_the_edges() {
                let root = root.enter().await?;
                for domain in self.domains.iter() {
                    domain.moved_in(&root.of_domain(domain.name()), me).await?;
                }
            }
            now.settling.edges_due = false;
            Ok::<_, DomainError>(place::put_standing(&tx, me.user, &now)?)
        };
        shard.write(&request(me.user), step).await.map(drop)
    }

    /// Of one who is to leave. A copy that leads since a promotion by force may lack that he has: what he holds here he tells
    /// where he lives.
    async fn has_not_left(&self, home: &HomeId, user: UserId, place: &Place<HomeId>) -> Result<(), String> {
        let told = self.entry(&home.jurisdiction, user, &EntryStep::Read).await?;
        match (entry_of(&told), place) {
            (Some(entry), Place::Home { user_epoch })
                if entry.home != *home && entry.user_epoch > *user_epoch =>
            {
                Err(format!("the directory says that he lives in {}", entry.home))
            }
            _ => Ok(()),
        }
    }

    /// He was erased, or is about to be: what he has not told nobody hears, and his key is gone, or goes.
    async fn settle_no_more(&self, shard: &Shard, user: UserId) -> Result<(), String> {
        let over = |before: Option<Standing>| {
            let mut after = before.ok_or("he does not stand here")?;
            after.settling = Settling::default();
            Ok(after)
        };
        let over = change(shard, user, over).await;
        over.map(drop).map_err(|error| error.to_string())
    }

    /// Each home that he left: whether something that he told waits there, and for whom.
    async fn ask_whether_they_passed(
        &self,
        shard: &Shard,
        user: UserId,
        standing: &Standing,
    ) -> Result<(), String> {
        let (mut waits_for, mut why) = (Vec::new(), String::new());
        for left in &standing.settling.waits_for {
            let question = Take {
                source: shard.id().clone(),
                user,
                operation: 0,
                served_epoch: left.user_epoch,
                law_revision: 0,
                consent: false,
                step: Step::Passed,
            };
            let mut left = left.clone();
            match self.ask_at(&left.home, question).await {
                Ok(Taken::Done { .. }) => continue,
                Ok(Taken::Waits(those)) => {
                    why = format!("{}: something waits for {} people", left.home, those.len());
                    left.waiting = Some(those.into_iter().collect());
                }
                Ok(other) => why = format!("{}: {other:?}", left.home),
                Err(error) => why = format!("{}: {error}", left.home),
            }
            waits_for.push(left);
        }
        if waits_for == standing.settling.waits_for {
            let gave_up = self.give_up_waiting(shard, user).await?;
            return if gave_up { Ok(()) } else { Err(why) };
        }
        let learn = |before: Option<Standing>| {
            let mut after = before.ok_or("he does not stand here")?;
            if after == *standing {
                after.settling.waits_for.clone_from(&waits_for);
            }
            Ok(after)
        };
        let learnt = change(shard, user, learn).await;
        learnt.map(drop).map_err(|error| error.to_string())
    }

    /// It took too long: from now on he tells what he tells, and what he told before may come behind it. Whoever takes it goes
    /// by when it was told.
    async fn give_up_waiting(&self, shard: &Shard, user: UserId) -> Result<bool, String> {
        let give_up = |tx: Tx| async move {
            let Some(mut now) = place::standing(&tx, user).await? else {
                return Ok(Vec::new());
            };
            if tx.log_time_ms().saturating_sub(now.settling.since_ms) < WAIT_MAX_MS {
                return Ok(Vec::new());
            }
            let waited_for = std::mem::take(&mut now.settling.waits_for);
            place::put_standing(&tx, user, &now)?;
            Ok::<_, StepError>(waited_for)
        };
        let gave_up = shard.write(&request(user), give_up).await;
        let waited_for = gave_up.map_err(|error| error.to_string())?.value;
        if waited_for.is_empty() {
            return Ok(false);
        }
        let homes: Vec<String> = waited_for.iter().map(|left| left.home.to_string()).collect();
        metrics::counter!("celld_relocations_order_given_up_total").increment(1);
        tracing::error!(target: "audit", shard = %shard.id(), %user, ?homes, "what a person tells waits no longer for the homes that he left");
        Ok(true)
    }

    /// Asked by the home that took him in.
    pub(super) async fn has_passed(&self, shard: &Shard, take: &Take) -> Taken {
        let later = |why: String| Taken::Later(why);
        let place = match standing::read(shard, take.user).await {
            Ok(now) => now.map_or(Place::Home { user_epoch: 1 }, |standing| standing.place),
            Err(error) => return later(error.to_string()),
        };
        let served = match place {
            Place::Home { user_epoch } | Place::Fenced { user_epoch, .. } => Some(user_epoch),
            // He may yet be served here, under whichever epoch.
            Place::Incoming { .. } => Some(0),
            Place::Gone { user_epoch, .. } if user_epoch < take.served_epoch => Some(user_epoch),
            Place::Gone { .. } => None,
        };
        if !has_passed(take.served_epoch, served, []) {
            return later("he has not left".to_owned());
        }
        match told::receivers(shard, take.user).await {
            Ok(those) if those.is_empty() => Taken::Done { user_epoch: 0 },
            Ok(those) if those.len() <= WAITING_MAX => Taken::Waits(those.into_iter().collect()),
            Ok(_) => later("what he told is not delivered yet".to_owned()),
            Err(why) => later(why),
        }
    }
}

/// What is held and is not to be any more, some in each transaction; what he tells meanwhile is held behind it. From the last of
/// them on no more is held than is to be.
async fn tell_held(
    shard: &Shard,
    (user, key): (UserId, &UserKey),
    standing: &Standing,
    to_be_held: &Holds,
) -> Result<(), WriteError<DomainError>> {
    let mut after = None;
    loop {
        let step = |tx: Tx| async move {
            let Some((mut now, root)) = unchanged(&tx, (user, key), standing).await? else {
                return Ok(None);
            };
            let after = event::release(&root, to_be_held, after, RELEASED_AT_ONCE).await?;
            if after.is_none() {
                now.settling.holds = to_be_held.clone();
                place::put_standing(&tx, user, &now)?;
            }
            Ok::<_, DomainError>(after)
        };
        after = shard.write(&request(user), step).await?.value;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// His root, if he still stands so; nothing is told behind its end.
async fn unchanged(
    tx: &Tx,
    (user, key): (UserId, &UserKey),
    standing: &Standing,
) -> Result<Option<(Standing, RootTx)>, LayerError> {
    let now = place::standing(tx, user).await?;
    let Some(now) = now.filter(|now| now == standing) else {
        return Ok(None);
    };
    ended::goes_on(tx).await?;
    let root = RootTx::new(tx.clone(), RootRef::user(user), DOMAIN, key);
    Ok(Some((now, root)))
}

/// Of one whose copy is complete: everything that he left has to pass before what he tells here is heard.
pub(super) fn settling(take: &Take, (told_ms, left): (u64, &[(HomeId, u64)]), log_time_ms: u64) -> Settling {
    let from = take.source.home().cloned();
    let from = from.map(|from| (from, take.served_epoch.saturating_add(1)));
    let unknown = |(home, user_epoch)| LeftHome {
        home,
        user_epoch,
        waiting: None,
    };
    let (waits_for, holds) = if faults::tells_at_once() {
        (Vec::new(), Holds::Nothing)
    } else {
        let left = left.iter().cloned().chain(from);
        (left.map(unknown).collect(), Holds::Everything)
    };
    Settling {
        waits_for,
        holds,
        since_ms: log_time_ms,
        edges_due: true,
        ahead_ms: told_ms
            .saturating_add(1)
            .saturating_sub(log_time_ms)
            .min(AHEAD_MAX_MS),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// What broke: a time at the end of all numbers, of a clock that is wrong, stopped whoever added to it.
    #[test]
    fn his_own_time_goes_on_from_whatever_a_home_says_that_he_told_last() {
        let log_time_ms = 1_700_000_000_000;
        let take = Take {
            source: "eu/eu-west/000".parse().expect("a shard"),
            user: UserId::from_uuid(Uuid::from_u128(1)),
            operation: 1,
            served_epoch: 1,
            law_revision: 0,
            consent: false,
            step: Step::Passed,
        };
        let ahead = |told_ms| settling(&take, (told_ms, &[]), log_time_ms).ahead_ms;
        assert_eq!(ahead(0), 0);
        assert_eq!(ahead(log_time_ms - 1), 0);
        assert_eq!(ahead(log_time_ms), 1, "behind all that he told");
        assert_eq!(ahead(log_time_ms + 70_000), 70_001);
        assert_eq!(ahead(u64::MAX), AHEAD_MAX_MS);
        assert_eq!(
            ahead(log_time_ms + AHEAD_MAX_MS),
            AHEAD_MAX_MS,
            "from home to home"
        );
        let ever = Take {
            served_epoch: u64::MAX,
            ..take.clone()
        };
        let left = settling(&ever, (0, &[]), log_time_ms).waits_for;
        assert_eq!(left.first().map(|left| left.user_epoch), Some(u64::MAX));
    }
}
