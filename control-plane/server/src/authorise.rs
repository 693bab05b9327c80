//! Who may call what: role x verb. Decided by the certificate of the connection, before anything is read; a caller
//! refused here never reaches Raft and is counted.

use platform_model::Role;
use platform_runtime::PeerIdentity;
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::{Refusal, RefusalCode};
use tonic::{Extensions, Status};

/// Everything that can be asked of a controller over gRPC, but for Raft, which checks its callers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Watch,
    RegisterNode,
    PublishTokenKey,
    AdmitForeign,
    Heartbeat,
    Replicas,
    Status,
    InitWorld,
    CreateHome,
    CreateCell,
    CreateAuthority,
    SetCountry,
    SetCellState,
    PlaceShard,
    AddMember,
    RemoveMember,
    SetAutomation,
    MoveShard,
    FailoverShard,
    VerifyShard,
    RepairShard,
    SetSurvival,
    PauseOperation,
    ResumeOperation,
    CancelOperation,
    ReverseOperation,
    FinishOperation,
    ReadOperations,
    Simulate,
    ForwardPropose,
    ForwardHeartbeat,
    ForwardReplicas,
    ForwardWallClock,
    ReadLedger,
    ProposeLaw,
    ApproveLaw,
    WithdrawLaw,
    SetMatrixAgeMax,
    ReadLaw,
    Residency,
    ReadTrust,
    AttestRegion,
    CreateJoinToken,
    RevokeJoinToken,
    RevokeIdentity,
    RestoreIdentity,
    OpenBreakGlass,
    CloseBreakGlass,
    Renew,
    RecordErasure,
    ReadErased,
    NoteWork,
    RestoreShard,
    ReadWorld,
    GiveNodeUp,
    TellErasures,
}

const EVERYONE: &[Role] = &[
    Role::Viewer,
    Role::Sre,
    Role::Compliance,
    Role::Node,
    Role::Router,
    Role::Controller,
];

