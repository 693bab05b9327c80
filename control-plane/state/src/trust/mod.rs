//! Who is believed: places of regions that a person attested, join tokens, revoked identities, and open windows in
//! which personal data may be read. One file per subject.
//!
//! Only digests and opaque ids are kept: no token, no key, no name of a person.

pub mod break_glass;
pub mod command;
pub mod join_token;
pub mod refusal;
pub mod region;
pub mod revocation;

use std::collections::BTreeMap;

use platform_model::{KeyDigest, RegionId, RevokedIdentity};
use serde::{Deserialize, Serialize};

use crate::changes::Changes;
use crate::command::Author;
use crate::refusal::Refusal;
use crate::state::State;

pub use break_glass::BreakGlass;
pub use command::TrustCommand;
pub use join_token::{Bound, JoinToken};
pub use refusal::TrustRefusal;
pub use region::AttestedRegion;
pub use revocation::Revocation;

/// The part of the state that is about trust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    pub regions: BTreeMap<RegionId, AttestedRegion>,
    /// By the digest of the token.
    pub join_tokens: BTreeMap<KeyDigest, JoinToken>,
    pub revocations: BTreeMap<RevokedIdentity, Revocation>,
    /// By number.
    pub break_glass: BTreeMap<u64, BreakGlass>,
    /// Number of the last window that was opened.
    pub break_glass_last: u64,
}

/// Applies one command about trust. `author` was found to be one who may give it.
pub(crate) fn apply(state: &mut State, author: &Author, command: &TrustCommand) -> Result<Changes, Refusal> {
    match command {
        TrustCommand::AttestRegion {
            region,
            country,
            place,
        } => region::attest(state, author, region, *country, place),
        TrustCommand::CreateJoinToken {
            digest,
            joiner,
            expires_ms,
        } => join_token::create(state, author, *digest, joiner, *expires_ms),
        TrustCommand::BindJoinToken { digest, joiner, key } => join_token::bind(state, digest, joiner, *key),
        TrustCommand::RevokeJoinToken { digest } => join_token::revoke(state, digest),
        TrustCommand::RevokeIdentity { identity, until_ms } => {
            revocation::revoke(state, author, identity, *until_ms)
        }
        TrustCommand::RestoreIdentity { identity } => revocation::restore(state, identity),
        TrustCommand::OpenBreakGlass(window) => break_glass::open(state, author, window),
        TrustCommand::CloseBreakGlass { number } => break_glass::close(state, *number),
    }
}

/// What touches a person's data or takes a process's life is given a reason.
pub(crate) fn reason(command: &TrustCommand, reason: &str) -> Result<(), Refusal> {
    match command {
        TrustCommand::RevokeIdentity { .. }
        | TrustCommand::RestoreIdentity { .. }
        | TrustCommand::OpenBreakGlass(_) => break_glass::reason_given(reason),
        _ => Ok(()),
    }
}

/// A change that the routing table does not show.
fn hidden() -> Changes {
    Changes {
        hidden: true,
        ..Changes::default()
    }
}

#[cfg(test)]
mod tests;
