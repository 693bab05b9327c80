//! `Admin.DryRun`: who may give the command may ask what would come of it. Nothing here reaches Raft.

use control_plane_state::Command;
use platform_runtime::tls::SpiffeId;
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
    let verb = verb(asked).ok_or_else(|| Status::unimplemented("operations come later"))?;
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

fn verb(command: &Wire) -> Option<Verb> {
    Some(match command {
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
        _ => return None,
    })
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
        _ => return Err(Refusal::invalid("operations come later")),
    })
}
