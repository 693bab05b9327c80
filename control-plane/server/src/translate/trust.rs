//! Requests and records about trust, between the wire and the state.

use control_plane_state::State;
use control_plane_state::trust::break_glass::Window;
use control_plane_state::trust::join_token::Joiner;
use control_plane_state::trust::{AttestedRegion, BreakGlass, JoinToken, Revocation, TrustCommand};
use platform_model::{KeyDigest, RegionId, RevokedIdentity};
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::trust::read_digest;
use platform_wire::{FRAME_VERSION, Refusal, pb};

type Translated = Result<TrustCommand, Refusal>;

/// Who joins under this id; `None` for a person or a controller.
pub fn joiner(id: &SpiffeId) -> Option<Joiner> {
    let region = id.region.clone();
    match &id.kind {
        SpiffeKind::Node(node) => Some(Joiner::Node {
            id: node.clone(),
            region,
        }),
        SpiffeKind::Router(name) => Some(Joiner::Router {
            name: name.clone(),
            region,
        }),
        SpiffeKind::Controller(_) | SpiffeKind::Operator { .. } => None,
    }
}

pub fn attest_region(wire: pb::AttestRegionRequest) -> Translated {
    Ok(TrustCommand::AttestRegion {
        region: wire.region.parse().map_err(Refusal::invalid)?,
        country: wire.country.parse().map_err(Refusal::invalid)?,
        place: wire.place,
    })
}

pub fn create_join_token(wire: pb::CreateJoinTokenRequest) -> Translated {
    // The state adds its own trust domain; any well-formed one does here.
    let id: SpiffeId = format!("spiffe://world/{}", wire.joiner)
        .parse()
        .map_err(Refusal::invalid)?;
    let joiner = joiner(&id).ok_or_else(|| Refusal::invalid("only nodes and routers join"))?;
    Ok(TrustCommand::CreateJoinToken {
        digest: read_digest(&wire.digest).map_err(Refusal::invalid)?,
        joiner,
        expires_ms: wire.expires_ms,
    })
}

pub fn revoke_join_token(wire: pb::RevokeJoinTokenRequest) -> Translated {
    let digest = read_digest(&wire.digest).map_err(Refusal::invalid)?;
    Ok(TrustCommand::RevokeJoinToken { digest })
}

pub fn revoke_identity(wire: pb::RevokeIdentityRequest) -> Translated {
    let revocation = wire
        .revocation
        .ok_or_else(|| Refusal::invalid("the request has no `revocation`"))?;
    Ok(TrustCommand::RevokeIdentity {
        identity: revocation.identity.parse().map_err(Refusal::invalid)?,
        until_ms: revocation.until_ms,
    })
}

pub fn restore_identity(wire: pb::RestoreIdentityRequest) -> Translated {
    let identity = wire.identity.parse().map_err(Refusal::invalid)?;
    Ok(TrustCommand::RestoreIdentity { identity })
}

pub fn open_break_glass(wire: pb::OpenBreakGlassRequest) -> Translated {
    Ok(TrustCommand::OpenBreakGlass(Window {
        home: wire.home.parse().map_err(Refusal::invalid)?,
        subject: wire.subject.parse().map_err(Refusal::invalid)?,
        purpose: wire.purpose,
        until_ms: wire.until_ms,
    }))
}

pub fn close_break_glass(wire: pb::CloseBreakGlassRequest) -> Translated {
    let number = wire.number;
    Ok(TrustCommand::CloseBreakGlass { number })
}

/// All that the state has on record about trust; of revocations and windows what has not ended at `now_ms`.
pub fn reply(state: &State, controller: String, now_ms: u64) -> pb::TrustReply {
    let trust = &state.trust;
    let revocations = trust.revocations.iter().filter(|(_, r)| r.until_ms > now_ms);
    let windows = trust.break_glass.iter().filter(|(_, w)| w.until_ms > now_ms);
    pb::TrustReply {
        version: FRAME_VERSION,
        regions: trust.regions.iter().map(region).collect(),
        join_tokens: trust.join_tokens.iter().map(token).collect(),
        revocations: revocations.map(revocation).collect(),
        break_glass: windows.map(window).collect(),
        controller,
    }
}

fn region((id, record): (&RegionId, &AttestedRegion)) -> pb::AttestedRegion {
    pb::AttestedRegion {
        region: id.to_string(),
        country: record.country.to_string(),
        place: record.place.clone(),
        by: record.by.clone(),
        attested_ms: record.attested_ms,
    }
}

fn token((digest, record): (&KeyDigest, &JoinToken)) -> pb::JoinToken {
    let bound = record.bound.as_ref();
    pb::JoinToken {
        digest: digest.0.to_vec(),
        joiner: record.joiner.to_string(),
        expires_ms: record.expires_ms,
        by: record.by.clone(),
        bound_key: bound.map(|bound| bound.key.0.to_vec()).unwrap_or_default(),
        bound_ms: bound.map_or(0, |bound| bound.at_ms),
        revoked: record.revoked,
    }
}

fn revocation((identity, record): (&RevokedIdentity, &Revocation)) -> pb::RevocationRecord {
    let revocation = pb::Revocation {
        identity: identity.to_string(),
        until_ms: record.until_ms,
    };
    pb::RevocationRecord {
        revocation: Some(revocation),
        by: record.by.clone(),
        at_ms: record.at_ms,
    }
}

fn window((number, record): (&u64, &BreakGlass)) -> pb::BreakGlass {
    pb::BreakGlass {
        number: *number,
        by: record.by.clone(),
        home: record.home.to_string(),
        subject: record.subject.to_string(),
        purpose: record.purpose.clone(),
        until_ms: record.until_ms,
    }
}
