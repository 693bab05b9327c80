//! Standbys of a home: asked for by its survival goal, waited for, compared; and operations, waited for.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use platform_model::replica_set::{CopyState, SetPhase};
use platform_model::{HomeId, RoutingTable, ShardId, ShardRoute};
use platform_runtime::clock::Clock;
use platform_wire::operation::{OperationView, RunState, SetSurvival};

use super::operator;
use super::ready::POLL;
use super::up::World;

/// The shards of a home.
pub fn shards_of<'a>(
    table: &'a RoutingTable,
    home: &'a HomeId,
) -> impl Iterator<Item = (&'a ShardId, &'a ShardRoute)> {
    table
        .shards
        .iter()
        .filter(move |(shard, _)| shard.home() == Some(home))
}

/// Why a shard could not lose its primary now without anybody noticing for long; none if it could.
pub fn not_whole(shard: &ShardId, route: &ShardRoute) -> Option<String> {
    let in_sync = |state: &CopyState| *state == CopyState::InSync;
    match route.set.phase {
        SetPhase::Steady if route.set.standbys.iter().any(|copy| in_sync(&copy.state)) => None,
        SetPhase::Steady => Some(format!("{shard} has no standby that is in sync")),
        phase => Some(format!("{shard} is changing its primary: {phase:?}")),
    }
}

impl World {
    /// What a home's shards are to survive: `none`, `zone` or `region`.
    ///
    /// # Errors
    /// What the controllers refuse.
    pub async fn set_survival(&self, home: &HomeId, goal: &str) -> Result<()> {
        let given = SetSurvival {
            home: home.clone(),
            goal: goal.to_owned(),
            expected: None,
        };
        let set = self
            .admin()?
            .set_survival(&given, "a world for a measurement")
            .await;
        set.map(|_| ()).map_err(operator::explain)
    }

    /// Waits until every shard of a home has a standby that is in sync. Gives the time that it took.
    ///
    /// # Errors
    /// When it takes longer: the first that has none.
    pub async fn wait_for_standbys(&self, home: &HomeId, within: Duration) -> Result<Duration> {
        let (clock, admin) = (Clock::system(), self.admin()?);
        let begun = clock.monotonic();
        loop {
            let missing = match admin.status().await {
                Ok(status) => {
                    shards_of(&status.table, home).find_map(|(shard, route)| not_whole(shard, route))
                }
                Err(error) => Some(error.to_string()),
            };
            let took = clock.monotonic().saturating_sub(begun);
            match missing {
                None => return Ok(took),
                Some(why) if took > within => bail!("not whole after {} s: {why}", within.as_secs()),
                Some(_) => clock.sleep(POLL).await,
            }
        }
    }

    /// Waits until an operation is over.
    ///
    /// # Errors
    /// When it is not over in time: where it stands, and why it waits.
    pub async fn wait_for_operation(&self, id: u64, within: Duration) -> Result<OperationView> {
        let (clock, admin) = (Clock::system(), self.admin()?);
        let begun = clock.monotonic();
        let mut last = None;
        while clock.monotonic().saturating_sub(begun) < within {
            match admin.operation(id).await {
                Ok(view) if view.state.is_over() => return Ok(view),
                Ok(view) => last = Some(view),
                // A leader that changes answers in a moment.
                Err(_) => {}
            }
            clock.sleep(POLL).await;
        }
        let last = last.with_context(|| format!("operation {id}: nobody answers"))?;
        let blockers: Vec<&str> = last
            .blockers
            .iter()
            .map(|blocker| blocker.what.as_str())
            .collect();
        bail!(
            "operation {id} is at {} after {} s: {}",
            last.step,
            within.as_secs(),
            blockers.join("; ")
        )
    }

    /// Compares every copy of every shard of a home with its primary's. Gives those that differ or could not be compared.
    ///
    /// # Errors
    /// When the controllers do not answer.
    pub async fn compare_copies(&self, home: &HomeId, within: Duration) -> Result<Vec<String>> {
        let status = self.admin()?.status().await.map_err(operator::explain)?;
        let mut wrong = Vec::new();
        for (shard, _) in shards_of(&status.table, home) {
            let compared = self.compare(shard, within).await;
            wrong.extend(compared.err().map(|why| format!("{shard}: {why:#}")));
        }
        Ok(wrong)
    }

    /// Compares the copies of one shard. A standby may drop out and come back meanwhile, on a machine that is busy: then it
    /// is begun again.
    async fn compare(&self, shard: &ShardId, within: Duration) -> Result<()> {
        let (clock, admin) = (Clock::system(), self.admin()?);
        let begun = clock.monotonic();
        loop {
            let left = within.saturating_sub(clock.monotonic().saturating_sub(begun));
            let why = match admin.verify_shard(shard, "are its copies equal?").await {
                Ok(started) => {
                    let id = started.operation.context("an operation")?;
                    let view = self.wait_for_operation(id, left).await?;
                    match view.state {
                        RunState::Done => return Ok(()),
                        RunState::Failed(why) => why,
                        state => state.as_str().to_owned(),
                    }
                }
                Err(error) => error.to_string(),
            };
            // What differs once differs for good.
            if left.is_zero() || why.contains("differs") {
                bail!(why);
            }
            clock.sleep(POLL).await;
        }
    }
}
