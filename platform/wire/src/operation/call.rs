//! The calls.

use platform_model::{Generation, ShardId};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::convert::{OPERATIONS_MAX, few, given};
use super::{
    Change, FailoverShard, InvalidOperation, Lose, MoveShard, MoveTo, OperationView, SetSurvival, Simulation,
    Started,
};
use crate::admin::{AdminClient, dry_run};
use crate::client_protocol::Speaks;
use crate::controllers::{COMMAND, CallError, REPORT};
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::operations_client::OperationsClient as Client;
use crate::replicas::replica_bytes;

impl AdminClient {
    /// Moves a shard to another node: copy, compare, hand over, keep the old copy for a while, erase it.
    ///
    /// # Errors
    /// `operation` or `placement` with the rule that forbids it; `generation-mismatch` if the configuration has changed.
    pub async fn move_shard(&self, given: &MoveShard, reason: &str) -> Result<Started, CallError> {
        let to = match &given.to {
            MoveTo::Node(node) => pb::move_shard_request::To::Node(node.to_string()),
            MoveTo::Cell(cell) => pb::move_shard_request::To::Cell(cell.to_string()),
        };
        let request = pb::MoveShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: given.shard.to_string(),
            to: Some(to),
            window_ms: given.window_ms,
            deadline_ms: given.deadline_ms.unwrap_or_default(),
            expected: number(given.expected),
            reason: reason.to_owned(),
        };
        self.start(
            request,
            pb::dry_run_request::Command::MoveShard,
            async |channel, request| client(channel).move_shard(request).await,
        )
        .await
    }

    /// Lets another copy lead, now.
    ///
    /// # Errors
    /// As [`Self::move_shard`]; a forced one also without proof that the old primary is stopped.
    pub async fn failover_shard(&self, given: &FailoverShard, reason: &str) -> Result<Started, CallError> {
        let request = pb::FailoverShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: given.shard.to_string(),
            to: given.to.map(replica_bytes).unwrap_or_default(),
            expected: number(given.expected),
            reason: reason.to_owned(),
            force: given.force.map(|force| pb::Force {
                old_primary_is_dead: force.old_primary_is_dead,
                loss_entries_max: force.loss_entries_max,
            }),
        };
        self.start(
            request,
            pb::dry_run_request::Command::FailoverShard,
            async |channel, request| client(channel).failover_shard(request).await,
        )
        .await
    }

    /// Compares every chunk of every in-sync standby with the primary's.
    ///
    /// # Errors
    /// As [`Self::move_shard`].
    pub async fn verify_shard(&self, shard: &ShardId, reason: &str) -> Result<Started, CallError> {
        let request = pb::VerifyShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: shard.to_string(),
            reason: reason.to_owned(),
        };
        self.start(
            request,
            pb::dry_run_request::Command::VerifyShard,
            async |channel, request| client(channel).verify_shard(request).await,
        )
        .await
    }

    /// Makes standbys anew that are missing or of no use.
    ///
    /// # Errors
    /// As [`Self::move_shard`].
    pub async fn repair_shard(&self, shard: &ShardId, reason: &str) -> Result<Started, CallError> {
        let request = pb::RepairShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: shard.to_string(),
            reason: reason.to_owned(),
        };
        self.start(
            request,
            pb::dry_run_request::Command::RepairShard,
            async |channel, request| client(channel).repair_shard(request).await,
        )
        .await
    }

    /// Says what the shards of a home are to survive.
    ///
    /// # Errors
    /// `placement` with the rule for which no such place is; `generation-mismatch`.
    pub async fn set_survival(&self, given: &SetSurvival, reason: &str) -> Result<Started, CallError> {
        let request = pb::SetSurvivalRequest {
            version: FRAME_VERSION,
            world: self.world(),
            home: given.home.to_string(),
            goal: given.goal.clone(),
            expected: number(given.expected),
            reason: reason.to_owned(),
        };
        self.start(
            request,
            pb::dry_run_request::Command::SetSurvival,
            async |channel, request| client(channel).set_survival(request).await,
        )
        .await
    }

    /// Pauses an operation, lets it go on, cancels, reverses or finishes it. `expected` is the generation that the caller has
    /// seen.
    ///
    /// # Errors
    /// `operation` when that cannot be asked of it now; `generation-mismatch`; `unknown`.
    pub async fn change_operation(
        &self,
        id: u64,
        change: Change,
        expected: Option<Generation>,
        reason: &str,
    ) -> Result<Started, CallError> {
        use pb::dry_run_request::Command;
        let request = pb::ChangeOperationRequest {
            version: FRAME_VERSION,
            world: self.world(),
            id,
            expected: number(expected),
            reason: reason.to_owned(),
        };
        let judged = match change {
            Change::Pause => Command::PauseOperation,
            Change::Resume => Command::ResumeOperation,
            Change::Cancel => Command::CancelOperation,
            Change::Reverse => Command::ReverseOperation,
            Change::Finish => Command::FinishOperation,
        };
        self.start(request, judged, async |channel, request| match change {
            Change::Pause => client(channel).pause(request).await,
            Change::Resume => client(channel).resume(request).await,
            Change::Cancel => client(channel).cancel(request).await,
            Change::Reverse => client(channel).reverse(request).await,
            Change::Finish => client(channel).finish(request).await,
        })
        .await
    }

    /// Operations, newest first; with `all` those that have ended, too.
    ///
    /// # Errors
    /// When no leader answers.
    pub async fn operations(&self, all: bool) -> Result<Vec<OperationView>, CallError> {
        let request = pb::ListOperationsRequest {
            version: FRAME_VERSION,
            world: self.world(),
            all,
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).list(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        few("operations", reply.operations.len(), OPERATIONS_MAX).map_err(invalid)?;
        let views = reply.operations.into_iter().map(OperationView::try_from);
        views.collect::<Result<_, _>>().map_err(invalid)
    }

    /// One operation, with how far it is and what it waits for.
    ///
    /// # Errors
    /// `unknown`; when no leader answers.
    pub async fn operation(&self, id: u64) -> Result<OperationView, CallError> {
        let request = pb::GetOperationRequest {
            version: FRAME_VERSION,
            world: self.world(),
            id,
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).get(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        let operation = reply.operation.ok_or(InvalidOperation::Missing("operation"));
        operation.and_then(TryInto::try_into).map_err(invalid)
    }

    /// What would become of every shard if something were lost. Touches nothing.
    ///
    /// # Errors
    /// `unknown` for a place that is none; when no leader answers.
    pub async fn simulate(&self, lose: &Lose) -> Result<Simulation, CallError> {
        let request = pb::SimulateRequest {
            version: FRAME_VERSION,
            world: self.world(),
            lose: Some(lose.into()),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).simulate(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        reply.try_into().map_err(invalid)
    }

    async fn start<R, F>(
        &self,
        request: R,
        judged: fn(R) -> pb::dry_run_request::Command,
        send: F,
    ) -> Result<Started, CallError>
    where
        R: Clone,
        F: AsyncFn(Channel, R) -> Result<Response<pb::OperationReply>, Status>,
    {
        if self.dry {
            let accepted = self
                .judge(dry_run::request(self.world(), judged(request)))
                .await?;
            return Ok(Started {
                sequence: accepted.sequence,
                generation: accepted.generation,
                operation: None,
            });
        }
        let reply = self
            .controllers
            .call(COMMAND, |channel| send(channel, request.clone()))
            .await?;
        Ok(Started {
            sequence: reply.sequence,
            generation: Generation(reply.generation),
            operation: given(reply.operation),
        })
    }
}

/// 0: whatever it is.
fn number(expected: Option<Generation>) -> u64 {
    expected.map_or(0, |generation| generation.0)
}

fn invalid(error: InvalidOperation) -> CallError {
    CallError::InvalidAnswer {
        address: "the leader".to_owned(),
        cause: error.to_string(),
    }
}

fn client(channel: Channel) -> Client<InterceptedService<Channel, Speaks>> {
    Client::with_interceptor(channel, Speaks).max_decoding_message_size(MESSAGE_BYTES_MAX)
}
