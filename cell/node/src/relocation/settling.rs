//! He has come to live here. What he tells is held until each home that he has left has delivered what he told there, so that
//! nobody hears it in another order than he told it; and then whoever knows him by the home before is told where he lives.
//!
//! A home is asked, not waited for: whoever is restored to before an answer asks again.

use std::time::Duration;

use cell_layers::place::{self, Settling, Standing};
use cell_layers::{RootTx, event};
use cell_relay::Place;
use cell_relay::outgoing::has_passed;
use cell_sdk::{Address, DomainError};
use cell_shard::{Shard, Tx, WriteError};
use platform_model::{HomeId, RootRef, UserId};
use platform_wire::relocation::{Step, Take, Taken};

use super::standing::{self, DOMAIN, StepError, change, request};
use super::target::{Not, not_now};
use super::told;
use super::{Parts, faults};

/// First and longest pause before a home is asked again.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a home is waited for that does not answer: longer than one is away as a rule, and not for ever, for one that is
/// lost for good never answers.
const WAIT_MAX_MS: u64 = 24 * 60 * 60 * 1_000;
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
        let waits_for = &standing.settling.waits_for;
        if !waits_for.is_empty() {
            return self.ask_whether_they_passed(shard, user, waits_for).await;
        }
        let home = shard.id().home().cloned().ok_or("it is no shard of people")?;
        let key = self.keys.open(&self.followed, &home, user).await;
        let key = &key.map_err(|problem| problem.code.as_str().to_owned())?;
        let me = &Address { home, user };
        let step = |tx: Tx| async move {
            let now = place::standing(&tx, user).await?;
            let Some(mut now) = now.filter(|now| now == standing) else {
                return Ok(());
            };
            let root = RootTx::new(tx.clone(), RootRef::user(user), DOMAIN, key);
            if now.settling.holds {
                now.settling.holds = event::release(&root, RELEASED_AT_ONCE).await?;
            } else {
                if !faults::forgets_the_edges() {
                    let root = root.enter().await?;
                    for domain in self.domains.iter() {
                        domain.moved_in(&root.of_domain(domain.name()), me).await?;
                    }
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

    /// Each home that he left; those that have nothing of his any more are waited for no longer.
    async fn ask_whether_they_passed(
        &self,
        shard: &Shard,
        user: UserId,
        waits_for: &[(HomeId, u64)],
    ) -> Result<(), String> {
        let (mut passed, mut why) = (Vec::new(), String::new());
        for (left, user_epoch) in waits_for {
            let question = Take {
                source: shard.id().clone(),
                user,
                operation: 0,
                served_epoch: *user_epoch,
                law_revision: 0,
                consent: false,
                step: Step::Passed,
            };
            match self.ask_at(left, question).await {
                Ok(Taken::Done { .. }) => passed.push(left),
                Ok(other) => why = format!("{left}: {other:?}"),
                Err(error) => why = format!("{left}: {error}"),
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
            after
                .settling
                .waits_for
                .retain(|(home, _)| !passed.contains(&home));
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
    let from = from.map(|from| (from, take.served_epoch + 1));
    Settling {
        waits_for: left.iter().cloned().chain(from).collect(),
        holds: !faults::tells_at_once(),
        since_ms: log_time_ms,
        edges_due: true,
        ahead_ms: (told_ms + 1).saturating_sub(log_time_ms),
    }
}
