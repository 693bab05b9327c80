//! Why a command about trust changes nothing.

use platform_model::{KeyDigest, RegionId, RevokedIdentity};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum TrustRefusal {
    #[error("nobody attested where region {region} stands")]
    RegionNotAttested { region: RegionId },
    #[error("{joiner} is in region {found}; its cell is in region {wanted}")]
    WrongRegionOfCell {
        joiner: String,
        wanted: RegionId,
        found: RegionId,
    },
    #[error("there is no such join token")]
    TokenUnknown { digest: KeyDigest },
    #[error("this join token exists already")]
    TokenExists { digest: KeyDigest },
    #[error("this join token was for {token_for}, not for {asked}")]
    TokenForeign { token_for: String, asked: String },
    #[error("this join token has expired")]
    TokenExpired { digest: KeyDigest, expired_ms: u64 },
    #[error("this join token was used, by another key or too long ago")]
    TokenUsed { digest: KeyDigest },
    #[error("this join token was revoked")]
    TokenRevoked { digest: KeyDigest },
    #[error("the end must be later than now and at most {ms_max} ms away")]
    EndOutOfBounds { until_ms: u64, ms_max: u64 },
    #[error("`{id}` is no identity of this world")]
    NotOfThisWorld { id: String },
    #[error("an authority is revoked by its key: name the digest")]
    AuthorityWithoutKey { id: String },
    #[error("{identity} is not revoked")]
    NotRevoked { identity: RevokedIdentity },
    #[error("you may not revoke the identity that you ask with")]
    Yourself { id: String },
    #[error("there is no break-glass window {number}")]
    NoSuchWindow { number: u64 },
    #[error("break-glass window {number} is closed")]
    WindowClosed { number: u64 },
}
