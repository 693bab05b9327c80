//! What a bridge needs of a broker: streams that are one shard's alone, that say how they end, and that take a message only
//! as the next one.

use async_trait::async_trait;
use bytes::Bytes;
use cell_relay::EventKey;
use platform_model::ShardId;

use crate::BridgeError;

/// Where streams are.
#[async_trait]
pub trait Broker: Send + Sync {
    /// The name of a shard's stream.
    fn stream(&self, shard: &ShardId) -> String;

    /// The stream of a shard, made if it is not there.
    ///
    /// # Errors
    /// [`BridgeError`].
    async fn open(&self, shard: &ShardId) -> Result<Box<dyn Channel>, BridgeError>;
}

/// The stream of one shard.
#[async_trait]
pub trait Channel: Send + Sync {
    /// How it ends, asked of whoever may take the next message.
    ///
    /// # Errors
    /// [`BridgeError`].
    async fn tail(&self) -> Result<Tail, BridgeError>;

    /// Adds a message behind number `after`: it is taken only if that is the last. On `Ok` the broker has acknowledged it, as
    /// number `after` + 1. Only for one who knows what the stream is up to `after`.
    ///
    /// # Errors
    /// [`BridgeError::TooLarge`]: it was not taken, and never is as it is. Any other: the stream has it or not, and may yet
    /// get it.
    async fn publish(&self, after: u64, message: &Message) -> Result<(), BridgeError>;

    /// The message with that number; none if there is none. For checks.
    ///
    /// # Errors
    /// [`BridgeError`].
    async fn read(&self, sequence: u64) -> Result<Option<Published>, BridgeError>;
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The number of its last message, one that it has let go too; 0: there never was one.
    pub sequence: u64,
    pub last: Last,
}

/// The last message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// There never was one.
    Nothing,
    Event(EventKey),
    /// It is no event of this shard.
    Foreign,
    /// The stream has let it go.
    Gone,
}

/// One event as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub key: EventKey,
    pub domain: String,
    pub name: String,
    /// Of the payload.
    pub version: u32,
    /// Ids of who told it and of whom it is for, as roots are written.
    pub from: String,
    pub to: String,
    /// The revision of the law by which it left.
    pub law: u64,
    /// What the law let pass of the message.
    pub payload: Bytes,
    /// Why it stands there without what it says.
    pub withheld: Option<Withheld>,
}

/// Why what an event says is not in the stream, though it is named there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// The broker takes none as large as that.
    TooLarge,
    /// Nobody who published it knew what its fields are.
    Unknown,
}

impl Withheld {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Unknown => "unknown",
        }
    }
}

impl Message {
    /// The same event, without what it says.
    #[must_use]
    pub fn without_payload(self, why: Withheld) -> Self {
        Self {
            payload: Bytes::new(),
            withheld: Some(why),
            ..self
        }
    }
}

/// A message as it stands in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub id: String,
    pub subject: String,
    pub payload: Bytes,
    /// Why it says nothing, if that is so.
    pub withheld: Option<String>,
}
