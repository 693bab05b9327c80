//! Every reason of this server for not doing what was asked, as the wire says it. The only place that does.

use control_plane_raft::{InitializeError, ProposeError};
use control_plane_state::Refusal as Rule;
use control_plane_state::backup::BackupRefusal;
use control_plane_state::operation::{OperationId, OperationRefusal};
use control_plane_state::recovery::RecoveryRefusal;
use control_plane_state::trust::TrustRefusal;
use platform_wire::{Refusal, RefusalCode};

/// A rule of the state.
pub fn rule(rule: &Rule) -> Refusal {
    let (code, hint) = match rule {
        Rule::NoWorld => (RefusalCode::NoWorld, "cellctl world init"),
        Rule::WorldExists => (RefusalCode::WorldExists, "cellctl world status"),
        Rule::NotYours { .. } => (RefusalCode::NotAuthorised, ""),
        Rule::Length { .. } | Rule::NoShards(_) | Rule::NotAHost(_) => (RefusalCode::Invalid, ""),
        Rule::UnknownCell(_) | Rule::UnknownHome(_) | Rule::UnknownShard(_) | Rule::UnknownNode(_) => {
            (RefusalCode::Unknown, "cellctl world status")
        }
        Rule::CellExists(_) | Rule::HomeExists(_) | Rule::AuthorityExists(_) | Rule::HostTaken(_) => {
            (RefusalCode::Exists, "")
        }
        Rule::GenerationMismatch { .. } => (RefusalCode::GenerationMismatch, "read the record again"),
        Rule::OldIncarnation { .. } => (
            RefusalCode::OldIncarnation,
            "another process runs, or ran later, under this name",
        ),
        Rule::OtherData { .. } => (
            RefusalCode::OtherData,
            "bring the node's data directory back; a node cannot take another's place yet",
        ),
        Rule::ForeignStore { .. } => (
            RefusalCode::OtherData,
            "name the cluster of the cell's other nodes in `store.pd` or `store.cluster_file`",
        ),
        Rule::WrongRegion { .. } => (
            RefusalCode::NotAuthorised,
            "the certificate must name the cell's region",
        ),
        Rule::CellCordoned(_)
        | Rule::OutsideHomeRegion { .. }
        | Rule::OutsideJurisdiction { .. }
        | Rule::ShardServed { .. }
        | Rule::ShardUnserved(_)
        | Rule::NoHomeInJurisdiction { .. } => (RefusalCode::Placement, ""),
        Rule::NotPrimary { .. } => (
            RefusalCode::NotAuthorised,
            "only the primary of the key shard publishes keys",
        ),
        Rule::KeyIdReused { .. } => (RefusalCode::Exists, ""),
        Rule::NoLaw => (RefusalCode::LawForbids, "cellctl policy show"),
        Rule::NoSuchRegion { .. } | Rule::SurvivalForbidden(_) => {
            (RefusalCode::LawForbids, "cellctl policy why-not")
        }
        Rule::Operation(rule) => return operation(rule),
        Rule::Config(_) => (RefusalCode::Placement, "cellctl shard show"),
        Rule::Trust(rule) => return trust(rule),
        Rule::Backup(rule) => return backup(rule),
        Rule::Recovery(rule) => return recovery(rule),
        Rule::Limit { .. } => (RefusalCode::Limit, ""),
        Rule::Duration { .. } => (RefusalCode::Invalid, ""),
        Rule::LawForbids(_) => (RefusalCode::LawForbids, "cellctl policy why-not"),
        Rule::LawSaysCountry { .. } => (RefusalCode::LawForbids, "cellctl policy show"),
        Rule::LawKeepsOut { .. } => (RefusalCode::LawForbids, "cellctl policy show"),
        Rule::LawWidens { .. } => (RefusalCode::Law, "cellctl policy plan"),
        Rule::LawSamePerson { .. } => (
            RefusalCode::Law,
            "another person of the role compliance approves it",
        ),
        Rule::LawOtherDigest { .. } => (
            RefusalCode::Law,
            "cellctl policy show --proposed, then approve what it says",
        ),
        Rule::LawNotProposed { .. } | Rule::LawBeforeItsDay { .. } => {
            (RefusalCode::Law, "cellctl policy history")
        }
        Rule::LawVersionOld { .. } => (RefusalCode::Law, "give the law a higher `version` in law.toml"),
        Rule::LawUnreadable { .. } => (RefusalCode::Law, "cellctl policy lint"),
        Rule::LawStrands { .. } => (RefusalCode::Law, "cellctl policy plan"),
    };
    Refusal::new(code, rule.to_string()).hint(hint)
}

