//! Why a broker has not taken something, or what it has cannot be gone on with.

/// What came instead of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BridgeError {
    /// Whether anything was taken is not known: the stream says.
    #[error("the broker did not answer: {reason}")]
    Unreachable { reason: String },
    /// The stream ends elsewhere than it was believed to: another published, or what was sent before came late.
    #[error("the stream does not end where it was believed to: {reason}")]
    OutOfStep { reason: String },
    #[error("the broker refuses it: {reason}")]
    Refused { reason: String },
    /// It is larger than the broker, or this stream, ever takes.
    #[error("the broker takes none as large: {reason}")]
    TooLarge { reason: String },
    /// There is a stream of that name, and nothing can be exact in it.
    #[error("the stream {stream} cannot be used: {reason}")]
    Unsuitable { stream: String, reason: &'static str },
    /// Settings or files that cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Settings { what: &'static str, reason: String },
    /// It acknowledged more than it has: it was made anew, or restored.
    #[error(
        "the stream {stream} ends at {has} and acknowledged up to {acknowledged}: it was made anew or lost something"
    )]
    Lost {
        stream: String,
        has: u64,
        acknowledged: u64,
    },
    /// Its end is not what this shard published there.
    #[error(
        "the stream {stream} ends at {sequence} with what is no event of this shard of this world, or an older one"
    )]
    Foreign { stream: String, sequence: u64 },
    /// The stream let its last message go before the shard noted that it was taken.
    #[error(
        "the stream {stream} has let its last message {sequence} go, and nobody noted which event it was"
    )]
    Gone { stream: String, sequence: u64 },
}

impl BridgeError {
    /// Whether the same may succeed by itself. The others wait for a person.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::OutOfStep { .. } | Self::Refused { .. } => true,
            Self::TooLarge { .. }
            | Self::Unsuitable { .. }
            | Self::Settings { .. }
            | Self::Lost { .. }
            | Self::Foreign { .. }
            | Self::Gone { .. } => false,
        }
    }
}
