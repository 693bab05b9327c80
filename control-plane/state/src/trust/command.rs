//! What may be asked about trust. Stored in the Raft log: variants and fields are only ever added.

use platform_model::{CountryCode, KeyDigest, RegionId, RevokedIdentity, Role};
use serde::{Deserialize, Serialize};

use super::break_glass::Window;
use super::join_token::Joiner;
use crate::command::Author;
use crate::state::State;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustCommand {
    /// A compliance person says where a region stands.
    AttestRegion {
        region: RegionId,
        country: CountryCode,
        /// The building, as the attesting person knows it.
        place: String,
    },
    /// Someone may join. Only the digest of the token comes here.
    CreateJoinToken {
        digest: KeyDigest,
        joiner: Joiner,
        expires_ms: u64,
    },
    /// The token was shown with a request signed by this key, to the controller that is the author.
    BindJoinToken {
        digest: KeyDigest,
        joiner: Joiner,
        key: KeyDigest,
    },
    RevokeJoinToken {
        digest: KeyDigest,
    },
    RevokeIdentity {
        identity: RevokedIdentity,
        /// Until every certificate that is meant has ended.
        until_ms: u64,
    },
    /// Takes a revocation back.
    RestoreIdentity {
        identity: RevokedIdentity,
    },
    OpenBreakGlass(Window),
    CloseBreakGlass {
        number: u64,
    },
}

impl TrustCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AttestRegion { .. } => "attest-region",
            Self::CreateJoinToken { .. } => "create-join-token",
            Self::BindJoinToken { .. } => "bind-join-token",
            Self::RevokeJoinToken { .. } => "revoke-join-token",
            Self::RevokeIdentity { .. } => "revoke-identity",
            Self::RestoreIdentity { .. } => "restore-identity",
            Self::OpenBreakGlass(_) => "open-break-glass",
            Self::CloseBreakGlass { .. } => "close-break-glass",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Self::AttestRegion { region, .. } => format!("region/{region}"),
            Self::CreateJoinToken { joiner, .. } | Self::BindJoinToken { joiner, .. } => joiner.to_string(),
            Self::RevokeJoinToken { digest } => format!("join-token/{digest}"),
            Self::RevokeIdentity { identity, .. } | Self::RestoreIdentity { identity } => {
                identity.to_string()
            }
            Self::OpenBreakGlass(window) => format!("user/{}", window.subject),
            Self::CloseBreakGlass { number } => format!("break-glass/{number}"),
        }
    }

    /// Whether the author is one who may. People by role; a controller only brings what it was shown.
    pub(crate) fn may(&self, author: &Author) -> bool {
        match (self, author) {
            (Self::BindJoinToken { .. }, Author::Controller { .. }) => true,
            (Self::BindJoinToken { .. }, _) | (_, Author::Controller { .. } | Author::Node { .. }) => false,
            (Self::AttestRegion { .. }, Author::Operator { role, .. }) => *role == Role::Compliance,
            (Self::CreateJoinToken { .. }, Author::Operator { role, .. }) => *role == Role::Sre,
            (_, Author::Operator { role, .. }) => matches!(role, Role::Sre | Role::Compliance),
        }
    }

    /// Name of the record that decides, and a number that changes with it.
    pub(crate) fn read_by(&self, state: &State) -> Vec<(String, Option<u64>)> {
        let trust = &state.trust;
        let region = |id: &RegionId| {
            let known = trust.regions.get(id).map(|record| record.attested_ms);
            (format!("region/{id}"), known)
        };
        let token = |digest: &KeyDigest| {
            let known = trust.join_tokens.get(digest).map(|record| record.expires_ms);
            (format!("join-token/{digest}"), known)
        };
        match self {
            Self::AttestRegion { region: id, .. } => vec![region(id)],
            Self::CreateJoinToken { digest, joiner, .. } => vec![token(digest), region(joiner.region())],
            Self::BindJoinToken { digest, .. } | Self::RevokeJoinToken { digest } => vec![token(digest)],
            Self::RevokeIdentity { identity, .. } | Self::RestoreIdentity { identity } => {
                let known = trust.revocations.get(identity).map(|record| record.until_ms);
                vec![(identity.to_string(), known)]
            }
            Self::OpenBreakGlass(_) => vec![("break-glass".to_owned(), Some(trust.break_glass_last))],
            Self::CloseBreakGlass { number } => {
                let known = trust.break_glass.get(number).map(|record| record.until_ms);
                vec![(self.subject(), known)]
            }
        }
    }
}
