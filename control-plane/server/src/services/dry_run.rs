//! `Admin.DryRun`: who may give the command may ask what would come of it. Nothing here reaches Raft.

use control_plane_state::{Command, State};
use platform_runtime::tls::SpiffeId;
use platform_wire::operation::Change;
use platform_wire::pb::dry_run_request::Command as Wire;
use platform_wire::{FRAME_VERSION, Refusal, pb};
use tonic::{Request, Response, Status};

use super::{Parts, law};
use crate::authorise::Verb;
use crate::translate;

pub(super) async fn judge(
    parts: &Parts,
    request: Request<pb::DryRunRequest>,
) -> Result<Response<pb::CommandReply>, Status> {
    let wire = request.get_ref();
    let asked = wire.command.as_ref();
    let asked = asked.ok_or_else(|| Refusal::invalid("the request has no `command`"))?;
    let verb = verb(asked);
    let caller = parts.admit(&request, verb, wire.version, &wire.world)?;
    let author = parts.author(&request, verb, wire.version, &wire.world)?;
    let asked = request.into_inner().command;
    let asked = asked.ok_or_else(|| Refusal::invalid("the request has no `command`"))?;
    let (reason, command) = command(parts, &caller, asked)?;
    let done = parts.proposer.judge(author, reason, command).await?;
    Ok(Response::new(pb::CommandReply {
        version: FRAME_VERSION,
        sequence: done.sequence,
        generation: done.generation.0,
    }))
}

fn verb(command: &Wire) -> Verb {
    match command {
        Wire::InitWorld(_) => Verb::InitWorld,
        Wire::CreateHome(_) => Verb::CreateHome,
        Wire::CreateCell(_) => Verb::CreateCell,
        Wire::CreateAuthority(_) => Verb::CreateAuthority,
        Wire::SetCountry(_) => Verb::SetCountry,
        Wire::SetCellState(_) => Verb::SetCellState,
        Wire::PlaceShard(_) => Verb::PlaceShard,
        Wire::SetAutomation(_) => Verb::SetAutomation,
        Wire::ProposeLaw(_) => Verb::ProposeLaw,
        Wire::ApproveLaw(_) => Verb::ApproveLaw,
        Wire::WithdrawLaw(_) => Verb::WithdrawLaw,
        Wire::SetMatrixAgeMax(_) => Verb::SetMatrixAgeMax,
        Wire::MoveShard(_) => Verb::MoveShard,
        Wire::FailoverShard(_) => Verb::FailoverShard,
        Wire::VerifyShard(_) => Verb::VerifyShard,
        Wire::RepairShard(_) => Verb::RepairShard,
        Wire::SetSurvival(_) => Verb::SetSurvival,
        Wire::PauseOperation(_) => Verb::PauseOperation,
        Wire::ResumeOperation(_) => Verb::ResumeOperation,
        Wire::CancelOperation(_) => Verb::CancelOperation,
        Wire::ReverseOperation(_) => Verb::ReverseOperation,
        Wire::FinishOperation(_) => Verb::FinishOperation,
    }
}

/// Reason and command.
fn command(parts: &Parts, caller: &SpiffeId, command: Wire) -> Result<(String, Command), Refusal> {
    Ok(match command {
        Wire::InitWorld(wire) => (String::new(), translate::init_world(wire)?),
        Wire::CreateHome(wire) => (wire.reason.clone(), translate::create_home(wire)?),
        Wire::CreateCell(wire) => (wire.reason.clone(), translate::create_cell(wire)?),
        Wire::CreateAuthority(wire) => (wire.reason.clone(), translate::create_authority(wire)?),
        Wire::SetCountry(wire) => (wire.reason.clone(), translate::set_country(wire)?),
        Wire::SetCellState(wire) => (wire.reason.clone(), translate::set_cell_state(wire)?),
        Wire::PlaceShard(wire) => (wire.reason.clone(), translate::place_shard(wire)?),
        Wire::SetAutomation(wire) => (wire.reason.clone(), translate::set_automation(&wire)),
        Wire::ProposeLaw(wire) => (wire.reason.clone(), law::propose(wire)?),
        Wire::ApproveLaw(wire) => (wire.reason.clone(), law::approve(parts, caller, wire)?),
        Wire::WithdrawLaw(wire) => (wire.reason.clone(), law::withdraw(&wire)),
        Wire::SetMatrixAgeMax(wire) => {
            let matrix_age_max_ms = wire.matrix_age_max_ms;
            (wire.reason, Command::SetMatrixAgeMax { matrix_age_max_ms })
        }
        other => return operation(parts, other),
    })
}

/// What an operator asks of shards and of operations on them.
fn operation(parts: &Parts, command: Wire) -> Result<(String, Command), Refusal> {
    use translate::operation;
    let observed = parts.shards.observed_by_hand();
    let now_ms = parts.clock.unix_ms();
    let state = parts.raft.state();
    let state: &State = &state.borrow();
    let change = |wire: pb::ChangeOperationRequest, change| {
        Ok((wire.reason.clone(), operation::change(state, &wire, change)?))
    };
    match command {
        Wire::MoveShard(wire) => Ok((wire.reason.clone(), operation::move_shard(state, now_ms, wire)?)),
        Wire::FailoverShard(wire) => Ok((wire.reason.clone(), operation::failover(state, &wire)?)),
        Wire::VerifyShard(wire) => Ok((wire.reason.clone(), operation::verify(state, &wire.shard)?)),
        Wire::RepairShard(wire) => Ok((
            wire.reason.clone(),
            operation::repair(state, &wire.shard, &observed)?,
        )),
        Wire::SetSurvival(wire) => Ok((wire.reason.clone(), operation::survival(state, &wire)?)),
        Wire::PauseOperation(wire) => change(wire, Change::Pause),
        Wire::ResumeOperation(wire) => change(wire, Change::Resume),
        Wire::CancelOperation(wire) => change(wire, Change::Cancel),
        Wire::ReverseOperation(wire) => change(wire, Change::Reverse),
        Wire::FinishOperation(wire) => change(wire, Change::Finish),
        _ => Err(Refusal::invalid("no such command can be judged")),
    }
}
