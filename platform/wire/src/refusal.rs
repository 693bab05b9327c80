//! How a call is refused: a gRPC status whose details are a [`Refusal`], so that callers branch on a code and never
//! on a text.

use std::fmt;

use bytes::Bytes;
use platform_model::{Epoch, NodeId};
use prost::Message;
use tonic::{Code, Status};

use crate::pb;

/// One row: `(variant, "code", gRPC code, retryable)`.
macro_rules! codes {
    ($($(#[$doc:meta])* ($variant:ident, $text:literal, $grpc:ident, $retry:literal)),* $(,)?) => {
        /// Why a call was refused. The text is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RefusalCode { $($(#[$doc])* $variant),* }

        impl RefusalCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            fn grpc(self) -> Code { match self { $(Self::$variant => Code::$grpc),* } }
            /// The same call may be sent again unchanged, here or to another controller.
            pub fn retryable(self) -> bool { match self { $(Self::$variant => $retry),* } }
        }
    };
}

codes![
    /// The frame's version is not read here.
    (UnknownVersion, "unknown-version", FailedPrecondition, false),
    /// The message belongs to another world.
    (WrongWorld, "wrong-world", PermissionDenied, false),
    /// The caller's certificate does not allow this verb, or not for this subject.
    (NotAuthorised, "not-authorised", PermissionDenied, false),
    /// A field is not what it should be.
    (Invalid, "invalid", InvalidArgument, false),
    /// This controller does not lead; `leader` names who does. Nothing was done.
    (NotLeader, "not-leader", Unavailable, true),
    /// No controller leads at the moment. Nothing was done.
    (NoLeader, "no-leader", Unavailable, true),
    /// Raft never ran here, and no leader is known.
    (NotInitialized, "not-initialized", FailedPrecondition, true),
    /// The command was handed to Raft and its outcome is not known: read the state before sending it again.
    (OutcomeUnknown, "outcome-unknown", Aborted, false),
    /// The world was made already.
    (WorldExists, "world-exists", AlreadyExists, false),
    /// The world was not made yet.
    (NoWorld, "no-world", FailedPrecondition, true),
    /// A record that the command names does not exist.
    (Unknown, "unknown-record", NotFound, false),
    /// A record that the command would make exists.
    (Exists, "exists", AlreadyExists, false),
    /// The record has changed since the caller read it.
    (GenerationMismatch, "generation-mismatch", Aborted, false),
    /// The report comes from an earlier start of the process, or from another process under its name.
    (OldIncarnation, "old-incarnation", FailedPrecondition, false),
    /// The node's data is not the data under which it registered: its disk was lost or changed.
    (OtherData, "other-data", FailedPrecondition, false),
    /// Nobody made this join token known.
    (TokenUnknown, "token-unknown", PermissionDenied, false),
    /// The join token was used by another key, or too long ago.
    (TokenUsed, "token-used", PermissionDenied, false),
    /// The join token was not used in time.
    (TokenExpired, "token-expired", PermissionDenied, false),
    /// The join token is for another process.
    (TokenForeign, "token-foreign", PermissionDenied, false),
    /// The join token was revoked.
    (TokenRevoked, "token-revoked", PermissionDenied, false),
    /// A rule of who is believed forbids it: an unattested region, an end out of bounds.
    (Trust, "trust", FailedPrecondition, false),
    /// A rule of placement forbids it.
    (Placement, "placement", FailedPrecondition, false),
    /// An operation does not start, go on or turn back so.
    (Operation, "operation", FailedPrecondition, false),
    /// The law in force forbids it.
    (LawForbids, "law-forbids", PermissionDenied, false),
    /// A law that cannot be proposed, approved or taken back as asked.
    (Law, "law", FailedPrecondition, false),
    /// A bound of the state is reached.
    (Limit, "limit", ResourceExhausted, false),
    /// Too many watchers or calls at once.
    (Overloaded, "overloaded", ResourceExhausted, true),
    /// Another node serves the shard; `node` and `epoch` say what the callee knows.
    (Moved, "moved", FailedPrecondition, true),
    /// The callee serves the shard but cannot now.
    (Unavailable, "unavailable", Unavailable, true),
    /// The operator's client is older than what this server takes.
    (ClientTooOld, "client-too-old", FailedPrecondition, false),
    /// A fault of ours.
    (Internal, "internal", Internal, false),
];

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A typed refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub code: RefusalCode,
    /// For a person to read; may change.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// With [`RefusalCode::NotLeader`].
    pub leader: Option<String>,
    /// With [`RefusalCode::Moved`].
    pub moved_to: Option<(NodeId, Epoch)>,
}

impl Refusal {
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: String::new(),
            leader: None,
            moved_to: None,
        }
    }

    /// A field of a message that cannot be understood.
    pub fn invalid(error: impl fmt::Display) -> Self {
        Self::new(RefusalCode::Invalid, error.to_string())
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    #[must_use]
    pub fn leader(mut self, address: Option<String>) -> Self {
        self.leader = address;
        self
    }

    #[must_use]
    pub fn moved_to(mut self, node: NodeId, epoch: Epoch) -> Self {
        self.moved_to = Some((node, epoch));
        self
    }

    /// The refusal that a status carries; `None` if the status is none of ours (transport, cancellation).
    pub fn from_status(status: &Status) -> Option<Self> {
        if status.details().is_empty() {
            return None;
        }
        let wire = pb::Refusal::decode(status.details()).ok()?;
        let code = RefusalCode::ALL
            .iter()
            .copied()
            .find(|c| c.as_str() == wire.code)?;
        let moved_to = wire.node.parse().ok().map(|node| (node, Epoch(wire.epoch)));
        let leader = (!wire.leader.is_empty()).then_some(wire.leader);
        Some(Self {
            code,
            message: wire.message,
            hint: wire.hint,
            leader,
            moved_to,
        })
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (node, epoch) = refusal
            .moved_to
            .map_or((String::new(), 0), |(n, e)| (n.to_string(), e.0));
        let wire = pb::Refusal {
            version: crate::FRAME_VERSION,
            code: refusal.code.as_str().to_owned(),
            message: refusal.message.clone(),
            hint: refusal.hint,
            leader: refusal.leader.unwrap_or_default(),
            node,
            epoch,
        };
        Self::with_details(
            refusal.code.grpc(),
            refusal.message,
            Bytes::from(wire.encode_to_vec()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_wire() {
        let node: NodeId = "eu-central-1/0".parse().expect("a node");
        for code in RefusalCode::ALL {
            let refusal = Refusal::new(*code, "why")
                .hint("what to do")
                .leader(Some("127.0.0.1:1".into()))
                .moved_to(node.clone(), Epoch(7));
            let status = Status::from(refusal.clone());
            assert_eq!(Refusal::from_status(&status), Some(refusal));
        }
    }

    #[test]
    fn a_status_of_the_transport_is_no_refusal() {
        assert_eq!(
            Refusal::from_status(&Status::unavailable("connection refused")),
            None
        );
    }
}