pub fn unknown_operation(id: OperationId) -> Refusal {
    operation(&OperationRefusal::UnknownOperation(id))
}

/// A rule of operations.
fn operation(rule: &OperationRefusal) -> Refusal {
    let (code, hint) = match rule {
        OperationRefusal::UnknownOperation(_) => (RefusalCode::Unknown, "cellctl operation list".to_owned()),
        OperationRefusal::AlreadyUnderWay { operation, .. } | OperationRefusal::NotNow { operation, .. } => (
            RefusalCode::Operation,
            format!("cellctl operation show {operation}"),
        ),
        OperationRefusal::ReverseInstead(id) => {
            (RefusalCode::Operation, format!("cellctl operation reverse {id}"))
        }
        OperationRefusal::NoRoom { .. } => (RefusalCode::Limit, "cellctl world status".to_owned()),
        OperationRefusal::AutomationPaused => {
            (RefusalCode::Operation, "cellctl automation resume".to_owned())
        }
        _ => (RefusalCode::Operation, String::new()),
    };
    Refusal::new(code, rule.to_string()).hint(hint)
}

/// A rule about erasures and backups.
fn backup(rule: &BackupRefusal) -> Refusal {
    let (code, hint) = match rule {
        BackupRefusal::TooMany { .. }
        | BackupRefusal::TooManyThere { .. }
        | BackupRefusal::TooManyLeft { .. } => (RefusalCode::Limit, ""),
        BackupRefusal::OwnTooMany { .. } | BackupRefusal::OwnTooManyThere { .. } => (
            RefusalCode::Limit,
            "cellctl user erase   by someone of compliance still finds room",
        ),
        BackupRefusal::OwnTooManyToday { .. } => (
            RefusalCode::Limit,
            "ask again tomorrow; cellctl user erase   by someone of compliance does not wait",
        ),
        BackupRefusal::NotBegun { .. } | BackupRefusal::NoReason { .. } => (RefusalCode::Invalid, ""),
        BackupRefusal::UnderWay { .. } => (RefusalCode::Operation, "cellctl operation list"),
        BackupRefusal::OtherList { .. } => (
            RefusalCode::GenerationMismatch,
            "somebody was erased since the copy was restored: restore it anew",
        ),
        BackupRefusal::EpochGivenOut { .. } | BackupRefusal::NameTaken { .. } => {
            (RefusalCode::GenerationMismatch, "restore it anew")
        }
        BackupRefusal::NoProof { .. } | BackupRefusal::Unborn { .. } => (RefusalCode::Placement, ""),
    };
    Refusal::new(code, rule.to_string()).hint(hint)
}

/// A rule about recovered worlds.
fn recovery(rule: &RecoveryRefusal) -> Refusal {
    let (code, hint) = match rule {
        RecoveryRefusal::Unsure { .. } | RecoveryRefusal::NotTold { .. } => {
            (RefusalCode::Unavailable, "cellctl world status")
        }
        RecoveryRefusal::LawBehind => (RefusalCode::Unavailable, "cellctl policy apply"),
        RecoveryRefusal::ListMayLack => (RefusalCode::Placement, "cellctl world erasures-told"),
        RecoveryRefusal::NotLawful { .. } => (RefusalCode::LawForbids, "cellctl policy why-not"),
        RecoveryRefusal::NoReason { .. } | RecoveryRefusal::NoWord => (RefusalCode::Invalid, "--reason TEXT"),
        _ => (RefusalCode::GenerationMismatch, "cellctl world status"),
    };
    Refusal::new(code, rule.to_string()).hint(hint)
}

