//! The law as it is asked about. Who may is decided by role before; what a law must be, by the state.

use control_plane_ledger::Digest;
use control_plane_state::Command;
use control_plane_state::command::Proposal;
use control_plane_state::law::{Approval, ApprovedLaw, Past, ProposedLaw};
use platform_model::Generation;
use platform_model::matrix::LawVersion;
use platform_runtime::tls::{Signed, SpiffeId};
use platform_wire::law::{APPROVAL_PURPOSE, approval_statement, digest};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};

use super::Parts;

pub(super) fn propose(wire: pb::ProposeLawRequest) -> Result<Command, Refusal> {
    Ok(Command::ProposeLaw {
        proposal: Proposal {
            text: wire.text,
            matrix: wire.matrix,
        },
        expected: Generation(wire.expected),
    })
}

/// An approval whose signature is the caller's own, over this version and digest.
pub(super) fn approve(
    parts: &Parts,
    caller: &SpiffeId,
    wire: pb::ApproveLawRequest,
) -> Result<Command, Refusal> {
    let version = LawVersion(wire.law_version);
    let bytes = digest("digest", &wire.digest).map_err(Refusal::invalid)?;
    let signature = wire
        .signature
        .ok_or_else(|| Refusal::invalid("the request has no `signature`"))?;
    let signed: Signed = signature.try_into().map_err(Refusal::invalid)?;
    let statement = approval_statement(&parts.world, version, &bytes);
    let signer = parts
        .identity
        .signer(APPROVAL_PURPOSE, &statement, &signed, parts.clock.unix_s())
        .map_err(|error| Refusal::new(RefusalCode::NotAuthorised, format!("the signature: {error}")))?;
    if signer != *caller {
        let message = format!("the approval is signed by {signer}, not by its sender");
        return Err(Refusal::new(RefusalCode::NotAuthorised, message));
    }
    let Signed {
        chain,
        scheme,
        signature,
    } = signed;
    Ok(Command::ApproveLaw {
        version,
        digest: Digest::from_bytes(bytes),
        approval: Approval {
            chain,
            scheme,
            signature,
        },
    })
}

pub(super) fn withdraw(wire: &pb::WithdrawLawRequest) -> Command {
    Command::WithdrawLaw {
        version: LawVersion(wire.law_version),
    }
}

/// What this controller has applied.
pub(super) fn read(parts: &Parts) -> pb::LawReply {
    let state = parts.raft.state();
    let state = state.borrow();
    let book = &state.law;
    pb::LawReply {
        version: FRAME_VERSION,
        generation: book.generation.0,
        in_force: state.table().law.as_ref().map(Into::into),
        in_force_since_ms: book.in_force.as_ref().map_or(0, |law| law.since_ms),
        approved: book.approved.as_ref().map(approved),
        proposed: book.proposed.as_ref().map(proposed),
        history: book.history.iter().map(past).collect(),
        matrix_age_max_ms: book.matrix_age_max_ms,
        time_ms: state.time_ms.max(parts.clock.unix_ms()),
    }
}

fn proposed(law: &ProposedLaw) -> pb::LawRecord {
    pb::LawRecord {
        law_version: law.version.0,
        text: law.text.clone(),
        matrix: law.matrix.0.to_bytes(),
        digest: law.digest.as_bytes().to_vec(),
        author: law.author.clone(),
        proposed_ms: law.proposed_ms,
        ..pb::LawRecord::default()
    }
}

fn approved(law: &ApprovedLaw) -> pb::LawRecord {
    let approval = law.approval.clone();
    pb::LawRecord {
        approver: law.approver.clone(),
        approved_ms: law.approved_ms,
        holds_from_ms: law.holds_from_ms,
        approval: Some(pb::Signed {
            chain: approval.chain,
            scheme: u32::from(approval.scheme),
            signature: approval.signature,
        }),
        ..proposed(&law.law)
    }
}

fn past(past: &Past) -> pb::LawHistory {
    pb::LawHistory {
        law_version: past.version.0,
        document: past.document.as_bytes().to_vec(),
        digest: past.digest.as_bytes().to_vec(),
        author: past.author.clone(),
        proposed_ms: past.proposed_ms,
        approver: past.approver.clone().unwrap_or_default(),
        approved_ms: past.approved_ms,
        holds_from_ms: past.holds_from_ms,
        outcome: past.fate.as_str().to_owned(),
    }
}
