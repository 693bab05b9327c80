//! `Operations`: long work on shards. Commands are the state's to judge; how far an operation is, is the leader's to say.

use control_plane_state::operation::OperationId;
use control_plane_state::{Author, Command};
use platform_model::ShardId;
use platform_wire::operation::{Change, Lose};
use platform_wire::pb::operations_server::Operations;
use platform_wire::{FRAME_VERSION, Refusal, pb};
use tonic::{Request, Response, Status};

use super::{Parts, simulate};
use crate::authorise::Verb;
use crate::translate::operation;
use crate::{refuse, shards};

pub(super) struct Service(pub(super) Parts);

type Reply = Result<Response<pb::OperationReply>, Status>;

#[tonic::async_trait]
impl Operations for Service {
    async fn move_shard(&self, request: Request<pb::MoveShardRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::MoveShard, wire.version, &wire.world)?;
        let wire = request.into_inner();
        let (shard, reason) = (wire.shard.clone(), wire.reason.clone());
        let now_ms = self.0.clock.unix_ms();
        let command = operation::move_shard(&self.0.raft.state().borrow(), now_ms, wire)?;
        self.start(author, &shard, reason, command).await
    }

    async fn failover_shard(&self, request: Request<pb::FailoverShardRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::FailoverShard, wire.version, &wire.world)?;
        let command = operation::failover(&self.0.raft.state().borrow(), wire)?;
        let wire = request.into_inner();
        self.start(author, &wire.shard, wire.reason, command).await
    }

    async fn verify_shard(&self, request: Request<pb::VerifyShardRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::VerifyShard, wire.version, &wire.world)?;
        let command = operation::verify(&self.0.raft.state().borrow(), &wire.shard)?;
        let wire = request.into_inner();
        self.start(author, &wire.shard, wire.reason, command).await
    }

    async fn repair_shard(&self, request: Request<pb::RepairShardRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::RepairShard, wire.version, &wire.world)?;
        let observed = self.0.shards.observed_by_hand();
        let command = operation::repair(&self.0.raft.state().borrow(), &wire.shard, &observed)?;
        let wire = request.into_inner();
        self.start(author, &wire.shard, wire.reason, command).await
    }

    async fn set_survival(&self, request: Request<pb::SetSurvivalRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::SetSurvival, wire.version, &wire.world)?;
        let command = operation::survival(&self.0.raft.state().borrow(), wire)?;
        let reason = request.into_inner().reason;
        let done = self.0.proposer.propose(author, reason, command).await?;
        Ok(reply(done.sequence, done.generation.0, 0))
    }

    async fn simulate(
        &self,
        request: Request<pb::SimulateRequest>,
    ) -> Result<Response<pb::SimulateReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::Simulate, wire.version, &wire.world)?;
        let lose = wire
            .lose
            .clone()
            .ok_or_else(|| Refusal::invalid("the request has no `lose`"))?;
        let lose = Lose::try_from(lose).map_err(Refusal::invalid)?;
        if let Some(leader) = self.0.proposer.leader_address() {
            let reply = self
                .0
                .proposer
                .simulation_of(&leader, request.into_inner())
                .await?;
            return Ok(Response::new(reply));
        }
        let now_ms = self.0.clock.unix_ms();
        let found = self.0.shards.look(|leader, state, now_micros| {
            simulate::answer(state, &leader.observed(now_micros, state), &lose, now_ms)
        });
        let found = found.ok_or_else(refuse::no_leader)??;
        Ok(Response::new((&found).into()))
    }

    async fn list(
        &self,
        request: Request<pb::ListOperationsRequest>,
    ) -> Result<Response<pb::ListOperationsReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ReadOperations, wire.version, &wire.world)?;
        let all = wire.all;
        if let Some(leader) = self.0.proposer.leader_address() {
            let reply = self
                .0
                .proposer
                .operations_of(&leader, request.into_inner())
                .await?;
            return Ok(Response::new(reply));
        }
        let now_ms = self.0.clock.unix_ms();
        let views = self.0.shards.look(|leader, state, now_micros| {
            let at = shards::Moment { now_micros, now_ms };
            let newest = state.operations.records.iter().rev();
            let asked = newest.filter(|(_, record)| all || record.state.is_active());
            let views = asked.map(|(id, record)| leader.view(state, *id, record, at));
            views.map(|view| (&view).into()).collect()
        });
        Ok(Response::new(pb::ListOperationsReply {
            version: FRAME_VERSION,
            operations: views.ok_or_else(refuse::no_leader)?,
        }))
    }

    async fn get(
        &self,
        request: Request<pb::GetOperationRequest>,
    ) -> Result<Response<pb::GetOperationReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ReadOperations, wire.version, &wire.world)?;
        let id = OperationId(wire.id);
        if let Some(leader) = self.0.proposer.leader_address() {
            let reply = self
                .0
                .proposer
                .operation_of(&leader, request.into_inner())
                .await?;
            return Ok(Response::new(reply));
        }
        let now_ms = self.0.clock.unix_ms();
        let view = self.0.shards.look(|leader, state, now_micros| {
            let at = shards::Moment { now_micros, now_ms };
            let record = state.operations.records.get(&id)?;
            Some((&leader.view(state, id, record, at)).into())
        });
        let view: Option<pb::Operation> = view.ok_or_else(refuse::no_leader)?;
        Ok(Response::new(pb::GetOperationReply {
            version: FRAME_VERSION,
            operation: Some(view.ok_or_else(|| refuse::unknown_operation(id))?),
        }))
    }

    async fn pause(&self, request: Request<pb::ChangeOperationRequest>) -> Reply {
        self.change(request, Verb::PauseOperation, Change::Pause).await
    }

    async fn resume(&self, request: Request<pb::ChangeOperationRequest>) -> Reply {
        self.change(request, Verb::ResumeOperation, Change::Resume).await
    }

    async fn cancel(&self, request: Request<pb::ChangeOperationRequest>) -> Reply {
        self.change(request, Verb::CancelOperation, Change::Cancel).await
    }

    async fn reverse(&self, request: Request<pb::ChangeOperationRequest>) -> Reply {
        self.change(request, Verb::ReverseOperation, Change::Reverse)
            .await
    }

    async fn finish(&self, request: Request<pb::ChangeOperationRequest>) -> Reply {
        self.change(request, Verb::FinishOperation, Change::Finish).await
    }
}

