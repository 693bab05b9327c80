//! One call to whichever controller takes it: the last that answered first, then the others in turn; a hint at the
//! leader is followed. Bounded in attempts and time, with full jitter between rounds.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Expect, Identity, Refused};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::channel::{self, InvalidAddress, describe, never_sent, not_trusted};
use crate::refusal::{Refusal, RefusalCode};

/// Attempts of one call, over all controllers.
pub const ATTEMPTS_MAX: u32 = 40;
/// Channels kept; a leader's hint may name an address that the config does not.
const CHANNELS_MAX: usize = 16;
/// Rounds after which a certificate that no controller believes is given up.
const TRUST_ROUNDS: usize = 2;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why a call brought no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The callee understood the call and refused it. Nothing was changed, but for `outcome-unknown`.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A controller does not believe our certificate, or we do not believe its. Nothing was changed.
    #[error("{address} and this certificate do not go together: {cause}")]
    NotTrusted { address: String, cause: Refused },
    /// Nobody took the call in time. Nothing was changed.
    #[error("no answer from {addresses}: {last}")]
    Unreachable { addresses: String, last: String },
    /// The call was sent and its answer lost: read the state before sending it again.
    #[error("the call was sent to {address} and its outcome is not known: {cause}")]
    Unknown { address: String, cause: String },
    /// The controllers are of a build before this call. Nothing was changed.
    #[error("{address} does not know this call: it is of an older build")]
    Unimplemented { address: String },
    /// The answer is not what it should be.
    #[error("the answer of {address} cannot be understood: {cause}")]
    InvalidAnswer { address: String, cause: String },
}

impl CallError {
    /// The same call may be sent again unchanged.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.retryable(),
            Self::Unreachable { .. } | Self::NotTrusted { .. } => true,
            Self::Unknown { .. } | Self::Unimplemented { .. } | Self::InvalidAnswer { .. } => false,
        }
    }

    /// Whether the controllers are too old to know the call.
    pub fn is_unimplemented(&self) -> bool {
        matches!(self, Self::Unimplemented { .. })
    }

    /// The refusal, if the callee gave one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Whether a call may be sent again after its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// A second one changes nothing.
    Idempotent,
    /// Only what was surely not executed is sent again.
    Once,
}

/// How a call is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    repeat: Repeat,
    /// How long one controller has to answer.
    attempt: Duration,
    /// How long the call goes on over all of them.
    within: Duration,
}

/// Reads, and reports that may be given twice.
pub(crate) const REPORT: Manner = Manner {
    repeat: Repeat::Idempotent,
    attempt: Duration::from_secs(4),
    within: Duration::from_secs(10),
};
/// Reports that another follows soon: who does not answer at once is left, for others may know who leads by then.
pub(crate) const PROMPT: Manner = Manner {
    repeat: Repeat::Idempotent,
    attempt: Duration::from_millis(800),
    within: Duration::from_secs(2),
};
/// Commands: the first one of a world waits for its first election.
pub(crate) const COMMAND: Manner = Manner {
    repeat: Repeat::Once,
    attempt: Duration::from_secs(20),
    within: Duration::from_secs(30),
};
/// Changes of the controllers: a newcomer is sent the whole state first.
pub(crate) const MEMBERS: Manner = Manner {
    repeat: Repeat::Idempotent,
    attempt: Duration::from_secs(90),
    within: Duration::from_secs(120),
};

/// The configured controllers and the connections to them. Clone: a shared handle.
#[derive(Clone)]
pub(crate) struct Controllers {
    shared: Arc<Shared>,
}

struct Shared {
    addresses: Vec<String>,
    identity: Identity,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where to begin: who answered last, or who is said to lead.
    preferred: Option<String>,
    channels: BTreeMap<String, Channel>,
}

/// What an attempt says about the next.
enum Attempt {
    Failed(CallError),
    Elsewhere { leader: Option<String>, why: CallError },
}

impl Controllers {
    pub(crate) fn new(
        addresses: Vec<String>,
        identity: Identity,
        clock: Clock,
    ) -> Result<Self, InvalidAddress> {
        if addresses.is_empty() {
            return Err(InvalidAddress {
                address: String::new(),
            });
        }
        let controllers = Self {
            shared: Arc::new(Shared {
                addresses,
                identity,
                clock,
                state: Mutex::new(State::default()),
            }),
        };
        for address in &controllers.shared.addresses {
            controllers.channel(address)?;
        }
        Ok(controllers)
    }

    pub(crate) fn world(&self) -> WorldId {
        self.shared.identity.world().clone()
    }

