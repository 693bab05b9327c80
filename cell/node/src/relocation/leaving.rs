//! A person leaves, from the first byte to the commit. Up to the fence he is served here as ever; from there on until the other
//! home serves him he waits: nothing is done then but to send what has changed since, compare and commit.

use std::time::Duration;

use cell_layers::place::{Errand, Row, Standing};
use cell_relay::relocate::RelocatePlants;
use cell_shard::Shard;
use platform_model::{HomeId, Position, UserId};
use platform_wire::relocation::{EntryStep, EntryTold, MovedRow, Step, Taken};
use zeroize::Zeroizing;

use super::Parts;
use super::copier::{Copier, CopyError, Stretch};
use super::ending::held_claims;
use super::lawful::Unlawful;
use super::source::NO_ANSWER;
use super::standing::{self, change};

/// From the fence to the commit; past it he is served here again.
const FENCED_MAX: Duration = Duration::from_secs(3);
/// Rounds of sending what has changed, until little enough has.
const ROUNDS_MAX: u32 = 50;
/// Rows that may be left for the fence.
const ROWS_LEFT_MAX: usize = 64;
/// Tries of one step, and the pause between.
const TRIES_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Why he has not left.
#[derive(Debug)]
pub(super) enum Stopped {
    /// He is served here, and it begins anew.
    Later(String),
    /// He is served here, and stays.
    Never(String),
    /// He is fenced: the entry is to be asked.
    Fenced(String),
}

/// One attempt.
pub(super) struct Leaving<'a> {
    pub parts: &'a Parts,
    pub shard: &'a Shard,
    pub user: UserId,
    pub user_epoch: u64,
    pub errand: &'a Errand,
}

