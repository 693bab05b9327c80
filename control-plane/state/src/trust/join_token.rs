//! Join tokens: for one process of one region, used by one key. The state keeps the digest of a token, never the token.
//!
//! The first request with a token binds it to the digest of the request's key; the same key may ask again for a while,
//! because an answer can be lost. Whatever else shows the token later is refused.

use std::fmt;

use platform_model::{KeyDigest, NodeId, RegionId};
use serde::{Deserialize, Serialize};

use super::{TrustRefusal, hidden};
use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{JOIN_TOKENS_MAX, NAME_BYTES_MAX, NODES_PER_CELL_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, text};
use crate::state::State;

/// How long the key that a token is bound to may ask again.
pub const ASK_AGAIN_MS: u64 = 15 * 60_000;
/// Longest life of an unused token.
pub const TOKEN_LIFE_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// How long an ended token is remembered, so that whoever shows it is told what it was.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

/// Who a token is for: a process, never a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Joiner {
    Node { id: NodeId, region: RegionId },
    Router { name: String, region: RegionId },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    pub joiner: Joiner,
    pub expires_ms: u64,
    /// SPIFFE id of who invited.
    pub by: String,
    pub bound: Option<Bound>,
    pub revoked: bool,
}

/// The key that used a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub key: KeyDigest,
    pub at_ms: u64,
}

impl Joiner {
    pub fn region(&self) -> &RegionId {
        match self {
            Self::Node { region, .. } | Self::Router { region, .. } => region,
        }
    }
}

impl fmt::Display for Joiner {
    /// As in its SPIFFE id: `region/eu-central/cell/eu-central-1/node/0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { id, region } => {
                write!(f, "region/{region}/cell/{}/node/{}", id.cell, id.ordinal)
            }
            Self::Router { name, region } => write!(f, "region/{region}/router/{name}"),
        }
    }
}

impl JoinToken {
    /// Whether `key` may have a certificate for `joiner` at `now_ms`. Changes nothing: who asks for nothing that it may
    /// have is refused before it reaches Raft.
    ///
    /// # Errors
    /// Each its own refusal.
    pub fn check(
        &self,
        digest: &KeyDigest,
        joiner: &Joiner,
        key: &KeyDigest,
        now_ms: u64,
    ) -> Result<(), TrustRefusal> {
        let digest = *digest;
        if self.revoked {
            return Err(TrustRefusal::TokenRevoked { digest });
        }
        if self.joiner != *joiner {
            return Err(TrustRefusal::TokenForeign {
                token_for: self.joiner.to_string(),
                asked: joiner.to_string(),
            });
        }
        match &self.bound {
            Some(bound) if bound.key == *key && now_ms <= bound.at_ms.saturating_add(ASK_AGAIN_MS) => Ok(()),
            Some(_) => Err(TrustRefusal::TokenUsed { digest }),
            None if now_ms > self.expires_ms => Err(TrustRefusal::TokenExpired {
                digest,
                expired_ms: self.expires_ms,
            }),
            None => Ok(()),
        }
    }
}

pub(super) fn create(
    state: &mut State,
    author: &Author,
    digest: KeyDigest,
    joiner: &Joiner,
    expires_ms: u64,
) -> Result<Changes, Refusal> {
    may_join(state, joiner)?;
    super::revocation::ends_within(state.time_ms, expires_ms, TOKEN_LIFE_MS_MAX)?;
    if state.trust.join_tokens.contains_key(&digest) {
        return Err(TrustRefusal::TokenExists { digest }.into());
    }
    let now_ms = state.time_ms;
    let tokens = &mut state.trust.join_tokens;
    tokens.retain(|_, token| token.expires_ms.saturating_add(REMEMBERED_MS) > now_ms);
    count(Counted::JoinTokens, tokens.len() + 1, JOIN_TOKENS_MAX)?;
    let by = author.spiffe_id(&state.world);
    let token = JoinToken {
        joiner: joiner.clone(),
        expires_ms,
        by,
        bound: None,
        revoked: false,
    };
    tokens.insert(digest, token);
    Ok(hidden())
}

/// The region was attested; a node's cell exists and stands there.
fn may_join(state: &State, joiner: &Joiner) -> Result<(), Refusal> {
    match joiner {
        Joiner::Node { id, region } => {
            let cell = state
                .cells
                .get(&id.cell)
                .ok_or_else(|| Refusal::UnknownCell(id.cell.clone()))?;
            if cell.region != *region {
                let refusal = TrustRefusal::WrongRegionOfCell {
                    joiner: joiner.to_string(),
                    wanted: cell.region.clone(),
                    found: region.clone(),
                };
                return Err(refusal.into());
            }
            if id.ordinal >= NODES_PER_CELL_MAX {
                let max = usize::from(NODES_PER_CELL_MAX);
                return Err(Refusal::Limit {
                    what: Counted::NodesPerCell,
                    max,
                });
            }
        }
        Joiner::Router { name, .. } => text(Text::Name, name, 1, NAME_BYTES_MAX)?,
    }
    let region = joiner.region();
    if state.trust.regions.contains_key(region) {
        return Ok(());
    }
    let region = region.clone();
    Err(TrustRefusal::RegionNotAttested { region }.into())
}

pub(super) fn bind(
    state: &mut State,
    digest: &KeyDigest,
    joiner: &Joiner,
    key: KeyDigest,
) -> Result<Changes, Refusal> {
    let now_ms = state.time_ms;
    let token = known(state, digest)?;
    token.check(digest, joiner, &key, now_ms)?;
    if token.bound.is_some() {
        return Ok(Changes::default());
    }
    token.bound = Some(Bound { key, at_ms: now_ms });
    Ok(hidden())
}

pub(super) fn revoke(state: &mut State, digest: &KeyDigest) -> Result<Changes, Refusal> {
    let token = known(state, digest)?;
    if token.revoked {
        return Ok(Changes::default());
    }
    token.revoked = true;
    Ok(hidden())
}

fn known<'a>(state: &'a mut State, digest: &KeyDigest) -> Result<&'a mut JoinToken, TrustRefusal> {
    let unknown = TrustRefusal::TokenUnknown { digest: *digest };
    state.trust.join_tokens.get_mut(digest).ok_or(unknown)
}
