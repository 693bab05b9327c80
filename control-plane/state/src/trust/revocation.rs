//! Identities that are no longer believed: they travel in the routing table, to every process, until their end.

use platform_model::RevokedIdentity;
use serde::{Deserialize, Serialize};

use super::TrustRefusal;
use crate::changes::Changes;
use crate::command::Author;
use crate::limits::REVOCATIONS_MAX;
use crate::refusal::{Counted, Refusal};
use crate::rules::count;
use crate::state::State;

/// Longest time for which an identity is revoked: past the life of every certificate but the root's.
pub const REVOKED_MS_MAX: u64 = 10 * 366 * 24 * 3_600_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub until_ms: u64,
    /// SPIFFE id of who revoked it. Why, the ledger says.
    pub by: String,
    pub at_ms: u64,
}

pub(super) fn revoke(
    state: &mut State,
    author: &Author,
    identity: &RevokedIdentity,
    until_ms: u64,
) -> Result<Changes, Refusal> {
    of_this_world(state, identity)?;
    let by = author.spiffe_id(&state.world);
    if identity.id == by {
        return Err(TrustRefusal::Yourself { id: by }.into());
    }
    ends_within(state.time_ms, until_ms, REVOKED_MS_MAX)?;
    let known = state.trust.revocations.get(identity);
    if known.is_some_and(|known| known.until_ms == until_ms) {
        return Ok(Changes::default());
    }
    let is_new = known.is_none();
    let mut changes = Changes::default();
    let now_ms = state.time_ms;
    let over = |record: &Revocation| record.until_ms <= now_ms;
    let ended = state.trust.revocations.iter().filter(|(_, record)| over(record));
    changes.revocations.extend(ended.map(|(id, _)| id.clone()));
    let left = state.trust.revocations.len() - changes.revocations.len();
    count(Counted::Revocations, left + usize::from(is_new), REVOCATIONS_MAX)?;
    state.trust.revocations.retain(|_, record| !over(record));
    let record = Revocation {
        until_ms,
        by,
        at_ms: now_ms,
    };
    state.trust.revocations.insert(identity.clone(), record);
    changes.revocations.insert(identity.clone());
    Ok(changes)
}

pub(super) fn restore(state: &mut State, identity: &RevokedIdentity) -> Result<Changes, Refusal> {
    if state.trust.revocations.remove(identity).is_none() {
        let identity = identity.clone();
        return Err(TrustRefusal::NotRevoked { identity }.into());
    }
    Ok(Changes {
        revocations: [identity.clone()].into(),
        ..Changes::default()
    })
}

/// Its trust domain is this world's; the id of all authorities at once is not enough.
pub(crate) fn of_this_world(state: &State, identity: &RevokedIdentity) -> Result<(), TrustRefusal> {
    let domain = format!("spiffe://{}", state.world.trust_domain());
    let id = identity.id.clone();
    match identity.id.strip_prefix(&domain) {
        Some("") if identity.key.is_none() => Err(TrustRefusal::AuthorityWithoutKey { id }),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(()),
        _ => Err(TrustRefusal::NotOfThisWorld { id }),
    }
}

/// An end that lies ahead, not too far.
pub(crate) fn ends_within(now_ms: u64, until_ms: u64, ms_max: u64) -> Result<(), TrustRefusal> {
    if until_ms > now_ms && until_ms - now_ms <= ms_max {
        Ok(())
    } else {
        Err(TrustRefusal::EndOutOfBounds { until_ms, ms_max })
    }
}