    /// Calls until an answer, a refusal that repeating cannot change, or the bounds.
    pub(crate) async fn call<T, F, Fut>(&self, manner: Manner, f: F) -> Result<T, CallError>
    where
        F: Fn(Channel) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let begun = self.shared.clock.monotonic();
        let mut address = self.first();
        let mut last = None;
        for attempt in 0..ATTEMPTS_MAX {
            let left = manner
                .within
                .saturating_sub(self.shared.clock.monotonic().saturating_sub(begun));
            if left.is_zero() {
                break;
            }
            match self.attempt(&address, manner, left, &f).await {
                Ok(answer) => return Ok(answer),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Elsewhere { why, .. }) if self.is_settled(&why, manner.repeat, attempt) => {
                    return Err(why);
                }
                Err(Attempt::Elsewhere { leader, why }) => {
                    last = Some(why);
                    let known = leader.is_some();
                    address = leader.unwrap_or_else(|| self.after(&address));
                    self.pause(attempt, known, left).await;
                }
            }
        }
        Err(last.unwrap_or_else(|| self.unreachable("out of time")))
    }

    async fn attempt<T, F, Fut>(
        &self,
        address: &str,
        manner: Manner,
        left: Duration,
        f: &F,
    ) -> Result<T, Attempt>
    where
        F: Fn(Channel) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = self
            .channel(address)
            .map_err(|e| self.elsewhere(&e.to_string()))?;
        let status = match tokio::time::timeout(left.min(manner.attempt), f(channel)).await {
            Ok(Ok(response)) => {
                self.shared.state.lock().preferred = Some(address.to_owned());
                return Ok(response.into_inner());
            }
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer in time"),
        };
        self.shared
            .state
            .lock()
            .preferred
            .take_if(|preferred| preferred == address);
        Err(self.judge(address, manner.repeat, &status))
    }

    fn judge(&self, address: &str, repeat: Repeat, status: &Status) -> Attempt {
        if let Some(refusal) = Refusal::from_status(status) {
            return judge_refusal(refusal, repeat);
        }
        if let Some(cause) = not_trusted(status) {
            let address = address.to_owned();
            let why = CallError::NotTrusted { address, cause };
            return Attempt::Elsewhere { leader: None, why };
        }
        if status.code() == Code::Unimplemented {
            let address = address.to_owned();
            return Attempt::Failed(CallError::Unimplemented { address });
        }
        if repeat == Repeat::Idempotent || never_sent(status) {
            return self.elsewhere(&format!("{address}: {}", describe(status)));
        }
        Attempt::Failed(CallError::Unknown {
            address: address.to_owned(),
            cause: describe(status),
        })
    }

    /// Every controller was asked and no world runs, or none believes us: only someone else can change that.
    fn is_settled(&self, why: &CallError, repeat: Repeat, attempt: u32) -> bool {
        // As many rounds as it takes for one that is behind to hear of it; not as many as for one that is away.
        if matches!(why, CallError::NotTrusted { .. })
            && rounds(attempt, &self.shared.addresses) >= TRUST_ROUNDS
        {
            return true;
        }
        let no_world = why
            .refusal()
            .is_some_and(|refusal| refusal.code == RefusalCode::NotInitialized);
        let all_asked = usize::try_from(attempt).is_ok_and(|n| n + 1 >= self.shared.addresses.len());
        repeat == Repeat::Once && no_world && all_asked
    }

    fn elsewhere(&self, why: &str) -> Attempt {
        Attempt::Elsewhere {
            leader: None,
            why: self.unreachable(why),
        }
    }

    fn unreachable(&self, last: &str) -> CallError {
        CallError::Unreachable {
            addresses: self.shared.addresses.join(", "),
            last: last.to_owned(),
        }
    }

    fn first(&self) -> String {
        let preferred = self.shared.state.lock().preferred.clone();
        preferred.unwrap_or_else(|| self.shared.addresses[0].clone())
    }

    /// The address after `address` in the configured order; the first if it is not configured.
    fn after(&self, address: &str) -> String {
        let all = &self.shared.addresses;
        let next = all
            .iter()
            .position(|a| a == address)
            .map_or(0, |at| (at + 1) % all.len());
        all[next].clone()
    }

    async fn pause(&self, attempt: u32, leader_known: bool, left: Duration) {
        if leader_known && attempt == 0 {
            return;
        }
        let all = u32::try_from(self.shared.addresses.len()).unwrap_or(u32::MAX);
        tokio::time::sleep(jittered(attempt / all).min(left)).await;
    }

    pub(crate) fn channel(&self, address: &str) -> Result<Channel, InvalidAddress> {
        let mut state = self.shared.state.lock();
        if let Some(channel) = state.channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = channel::connect(address, &self.shared.identity, Expect::Controller)?;
        if state.channels.len() < CHANNELS_MAX {
            state.channels.insert(address.to_owned(), channel.clone());
        }
        Ok(channel)
    }
}

/// Full rounds that attempts make up, the first of which is attempt 0.
fn rounds(attempt: u32, addresses: &[String]) -> usize {
    usize::try_from(attempt).map_or(0, |attempt| (attempt + 1) / addresses.len())
}

/// Full jitter: anything up to a bound that doubles with each round.
pub(crate) fn jittered(round: u32) -> Duration {
    let bound = PAUSE_FIRST.saturating_mul(1 << round.min(16)).min(PAUSE_MAX);
    let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(platform_runtime::random::u64() % bound_ms)
}

fn judge_refusal(refusal: Refusal, repeat: Repeat) -> Attempt {
    let again = match refusal.code {
        RefusalCode::OutcomeUnknown => repeat == Repeat::Idempotent,
        code => code.retryable(),
    };
    if again {
        Attempt::Elsewhere {
            leader: refusal.leader.clone(),
            why: refusal.into(),
        }
    } else {
        Attempt::Failed(refusal.into())
    }
}
