//! The catalogue of error codes that apps see, and the one shape in which they see them (RFC 9457).
//!
//! A code is stable: apps branch on it. What is wrong in one request stands in `detail`, which may change.
//!
//! **What a node's door tells the router** ([`Code::holds`], [`Code::unexecuted`]). These answers promise that nothing of
//! the request was executed, whatever its method, so that the router may send it once more:
//! - `moved` (421, members `shard`, `epoch`, `node`): another node serves the shard, or this one in a later epoch. The
//!   router sends the request there at once. Without the members it waits as after `moving`.
//! - `home-moved` (421, members `home`, `user_epoch`): the person lives in another home. The router sends the request there.
//! - `moving` (503, no members needed): this node may serve the shard in a moment, or nobody does yet: a handover is
//!   under way, the copy is being opened, it has no lease, or the node's table is older than the router's. The router
//!   holds the request, asks the door with `GET` [`PROBE_PATH`] until it lets requests of the shard pass, then sends it.
//!
//! Neither may be said once a transaction of the request may have been committed: that is `outcome-unknown`.

mod document;

use std::fmt;

pub use document::Problem;

/// What a router asks a node's door, with the headers of the shard and its epoch, to see whether it lets requests pass.
/// No domain has this path: `404` says that the door was passed.
pub const PROBE_PATH: &str = "/.meridian/serves";

/// One row of the catalogue: `(variant, "code", status, retryable, "title")`.
macro_rules! catalogue {
    ($(($variant:ident, $code:literal, $status:literal, $retry:literal, $title:literal)),* $(,)?) => {
        /// A stable error code. `retryable` says that the same request may be sent again unchanged.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($variant),* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $code),* } }
            pub fn status(self) -> u16 { match self { $(Self::$variant => $status),* } }
            pub fn retryable(self) -> bool { match self { $(Self::$variant => $retry),* } }
            pub fn title(self) -> &'static str { match self { $(Self::$variant => $title),* } }
        }
    };
}

