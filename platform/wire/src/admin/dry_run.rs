//! A command that is only judged: which ones can be, and how they are sent.

use crate::frame::FRAME_VERSION;
use crate::pb;

pub(crate) use crate::pb::dry_run_request::Command;

pub(crate) fn request(world: String, command: Command) -> pb::DryRunRequest {
    pb::DryRunRequest {
        version: FRAME_VERSION,
        world,
        command: Some(command),
    }
}

/// One row: `Variant(Request)`.
macro_rules! commands {
    ($($variant:ident($request:ident)),* $(,)?) => {
        $(impl From<pb::$request> for Command {
            fn from(request: pb::$request) -> Self { Self::$variant(request) }
        })*
    };
}

commands![
    InitWorld(InitWorldRequest),
    CreateHome(CreateHomeRequest),
    CreateCell(CreateCellRequest),
    CreateAuthority(CreateAuthorityRequest),
    SetCountry(SetCountryRequest),
    SetCellState(SetCellStateRequest),
    PlaceShard(PlaceShardRequest),
    SetAutomation(SetAutomationRequest),
    ProposeLaw(ProposeLawRequest),
    ApproveLaw(ApproveLawRequest),
    WithdrawLaw(WithdrawLawRequest),
    SetMatrixAgeMax(SetMatrixAgeMaxRequest),
];