impl Verb {
    pub const ALL: [Self; 56] = [
        Self::Watch,
        Self::RegisterNode,
        Self::PublishTokenKey,
        Self::AdmitForeign,
        Self::Heartbeat,
        Self::Replicas,
        Self::Status,
        Self::InitWorld,
        Self::CreateHome,
        Self::CreateCell,
        Self::CreateAuthority,
        Self::SetCountry,
        Self::SetCellState,
        Self::PlaceShard,
        Self::AddMember,
        Self::RemoveMember,
        Self::SetAutomation,
        Self::MoveShard,
        Self::FailoverShard,
        Self::VerifyShard,
        Self::RepairShard,
        Self::SetSurvival,
        Self::PauseOperation,
        Self::ResumeOperation,
        Self::CancelOperation,
        Self::ReverseOperation,
        Self::FinishOperation,
        Self::ReadOperations,
        Self::Simulate,
        Self::ForwardPropose,
        Self::ForwardHeartbeat,
        Self::ForwardReplicas,
        Self::ForwardWallClock,
        Self::ReadLedger,
        Self::ProposeLaw,
        Self::ApproveLaw,
        Self::WithdrawLaw,
        Self::SetMatrixAgeMax,
        Self::ReadLaw,
        Self::Residency,
        Self::ReadTrust,
        Self::AttestRegion,
        Self::CreateJoinToken,
        Self::RevokeJoinToken,
        Self::RevokeIdentity,
        Self::RestoreIdentity,
        Self::OpenBreakGlass,
        Self::CloseBreakGlass,
        Self::Renew,
        Self::RecordErasure,
        Self::ReadErased,
        Self::NoteWork,
        Self::RestoreShard,
        Self::ReadWorld,
        Self::GiveNodeUp,
        Self::TellErasures,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::RegisterNode => "register-node",
            Self::PublishTokenKey => "publish-token-key",
            Self::AdmitForeign => "admit-foreign",
            Self::Heartbeat => "heartbeat",
            Self::Replicas => "replicas",
            Self::Status => "status",
            Self::InitWorld => "init-world",
            Self::CreateHome => "create-home",
            Self::CreateCell => "create-cell",
            Self::CreateAuthority => "create-authority",
            Self::SetCountry => "set-country",
            Self::SetCellState => "set-cell-state",
            Self::PlaceShard => "place-shard",
            Self::AddMember => "add-member",
            Self::RemoveMember => "remove-member",
            Self::SetAutomation => "set-automation",
            Self::MoveShard => "move-shard",
            Self::FailoverShard => "failover-shard",
            Self::VerifyShard => "verify-shard",
            Self::RepairShard => "repair-shard",
            Self::SetSurvival => "set-survival",
            Self::PauseOperation => "pause-operation",
            Self::ResumeOperation => "resume-operation",
            Self::CancelOperation => "cancel-operation",
            Self::ReverseOperation => "reverse-operation",
            Self::FinishOperation => "finish-operation",
            Self::ReadOperations => "read-operations",
            Self::Simulate => "simulate",
            Self::ForwardPropose => "forward-propose",
            Self::ForwardHeartbeat => "forward-heartbeat",
            Self::ForwardReplicas => "forward-replicas",
            Self::ForwardWallClock => "forward-wall-clock",
            Self::ReadLedger => "read-ledger",
            Self::ProposeLaw => "propose-law",
            Self::ApproveLaw => "approve-law",
            Self::WithdrawLaw => "withdraw-law",
            Self::SetMatrixAgeMax => "set-matrix-age-max",
            Self::ReadLaw => "read-law",
            Self::Residency => "residency",
            Self::ReadTrust => "read-trust",
            Self::AttestRegion => "attest-region",
            Self::CreateJoinToken => "create-join-token",
            Self::RevokeJoinToken => "revoke-join-token",
            Self::RevokeIdentity => "revoke-identity",
            Self::RestoreIdentity => "restore-identity",
            Self::OpenBreakGlass => "open-break-glass",
            Self::CloseBreakGlass => "close-break-glass",
            Self::Renew => "renew",
            Self::RecordErasure => "record-erasure",
            Self::ReadErased => "read-erased",
            Self::NoteWork => "note-work",
            Self::RestoreShard => "restore-shard",
            Self::ReadWorld => "read-world",
            Self::GiveNodeUp => "give-node-up",
            Self::TellErasures => "tell-erasures",
        }
    }

    /// The roles that may.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Watch | Self::Status => EVERYONE,
            Self::RegisterNode
            | Self::PublishTokenKey
            | Self::AdmitForeign
            | Self::Heartbeat
            | Self::Replicas
            | Self::RecordErasure
            | Self::ReadErased
            | Self::NoteWork => &[Role::Node],
            // Where residents of a country belong is a matter of law.
            // So is where a region stands.
            Self::SetCountry
            | Self::AttestRegion
            | Self::ProposeLaw
            | Self::ApproveLaw
            | Self::WithdrawLaw
            | Self::SetMatrixAgeMax
            | Self::TellErasures => &[Role::Compliance],
            Self::ReadLaw => &[Role::Viewer, Role::Sre, Role::Compliance],
            // Forwarded to the leader, who hears the nodes.
            Self::Residency | Self::ReadOperations | Self::Simulate => {
                &[Role::Viewer, Role::Sre, Role::Compliance, Role::Controller]
            }
            Self::CreateJoinToken
            | Self::InitWorld
            | Self::CreateHome
            | Self::CreateCell
            | Self::CreateAuthority
            | Self::SetCellState
            | Self::PlaceShard
            | Self::AddMember
            | Self::RemoveMember
            | Self::SetAutomation
            | Self::MoveShard
            | Self::FailoverShard
            | Self::VerifyShard
            | Self::RepairShard
            | Self::SetSurvival
            | Self::PauseOperation
            | Self::ResumeOperation
            | Self::CancelOperation
            | Self::ReverseOperation
            | Self::FinishOperation
            | Self::RestoreShard
            | Self::ReadWorld
            | Self::GiveNodeUp => &[Role::Sre],
            Self::ForwardPropose
            | Self::ForwardHeartbeat
            | Self::ForwardReplicas
            | Self::ForwardWallClock => &[Role::Controller],
            // Controllers fetch from each other what they lack.
            Self::ReadLedger | Self::ReadTrust => {
                &[Role::Viewer, Role::Sre, Role::Compliance, Role::Controller]
            }
            // Whoever is there first takes a stolen key out of the world, or opens a window for himself, on record.
            Self::RevokeJoinToken
            | Self::RevokeIdentity
            | Self::RestoreIdentity
            | Self::OpenBreakGlass
            | Self::CloseBreakGlass => &[Role::Sre, Role::Compliance],
            // A person's certificate comes from the root, a controller renews its own.
            Self::Renew => &[Role::Node, Role::Router],
        }
    }
}

/// A caller who may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not `{}`", verb.as_str())]
pub struct Denied {
    pub verb: Verb,
    pub who: String,
}

/// The caller, if his role may use `verb`.
///
/// # Errors
/// Becomes `not-authorised`, which names the roles that may.
pub fn caller(extensions: &Extensions, verb: Verb) -> Result<SpiffeId, Denied> {
    let denied = |who: String| Denied { verb, who };
    match extensions.get::<PeerIdentity>() {
        Some(PeerIdentity(id)) if verb.roles().contains(&id.role()) => Ok(id.clone()),
        Some(PeerIdentity(id)) => Err(denied(id.to_string())),
        None => Err(denied("a caller without a certificate".to_owned())),
    }
}

/// Whether the caller is that very node.
///
/// # Errors
/// As [`caller`].
pub fn same_node(caller: &SpiffeId, node: &platform_model::NodeId, verb: Verb) -> Result<(), Denied> {
    match &caller.kind {
        SpiffeKind::Node(me) if me == node => Ok(()),
        _ => Err(Denied {
            verb,
            who: format!("{caller}, which is not {node},"),
        }),
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        let roles: Vec<&str> = denied.verb.roles().iter().map(|role| role.as_str()).collect();
        Refusal::new(RefusalCode::NotAuthorised, denied.to_string())
            .hint(format!("takes the role {}", roles.join(" or ")))
            .into()
    }
}

#[cfg(test)]
#[path = "authorise_tests.rs"]
mod tests;
