//! He has come to live here. What he tells is held until each home that he has left has delivered what he told there, so that
//! nobody hears it in another order than he told it; and then whoever knows him by the home before is told where he lives.
//!
//! A home is asked, not waited for: whoever is restored to before an answer asks again.

use std::time::Duration;

use cell_layers::place::{self, Settling, Standing};
use cell_layers::{RootTx, ended, event};
use cell_relay::Place;
use cell_relay::outgoing::has_passed;
use cell_sdk::{Address, DomainError};
use cell_shard::{Shard, Tx, WriteError};
use platform_model::{Code, HomeId, Problem, RootRef, UserId};
use platform_wire::relocation::{EntryStep, Step, Take, Taken};

use super::Parts;
use super::entries::entry_of;
use super::standing::{self, DOMAIN, StepError, change, request};
use super::target::{Not, not_now};
use super::told;

/// First and longest pause before a home is asked again.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a home is waited for that does not answer: longer than one is away as a rule, and not for ever, for one that is
/// lost for good never answers.
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
        let waits_for = &standing.settling.waits_for;
        if !waits_for.is_empty() {
            return self.ask_whether_they_passed(shard, user, waits_for).await;
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
        let key = &opened.map_err(refused)?;
        let me = &Address { home, user };
        let step = |tx: Tx| async move {
            let now = place::standing(&tx, user).await?;
            let Some(mut now) = now.filter(|now| now == standing) else {
                return Ok(());
            };
            // Nothing is told behind the end of his root.
            ended::goes_on(&tx).await?;
            let root = RootTx::new(tx.clone(), RootRef::user(user), DOMAIN, key);
            if now.settling.holds {
                now.settling.holds = event::release(&root, RELEASED_AT_ONCE).await?;
            } else {
                let root = root.enter().await?;
                for domain in self.domains.iter() {
                    domain.moved_in(&root.of_domain(domain.name()), me).await?;
                }
                now.settling.edges_due = false;
            }
            Ok::<_, DomainError>(place::put_standing(&tx, user, &now)?)
        };
        let done = shard.write(&request(user), step).await;
        done.map(|_| ()).map_err(|error| match error {
            WriteError::Rejected(error) => error.to_string(),
            other => other.to_string(),
        })
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

    /// Each home that he left; those that have nothing of his any more are waited for no longer.
    async fn ask_whether_they_passed(
        &self,
        shard: &Shard,
        user: UserId,
        waits_for: &[(HomeId, u64)],
    ) -> Result<(), String> {
        let (mut passed, mut why) = (Vec::new(), String::new());
        for left in waits_for {
            let (home, user_epoch) = left;
            let question = Take {
                source: shard.id().clone(),
                user,
                operation: 0,
                served_epoch: *user_epoch,
                law_revision: 0,
                consent: false,
                step: Step::Passed,
            };
            match self.ask_at(home, question).await {
                Ok(Taken::Done { .. }) => passed.push(left),
                Ok(other) => why = format!("{home}: {other:?}"),
                Err(error) => why = format!("{home}: {error}"),
            }
        }
        if passed.is_empty() {
            return if self.give_up_waiting(shard, user).await? {
                Ok(())
            } else {
                Err(why)
            };
        }
        let forget = |before: Option<Standing>| {
            let mut after = before.ok_or("he does not stand here")?;
            // One home may be waited for twice, by who went straight back to it and on again.
            after.settling.waits_for.retain(|left| !passed.contains(&left));
            Ok(after)
        };
        let forgotten = change(shard, user, forget).await;
        forgotten.map(drop).map_err(|error| error.to_string())
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
        let homes: Vec<String> = waited_for.iter().map(|(home, _)| home.to_string()).collect();
        metrics::counter!("celld_relocations_order_given_up_total").increment(1);
        tracing::error!(target: "audit", shard = %shard.id(), %user, ?homes, "what a person tells waits no longer for the homes that he left");
        Ok(true)
    }

    /// Asked by the home that took him in.
    pub(super) async fn has_passed(&self, shard: &Shard, take: &Take) -> Result<u64, Not> {
        let now = standing::read(shard, take.user).await.map_err(not_now)?;
        let place = now.map_or(Place::Home { user_epoch: 1 }, |standing| standing.place);
        let served = match place {
            Place::Home { user_epoch } | Place::Fenced { user_epoch, .. } => Some(user_epoch),
            // He may yet be served here, under whichever epoch.
            Place::Incoming { .. } => Some(0),
            Place::Gone { user_epoch, .. } if user_epoch < take.served_epoch => Some(user_epoch),
            Place::Gone { .. } => None,
        };
        let waits = match served {
            None => told::waits_for_roots(shard, take.user)
                .await
                .map_err(Not::Later)?,
            Some(_) => false,
        };
        if has_passed(take.served_epoch, served, waits.then_some(0)) {
            return Ok(0);
        }
        Err(Not::Later("what he told is not delivered yet".to_owned()))
    }
}

/// Longer each time.
pub(super) fn pause_after(tries: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX)
}

/// Of one whose copy is complete: everything that he left has to pass before what he tells here is heard.
pub(super) fn settling(take: &Take, (told_ms, left): (u64, &[(HomeId, u64)]), log_time_ms: u64) -> Settling {
    let from = take.source.home().cloned();
    let from = from.map(|from| (from, take.served_epoch.saturating_add(1)));
    Settling {
        waits_for: left.iter().cloned().chain(from).collect(),
        holds: true,
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
        assert_eq!(left.first().map(|(_, user_epoch)| *user_epoch), Some(u64::MAX));
    }
}