catalogue![
    // What the app sent is wrong.
    (
        BadRequest,
        "bad-request",
        400,
        false,
        "The request cannot be understood"
    ),
    (
        AmbiguousFraming,
        "ambiguous-framing",
        400,
        false,
        "The length of the request is ambiguous"
    ),
    (
        DuplicateHeader,
        "duplicate-header",
        400,
        false,
        "A header that may stand once stands twice"
    ),
    (
        InvalidBody,
        "invalid-body",
        400,
        false,
        "The body is not what this path takes"
    ),
    (
        InvalidCursor,
        "invalid-cursor",
        400,
        false,
        "The cursor is not one of ours"
    ),
    (
        IdempotencyKeyMissing,
        "idempotency-key-missing",
        400,
        false,
        "This command needs an Idempotency-Key"
    ),
    (
        IdempotencyKeyInvalid,
        "idempotency-key-invalid",
        400,
        false,
        "The Idempotency-Key is not a UUIDv7"
    ),
    (
        IdempotencyExpired,
        "idempotency-expired",
        409,
        false,
        "The Idempotency-Key is older than 7 days"
    ),
    (
        IdempotencyMismatch,
        "idempotency-mismatch",
        422,
        false,
        "The key was used for another request"
    ),
    (NotFound, "not-found", 404, false, "There is no such thing here"),
    (
        MethodNotAllowed,
        "method-not-allowed",
        405,
        false,
        "The path does not take this method"
    ),
    (
        VersionConflict,
        "version-conflict",
        412,
        false,
        "The record has changed since it was read"
    ),
    (
        BodyTooLarge,
        "body-too-large",
        413,
        false,
        "The body is past the limit"
    ),
    (
        HeaderTooLarge,
        "header-too-large",
        431,
        false,
        "The headers are past the limit"
    ),
    (
        RequestTimeout,
        "request-timeout",
        408,
        true,
        "The request took too long to arrive"
    ),
    // Workout files.
    (
        UnsupportedFile,
        "unsupported-file",
        415,
        false,
        "The file is no FIT, GPX or TCX"
    ),
    (EmptyFile, "empty-file", 422, false, "The file holds no workout"),
    (
        CorruptFile,
        "corrupt-file",
        422,
        false,
        "The file is damaged from its beginning"
    ),
    (
        FileTooLarge,
        "file-too-large",
        413,
        false,
        "The file is past the limit once unpacked"
    ),
    // Who the caller is.
    (
        Unauthenticated,
        "unauthenticated",
        401,
        false,
        "A token is needed"
    ),
    (InvalidToken, "invalid-token", 401, false, "The token is not good"),
    (
        ExpiredToken,
        "expired-token",
        401,
        false,
        "The token has expired: refresh it"
    ),
    (
        RevokedToken,
        "revoked-token",
        401,
        false,
        "The session was ended: log in again"
    ),
    (
        RefreshReused,
        "refresh-reused",
        401,
        false,
        "A refresh token was used twice: its session is ended"
    ),
    (
        InvalidCredentials,
        "invalid-credentials",
        401,
        false,
        "Address or password is wrong"
    ),
    (Forbidden, "forbidden", 403, false, "The caller may not do this"),
    (
        TooManyAttempts,
        "too-many-attempts",
        429,
        true,
        "Too many attempts: wait"
    ),
    // People and places.
    (
        InvalidAddress,
        "invalid-address",
        422,
        false,
        "The e-mail address is not one"
    ),
    (
        WeakPassword,
        "weak-password",
        422,
        false,
        "The password is too short or too long"
    ),
    (
        ClaimTaken,
        "claim-taken",
        409,
        false,
        "Someone else holds this address"
    ),
    (
        CountryNotServed,
        "country-not-served",
        422,
        false,
        "No home may hold people of this country"
    ),
    (UnknownHome, "unknown-home", 404, false, "There is no such home"),
    (
        WrongHost,
        "wrong-host",
        421,
        false,
        "This host serves another home"
    ),
    (LawForbids, "law-forbids", 451, false, "The law forbids this here"),
    (
        LawTooOld,
        "law-too-old",
        503,
        true,
        "The law known here is too old to begin something new"
    ),
    // Where the shard is.
    (Moved, "moved", 421, true, "Another node serves this shard"),
    (
        HomeMoved,
        "home-moved",
        421,
        true,
        "The person lives in another home"
    ),
    (Moving, "moving", 503, true, "The shard is changing its node"),
    (
        Lost,
        "lost",
        409,
        false,
        "The write that you saw was cut off by a failover"
    ),
    // What the platform cannot do now.
    (
        Conflict,
        "conflict",
        409,
        true,
        "Too many changed the same thing at once"
    ),
    (Overloaded, "overloaded", 503, true, "The cell is at its limit"),
    (Unavailable, "unavailable", 503, true, "The cell cannot serve now"),
    (Timeout, "timeout", 504, true, "The cell did not answer in time"),
    (
        OutcomeUnknown,
        "outcome-unknown",
        503,
        true,
        "The write may have happened: send it again with its key"
    ),
    (
        OutcomeUnkeyed,
        "outcome-unknown-without-key",
        502,
        false,
        "The write may have happened, and had no key: look before you send it again"
    ),
    (
        LimitExceeded,
        "limit-exceeded",
        422,
        false,
        "A bound of the platform is reached"
    ),
    (Internal, "internal", 500, false, "A fault of ours"),
];

impl Code {
    /// The router keeps the request and sends it again once the shard is served: see the module's documentation.
    pub fn holds(self) -> bool {
        matches!(self, Self::Moving)
    }

    /// Nothing of the request was executed, whatever its method.
    pub fn unexecuted(self) -> bool {
        matches!(self, Self::Moved | Self::HomeMoved | Self::Moving)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_router_may_send_again_was_not_executed_and_may_be_sent_again() {
        for code in Code::ALL.iter().filter(|code| code.unexecuted()) {
            assert!(code.retryable(), "{code}");
        }
        assert!(Code::ALL.iter().all(|code| !code.holds() || code.unexecuted()));
        assert!(!Code::OutcomeUnknown.unexecuted() && !Code::Unavailable.unexecuted());
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
