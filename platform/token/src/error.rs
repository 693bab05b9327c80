//! Why a token is not good. One reason each, so that logs and tests can tell attacks apart; apps are told only
//! whether it has expired.

use platform_model::Code;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("the token is longer than any of ours")]
    TooLarge,
    #[error("the token is no JWT of ours")]
    Malformed,
    #[error("the token is not signed with Ed25519")]
    WrongAlgorithm,
    #[error("the token's header holds something that we do not understand")]
    UnknownHeader,
    #[error("the token is of another type")]
    WrongType,
    #[error("the token names no key of its home")]
    UnknownKey,
    #[error("the token's signature is not good")]
    BadSignature,
    #[error("the token was not issued by a home")]
    WrongIssuer,
    #[error("the token is for another world")]
    WrongWorld,
    #[error("the token has expired")]
    Expired,
    #[error("the token is of the future")]
    NotYetValid,
    #[error("the token lives longer than a token may")]
    LivesTooLong,
}

impl TokenError {
    /// What the app is told.
    pub fn code(self) -> Code {
        if self == Self::Expired {
            Code::ExpiredToken
        } else {
            Code::InvalidToken
        }
    }

    /// Never: a token that is not good does not become good by being sent again. (One of the future does, but its
    /// sender's clock has to be set right first.)
    pub fn retryable(self) -> bool {
        false
    }

    /// A short stable word for metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong-algorithm",
            Self::UnknownHeader => "unknown-header",
            Self::WrongType => "wrong-type",
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongWorld => "wrong-world",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::LivesTooLong => "lives-too-long",
        }
    }
}