impl Leaving<'_> {
    /// Until the entry names the other home.
    pub(super) async fn run(&self) -> Result<(), Stopped> {
        let here = self.shard.id().home().cloned();
        let here = here.ok_or_else(|| Stopped::Never("it is no shard of people".to_owned()))?;
        self.start(&here).await?;
        self.lawful(&here)?;
        let key = self.parts.keys.open(&self.parts.followed, &here, self.user).await;
        let key = key.map_err(|problem| Stopped::Later(problem.code.as_str().to_owned()))?;
        let digest_key = Zeroizing::new(key.digests().bytes().to_vec());
        self.send(Step::Begin { digest_key }).await?;
        let mut copier = Copier::begin(self.shard.clone(), self.user, key.clone());
        while let Some(parts) = copier.page().await.map_err(stopped)? {
            self.still_wanted().await?;
            self.lawful(&here)?;
            self.send_all(parts).await?;
        }
        self.catch_up(&mut copier).await?;
        self.check(&copier).await?;
        let claims = held_claims(self.shard, self.user, &key).await;
        let claims = claims.map_err(Stopped::Later)?;
        let claims = claims.iter().map(|(digest, id)| (digest.0, *id)).collect();
        self.send(Step::Claims(claims)).await?;
        self.catch_up(&mut copier).await?;
        self.still_wanted().await?;
        self.lawful(&here)?;
        let began = self.parts.clock.monotonic();
        let fenced = self.fence(&copier).await?;
        let behind = self.behind_the_fence(&here, copier, fenced);
        let outcome = tokio::time::timeout(FENCED_MAX, behind).await;
        let took = self.parts.clock.monotonic().saturating_sub(began);
        metrics::histogram!("celld_relocation_fenced_seconds").record(took.as_secs_f64());
        let (shard, user, ms) = (self.shard.id(), self.user, took.as_millis());
        tracing::info!(target: "audit", %shard, %user, ms, "the time from a fence to its commit, or to where it turned back");
        match outcome {
            Ok(outcome) => outcome.map_err(|why| match why {
                Stopped::Later(why) | Stopped::Never(why) | Stopped::Fenced(why) => Stopped::Fenced(why),
            }),
            Err(_) => Err(Stopped::Fenced("it took too long".to_owned())),
        }
    }

    async fn start(&self, here: &HomeId) -> Result<(), Stopped> {
        let step = EntryStep::Start {
            operation: self.errand.operation.0,
            home: here.clone(),
            user_epoch: self.user_epoch,
            to: self.errand.other.clone(),
        };
        let told = self.parts.entry(&here.jurisdiction, self.user, &step).await;
        let told = told.map_err(Stopped::Later)?;
        let Some(why) = told.refused.clone() else {
            return Ok(());
        };
        if self.is_orphan(here, &told) {
            let operation = told.operation;
            let step = EntryStep::Cancel { operation };
            let cancelled = self.parts.entry(&here.jurisdiction, self.user, &step).await;
            cancelled.map_err(Stopped::Later)?;
            return Err(Stopped::Later(
                "an earlier relocation lay in the directory".to_owned(),
            ));
        }
        Err(Stopped::Never(format!("the directory: {why}")))
    }

    /// A start that came late, after whoever sent it had given up: this shard alone drives him, and drives another by now.
    fn is_orphan(&self, here: &HomeId, told: &EntryTold) -> bool {
        let lives_here = told.entry.as_ref().is_some_and(|(home, _)| home == here);
        lives_here && (1..self.errand.operation.0).contains(&told.operation)
    }

    /// Asked before the first byte leaves, and at each page.
    fn lawful(&self, here: &HomeId) -> Result<(), Stopped> {
        let to = &self.errand.other;
        match self.parts.may_leave(&here.jurisdiction, self.user, to) {
            Ok(classes) if classes.is_empty() || self.errand.consent => Ok(()),
            Ok(classes) => {
                let class = classes[0];
                Err(Stopped::Never(format!(
                    "{class} data may go there only with his consent"
                )))
            }
            Err(Unlawful::Later(why)) => Err(Stopped::Later(why)),
            Err(Unlawful::Never(why)) => Err(Stopped::Never(format!("the law: {why}"))),
        }
    }

    async fn still_wanted(&self) -> Result<(), Stopped> {
        let now = standing::read(self.shard, self.user).await;
        let now = now.map_err(|error| Stopped::Later(error.to_string()))?;
        let errand = now.and_then(|standing| standing.errand);
        match errand {
            Some(errand) if errand.under_way && !errand.unwanted => Ok(()),
            _ => Err(Stopped::Never("somebody cancelled it".to_owned())),
        }
    }

    /// Until little enough changes in the time that it takes to send what has changed.
    async fn catch_up(&self, copier: &mut Copier) -> Result<(), Stopped> {
        for _ in 0..ROUNDS_MAX {
            copier.look(copier.committed()).await.map_err(stopped)?;
            let rows = self.send_changed(copier).await?;
            if rows <= ROWS_LEFT_MAX {
                return Ok(());
            }
        }
        Err(Stopped::Later("more changes than can be sent".to_owned()))
    }

    /// That it lies there, not only that it was taken. Long before the fence: it takes its time.
    pub(super) async fn check(&self, copier: &Copier) -> Result<(), Stopped> {
        for Stretch { after, upto, tally } in copier.stretches() {
            let (rows, sum) = (tally.rows, tally.sum);
            self.send(Step::Check {
                after,
                upto,
                rows,
                sum,
            })
            .await?;
        }
        Ok(())
    }

    /// From here on nobody serves him, here or there; answers since when by the log.
    async fn fence(&self, copier: &Copier) -> Result<Position, Stopped> {
        let (operation, tally) = (self.errand.operation, copier.tally);
        let fence = |before: Option<Standing>| {
            let before = before.ok_or("he does not stand here")?;
            let errand = before.errand.as_ref();
            let wanted = errand
                .is_some_and(|errand| errand.operation == operation && errand.under_way && !errand.unwanted);
            if !wanted {
                return Err("somebody cancelled it".to_owned());
            }
            let place = before.place.clone().fence(operation);
            Ok(Standing {
                place: place.map_err(|why| why.to_string())?,
                tally,
                ..before
            })
        };
        let fenced = change(self.shard, self.user, fence).await;
        // Whether it is set is not known, if it failed: who asks for it next finds out.
        fenced
            .map(|(_, position)| position)
            .map_err(|error| Stopped::Later(error.to_string()))
    }

    async fn behind_the_fence(
        &self,
        here: &HomeId,
        mut copier: Copier,
        fenced: Position,
    ) -> Result<(), Stopped> {
        copier.look(fenced).await.map_err(stopped)?;
        self.send_changed(&mut copier).await?;
        let (rows, sum) = (copier.tally.rows, copier.tally.sum);
        let place = standing::read_at(self.shard, self.user).await;
        let (place, told_ms) = place.map_err(|error| Stopped::Later(error.to_string()))?;
        let place = place.ok_or_else(|| Stopped::Later("he does not stand here".to_owned()))?;
        let told_ms = told_ms.saturating_add(place.settling.ahead_ms);
        let left = place.settling.waits_for.into_iter();
        let left = left.map(|left| (left.home, left.user_epoch)).collect();
        self.send(Step::Complete {
            rows,
            sum,
            told_ms,
            left,
        })
        .await?;
        let lawful = self.lawful(here).is_ok();
        let none = RelocatePlants::default();
        let leave = place.place.leave(self.errand.operation, true, lawful, none);
        leave.map_err(|why| Stopped::Later(why.to_string()))?;
        let step = EntryStep::Commit {
            operation: self.errand.operation.0,
            to: self.errand.other.clone(),
        };
        let told = self.parts.entry(&here.jurisdiction, self.user, &step).await;
        match told.map_err(Stopped::Later)?.refused {
            None => Ok(()),
            Some(why) => Err(Stopped::Later(format!("the directory: {why}"))),
        }
    }

    /// What was found to have changed; answers how many rows that are.
    async fn send_changed(&self, copier: &mut Copier) -> Result<usize, Stopped> {
        let mut rows = 0;
        while let Some(parts) = copier.changed().await.map_err(stopped)? {
            rows += parts.iter().map(Vec::len).sum::<usize>();
            self.send_all(parts).await?;
        }
        Ok(rows)
    }

    async fn send_all(&self, parts: Vec<Vec<Row>>) -> Result<(), Stopped> {
        for part in parts {
            let row = |row: Row| MovedRow {
                key: row.key,
                value: row.value,
            };
            self.send(Step::Part(part.into_iter().map(row).collect())).await?;
        }
        Ok(())
    }

    /// The same step until it is taken, or will not be.
    async fn send(&self, step: Step) -> Result<(), Stopped> {
        let mut last = String::new();
        for n in 0..TRIES_MAX {
            if n > 0 {
                self.parts.clock.sleep(PAUSE).await;
            }
            let asked =
                self.parts
                    .ask_there(self.shard, self.user, self.errand, self.user_epoch, step.clone());
            match asked.await {
                Ok(Taken::Done { .. }) => return Ok(()),
                Ok(Taken::Later(why)) | Err(why) => last = why,
                Ok(Taken::Waits(_)) => NO_ANSWER.clone_into(&mut last),
                Ok(Taken::Refused(why)) => return Err(Stopped::Never(format!("the other home: {why}"))),
                Ok(Taken::Unlawful(why)) => return Err(Stopped::Never(format!("the law there: {why}"))),
            }
        }
        Err(Stopped::Later(last))
    }
}

fn stopped(error: CopyError) -> Stopped {
    match error {
        CopyError::TooMany => Stopped::Never(error.to_string()),
        CopyError::Trimmed | CopyError::Later(_) => Stopped::Later(error.to_string()),
    }
}