impl Service {
    async fn change(
        &self,
        request: Request<pb::ChangeOperationRequest>,
        verb: Verb,
        change: Change,
    ) -> Reply {
        let wire = request.get_ref();
        let author = self.0.author(&request, verb, wire.version, &wire.world)?;
        let command = operation::change(&self.0.raft.state().borrow(), wire, change)?;
        let wire = request.into_inner();
        let done = self.0.proposer.propose(author, wire.reason, command).await?;
        Ok(reply(done.sequence, done.generation.0, wire.id))
    }

    async fn start(&self, author: Author, shard: &str, reason: String, command: Command) -> Reply {
        let shard: ShardId = shard.parse().map_err(Refusal::invalid)?;
        let done = self.0.proposer.propose(author, reason, command).await?;
        let id = self.started(&shard, done.sequence).await;
        Ok(reply(done.sequence, done.generation.0, id))
    }

    /// The operation that this decision started: the newest on the shard, once the decision is applied here.
    async fn started(&self, shard: &ShardId, sequence: u64) -> u64 {
        let mut state = self.0.raft.state();
        let applied = state.wait_for(|state| state.ledger.head().sequence >= sequence);
        let applied = tokio::time::timeout(STARTED_WITHIN, applied).await;
        let Ok(Ok(state)) = applied else { return 0 };
        let mut newest = state.operations.records.iter().rev();
        newest
            .find(|(_, record)| record.shard == *shard)
            .map_or(0, |(id, _)| id.0)
    }
}

/// How long a controller that does not lead has to hear of a decision; after that its answer names no operation.
const STARTED_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

fn reply(sequence: u64, generation: u64, operation: u64) -> Response<pb::OperationReply> {
    Response::new(pb::OperationReply {
        version: FRAME_VERSION,
        sequence,
        generation,
        operation,
    })
}
