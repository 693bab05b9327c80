//! What of a failed attempt may be sent again, and what its app is told if nothing may.
//!
//! The one rule: what may have been executed is sent again only if that does no harm (a safe method, or a command
//! whose key the node saw). What was refused before, or never put on a connection, may always be; and only what is
//! kept, or was not touched, can be.

use http::Request;
use platform_model::{Code, Problem};

use super::{Outbound, RETRY_AFTER_S, Refusal, body_refused};
use crate::hold::Why;
use crate::request::body::{FaultCell, RequestBody};
use crate::upstream::pool::SendError;
use crate::upstream::{AnswerBroken, Unreachable};

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The node said that it did nothing.
    Refused,
    /// It was never put on a connection: its body is here, untouched.
    NotSent(Box<Request<RequestBody>>, Option<Unreachable>),
    /// It may have been executed: the exchange broke off, or the shard has another primary and the old one is silent.
    Unknown(Option<AnswerBroken>),
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotSent(request, why) => Self::NotSent(request, why),
            SendError::Broken(error) => Self::Unknown(Some(error)),
        }
    }
}

impl Failed {
    pub(super) fn why(&self) -> Why {
        match self {
            Self::Refused => Why::Moving,
            Self::NotSent(..) | Self::Unknown(_) => Why::Away,
        }
    }

    /// The connection went away before it took the request: that says nothing about the node yet.
    pub(super) fn connection_only(&self) -> bool {
        matches!(self, Self::NotSent(_, None))
    }

    /// The body to send again. `again`: a copy, if there is one.
    ///
    /// # Errors
    /// What the app is told.
    pub(super) fn salvage(
        self,
        outbound: &Outbound<'_>,
        again: Option<RequestBody>,
        fault: &FaultCell,
    ) -> Result<RequestBody, Refusal> {
        match self {
            Self::Refused => again.ok_or_else(|| told(Why::Moving)),
            Self::NotSent(request, why) => {
                if let Some(why) = why {
                    tracing::debug!(error = &why as &dyn std::error::Error, "a node cannot be reached");
                }
                Ok(request.into_body())
            }
            Self::Unknown(error) => {
                if let Some(fault) = fault.get() {
                    return Err(body_refused(fault, outbound.means.limits.body));
                }
                tracing::debug!(?error, "an exchange with a node broke off");
                let may = outbound.means.faults.may_replay(outbound.repeatable);
                again.filter(|_| may).ok_or_else(|| outcome_unknown(outbound))
            }
        }
    }
}

/// Reading again is always harmless; a command may be sent again by whoever named it.
fn outcome_unknown(outbound: &Outbound<'_>) -> Refusal {
    match (outbound.safe, outbound.repeatable) {
        (true, _) => told(Why::Away),
        (false, true) => Box::new(Problem::new(Code::OutcomeUnknown).retry_after_s(RETRY_AFTER_S)),
        (false, false) => Box::new(Problem::new(Code::OutcomeUnkeyed)),
    }
}

/// What an app is told whose request was not executed.
pub(super) fn told(why: Why) -> Refusal {
    Box::new(Problem::new(why.code()).retry_after_s(RETRY_AFTER_S))
}