/// A rule about trust.
pub fn trust(rule: &TrustRefusal) -> Refusal {
    let invite = "cellctl node invite, or cellctl router invite   makes a new token";
    let (code, hint) = match rule {
        TrustRefusal::RegionNotAttested { .. } => (
            RefusalCode::Trust,
            "cellctl region attest   by someone of compliance",
        ),
        TrustRefusal::WrongRegionOfCell { .. } => (RefusalCode::Trust, "cellctl cell list"),
        TrustRefusal::TokenUnknown { .. } => (RefusalCode::TokenUnknown, invite),
        TrustRefusal::TokenExists { .. } => (RefusalCode::Exists, invite),
        TrustRefusal::TokenForeign { .. } => (RefusalCode::TokenForeign, invite),
        TrustRefusal::TokenExpired { .. } => (RefusalCode::TokenExpired, invite),
        TrustRefusal::TokenUsed { .. } => (RefusalCode::TokenUsed, invite),
        TrustRefusal::TokenRevoked { .. } => (RefusalCode::TokenRevoked, invite),
        TrustRefusal::EndOutOfBounds { .. } => (RefusalCode::Trust, "give a shorter time"),
        TrustRefusal::NotOfThisWorld { .. } | TrustRefusal::AuthorityWithoutKey { .. } => {
            (RefusalCode::Trust, "cellctl identity list")
        }
        TrustRefusal::Yourself { .. } => (RefusalCode::Trust, "ask a colleague"),
        TrustRefusal::NotRevoked { .. } => (RefusalCode::Unknown, "cellctl identity list"),
        TrustRefusal::NoSuchWindow { .. } | TrustRefusal::WindowClosed { .. } => {
            (RefusalCode::Unknown, "cellctl break-glass list")
        }
    };
    Refusal::new(code, rule.to_string()).hint(hint)
}

/// A proposal without an outcome.
pub fn proposal(error: &ProposeError) -> Refusal {
    let message = error.to_string();
    match error {
        ProposeError::NotLeader {
            leader: Some((_, address)),
        } => Refusal::new(RefusalCode::NotLeader, message).leader(Some(address.clone())),
        ProposeError::NotLeader { leader: None } => no_leader(),
        ProposeError::TooLarge { .. } => Refusal::new(RefusalCode::Limit, message),
        ProposeError::Timeout { .. } | ProposeError::Unknown { .. } => outcome_unknown(message),
        _ if error.retryable() => Refusal::new(RefusalCode::Unavailable, message),
        _ => outcome_unknown(message),
    }
}

/// Raft was not started among the peers.
pub fn initialize(error: &InitializeError) -> Refusal {
    match error {
        InitializeError::AlreadyInitialized => {
            Refusal::new(RefusalCode::Unavailable, error.to_string()).hint("ask again in a moment")
        }
        InitializeError::NotAMember { .. } => Refusal::new(RefusalCode::Invalid, error.to_string())
            .hint("the config's `peers` must name this controller"),
        InitializeError::Unavailable { .. } => Refusal::new(RefusalCode::Unavailable, error.to_string()),
    }
}

/// Nobody leads, as far as this controller knows. Nothing was done.
pub fn no_leader() -> Refusal {
    Refusal::new(RefusalCode::NoLeader, "no controller leads at the moment")
}

/// Raft never ran here.
pub fn not_initialized() -> Refusal {
    Refusal::new(
        RefusalCode::NotInitialized,
        "this controller belongs to no running world yet",
    )
    .hint("cellctl world init, or start the first controller with --bootstrap")
}

/// The command may or may not come into effect.
pub fn outcome_unknown(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::OutcomeUnknown, message).hint("read the state before asking again")
}
