//! The reconciler of claims, where a directory shard is served: rows whose claim nobody has finished are let go once the
//! person's own shard has committed that it is dropped, or knows of no such claim.
//!
//! What a person's shard once said holds for the epoch in which it said so: one that was promoted since, moved, or restored from
//! a backup is asked again, slowly.
//!
//! A client that never came back left its claim pending; a node that died between two steps left the row of a claim that
//! was dropped. Time frees nothing: it only says when it is worth asking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cell_sdk::{ClaimEntry, Services};
use cell_shard::Shard;
use platform_model::{Code, Epoch, Problem, ShardId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::RefusalCode;
use platform_wire::directory::{DecideClient, Decision};
use platform_wire::follow::Followed;
use uuid::Uuid;

use super::claims::target;
use super::decide::decide_here;
use super::faults;
use super::rows::{self, Failed, Looked};
use crate::hosted::Hosted;

/// How often the rows are looked through.
const LOOK: Duration = Duration::from_secs(2);
/// A claim that was there for so long and is not known to be active is worth asking for: a registration takes a second.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// Rows of one page.
const PAGE_ROWS: usize = 500;
/// Claims that one look asks for.
const ASKED_MAX: usize = 64;
/// Claims that are waited for at once; others are seen anew with a later look.
const SEEN_MAX: usize = 100_000;

/// Reconciles the directory shards that are served on this node. Clones share nothing: one a node.
pub struct Reconciler {
    pub hosted: Hosted,
    pub followed: Followed,
    pub services: Arc<dyn Services>,
    pub client: DecideClient,
    pub clock: Clock,
}

/// When an unsettled claim was first seen here, by the monotonic clock. By shard, digest and claim id: a value that is claimed
/// anew is another claim.
type Seen = BTreeMap<Key, Duration>;
type Key = (ShardId, [u8; 32], Uuid);

/// What one look leaves to the next.
#[derive(Default)]
struct Looks {
    seen: Seen,
    /// The last that was asked for.
    asked_to: Option<Key>,
}

impl Reconciler {
    /// Until the group ends.
    pub fn start(self, tasks: &TaskGroup) {
        let token = tasks.token();
        tasks.spawn("claims", async move {
            let looks = async {
                let mut looks = Looks::default();
                loop {
                    self.look(&mut looks).await;
                    self.clock.sleep(LOOK).await;
                }
            };
            let completes = async {
                loop {
                    self.complete().await;
                    self.clock.sleep(LOOK).await;
                }
            };
            let both = async { tokio::join!(looks, completes) };
            token.run_until_cancelled(both).await;
        });
    }

    /// One look through all rows. What is settled or not there any more is forgotten. Who is asked next are those behind the last
    /// that were: what never gets an answer holds up nothing behind it.
    async fn look(&self, looks: &mut Looks) {
        let mut seen = Seen::new();
        let (mut behind, mut before) = (Vec::new(), Vec::new());
        let served = self.hosted.served().into_iter();
        for shard in served.filter(|shard| matches!(shard.id(), ShardId::Directory { .. })) {
            let mut after = None;
            loop {
                let page = match rows::page(&shard, after, PAGE_ROWS).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::debug!(shard = %shard.id(), %error, "the directory's rows are not looked at now");
                        break;
                    }
                };
                after = page.last().map(|row| row.digest);
                let is_last = page.len() < PAGE_ROWS;
                for row in page.into_iter().filter(|row| !self.stands(row)) {
                    let key = (shard.id().clone(), row.digest.0, row.entry.claim_id);
                    let now = self.clock.monotonic();
                    let since = looks.seen.get(&key).copied().unwrap_or(now);
                    let is_behind = looks.asked_to.as_ref().is_none_or(|last| key > *last);
                    let due = if is_behind { &mut behind } else { &mut before };
                    if is_due(since, now) && due.len() < ASKED_MAX {
                        due.push((shard.clone(), row));
                    }
                    if seen.len() < SEEN_MAX {
                        seen.insert(key, since);
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        looks.seen = seen;
        behind.append(&mut before);
        behind.truncate(ASKED_MAX);
        self.ask_all(looks, behind).await;
    }

    /// Asks for each, but for those of a shard that gave no answer for another.
    async fn ask_all(&self, looks: &mut Looks, due: Vec<(Shard, Looked)>) {
        let mut silent = BTreeSet::new();
        for (shard, row) in due {
            let key = (shard.id().clone(), row.digest.0, row.entry.claim_id);
            let own = self.shard_of(&row.entry);
            looks.asked_to = Some(key.clone());
            if silent.contains(&own) {
                continue;
            }
            if self.ask(&shard, &row).await {
                looks.seen.remove(&key);
            } else {
                silent.insert(own);
            }
        }
    }

    fn shard_of(&self, entry: &ClaimEntry) -> Option<ShardId> {
        self.followed.current().shard_of_user(&entry.home, entry.user)
    }

    /// Whether the person's shard has said in its newest epoch that the claim is his. Of one that the table does not name it is
    /// taken for said.
    fn stands(&self, row: &Looked) -> bool {
        let table = self.followed.current();
        let shard = table.shard_of_user(&row.entry.home, row.entry.user);
        let route = shard.and_then(|shard| table.shards.get(&shard));
        let newest = route.map_or(Epoch(0), |route| route.epoch);
        row.settled.is_some_and(|epoch| epoch >= newest)
    }

    /// Has the person's shard decide, and notes that the claim is his or lets the row go. False: it is asked again.
    async fn ask(&self, shard: &Shard, row: &Looked) -> bool {
        let claim = row.entry.claim_id;
        let done = match self.decide(shard.id(), &row.entry).await {
            Ok((decision @ Decision::Active, _)) if faults::frees_by_clock() => {
                self.let_go(shard, row, decision).await
            }
            Ok((Decision::Active, epoch)) => {
                rows::settle(shard, row.digest, claim, epoch).await.map(|()| true)
            }
            Ok((decision @ (Decision::Dropped | Decision::Unknown), _)) => {
                self.let_go(shard, row, decision).await
            }
            Err(problem) => {
                tracing::debug!(%claim, code = %problem.code, "a claim is decided later");
                return false;
            }
        };
        done.is_ok_and(|done| done)
    }

    /// Unless its registration went on since it was looked at: that nobody knew of it then is no commitment.
    async fn let_go(&self, shard: &Shard, row: &Looked, decision: Decision) -> Result<bool, Failed> {
        let released = rows::release_looked(shard, row).await?;
        if released {
            let claim = row.entry.claim_id;
            metrics::counter!("celld_claims_reconciled_total").increment(1);
            tracing::info!(target: "audit", shard = %shard.id(), %claim, ?decision, "a claim that nobody finished is let go");
        }
        Ok(released)
    }

    /// What the person's shard says, and in which epoch at least.
    ///
    /// # Errors
    /// `internal` where it cannot read the person's record and never will; all else may be asked again.
    pub(super) async fn decide(
        &self,
        directory: &ShardId,
        entry: &ClaimEntry,
    ) -> Result<(Decision, Epoch), Problem> {
        let table = self.followed.current();
        let unknown_home = || super::unavailable("the table knows no such home");
        let shard = table
            .shard_of_user(&entry.home, entry.user)
            .ok_or_else(unknown_home)?;
        if let Some(here) = self.hosted.get(&shard) {
            let decided = decide_here(&*self.services, &entry.home, entry.user, entry.claim_id).await;
            return Ok((decided?, here.epoch()));
        }
        let target = target(&table, self.hosted.node(), shard)?;
        let decided = self
            .client
            .decide(&target, directory, entry.user, entry.claim_id)
            .await;
        let decided = decided.map_err(|error| {
            let refusal = error.refusal().map(|refusal| refusal.code);
            match refusal {
                Some(RefusalCode::Internal) => Code::Internal.into(),
                _ => super::unavailable(&error.to_string()),
            }
        })?;
        Ok((decided, target.epoch))
    }
}

fn is_due(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= ASK_AFTER
}

#[cfg(test)]
pub(super) mod tests;
