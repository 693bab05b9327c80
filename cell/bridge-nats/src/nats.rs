//! A [`Broker`] of NATS JetStream. Each stream is stored on disk by the servers; one that is not there is made, one that is
//! there is taken as it is, if what it acknowledged outlives its server.
//!
//! The client keeps what it could not send, and sends it when it is connected again, long after whoever asked has given up.
//! That is why a message says behind which one it belongs, and is sent only where that is known: late, it is refused.

use std::error::Error as _;

use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, PersistenceMode, RawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{Context, Error as ApiError, ErrorCode};
use async_nats::{Client, header};
use async_trait::async_trait;
use platform_model::{ShardId, WorldId};

use crate::connecting::{options, unusable};
use crate::{
    BridgeError, Broker, Channel, Last, Message, Published, Settings, Source, Tail, message_id,
    read_message_id,
};

/// Messages on their way at once, over all streams: one of each shard that leads here, and those that nobody waits for.
const UNDER_WAY_MAX: usize = 4_096;
/// The oldest server that looks where the first message of a stream belongs, too.
const OLDEST: (i64, i64, i64) = (2, 10, 0);
/// Why a message says nothing, where that is so.
const WITHHELD: &str = "Meridian-Withheld";

/// A connection, made anew as often as it is lost. Clones share it.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    context: Context,
    settings: Settings,
    world: WorldId,
}

/// One shard's stream.
struct NatsChannel {
    source: Source,
    prefix: String,
    name: String,
    stream: Stream,
    context: Context,
}

impl Nats {
    /// Begins to connect; a broker that is away is waited for by whoever asks it something.
    ///
    /// # Errors
    /// [`BridgeError::Settings`]: files that cannot be read or used.
    pub async fn connect(settings: Settings, world: WorldId) -> Result<Self, BridgeError> {
        settings
            .check()
            .map_err(|error| unusable("the settings", &error))?;
        let options = options(&settings).await?;
        let scheme = if settings.tls.is_some() { "tls" } else { "nats" };
        let addresses: Vec<String> = settings
            .servers
            .iter()
            .map(|server| format!("{scheme}://{server}"))
            .collect();
        let client = options.connect(addresses).await;
        let client = client.map_err(|error| unusable("the settings", &error))?;
        let context = ContextBuilder::new()
            .timeout(settings.answer_within)
            .ack_timeout(settings.answer_within)
            .max_ack_inflight(UNDER_WAY_MAX)
            .build(client.clone());
        Ok(Self {
            client,
            context,
            settings,
            world,
        })
    }

    fn config(&self, shard: &ShardId, name: &str) -> Config {
        Config {
            name: name.to_owned(),
            subjects: vec![format!("{}.>", subject(&self.settings.prefix, shard))],
            storage: StorageType::File,
            num_replicas: self.settings.replicas,
            max_age: self.settings.keep,
            ..Config::default()
        }
    }
}

#[async_trait]
impl Broker for Nats {
    fn stream(&self, shard: &ShardId) -> String {
        format!("{}_{}", self.settings.prefix, shard.to_string().replace('/', "_"))
    }

    async fn open(&self, shard: &ShardId) -> Result<Box<dyn Channel>, BridgeError> {
        let name = self.stream(shard);
        let stream = match self.context.get_stream(&name).await {
            Ok(stream) => stream,
            Err(error) if is_code(&error.kind(), ErrorCode::STREAM_NOT_FOUND) => {
                let made = self.context.create_stream(self.config(shard, &name)).await;
                made.map_err(|error| BridgeError::Refused {
                    reason: error.to_string(),
                })?
            }
            Err(error) => return Err(unreachable(&error)),
        };
        let (major, minor, patch) = OLDEST;
        if !self.client.is_server_compatible(major, minor, patch) {
            let reason = "its server is older than 2.10";
            return Err(BridgeError::Unsuitable { stream: name, reason });
        }
        if let Some(reason) = unsuitable(&stream.cached_info().config) {
            return Err(BridgeError::Unsuitable { stream: name, reason });
        }
        let source = Source {
            world: self.world.clone(),
            shard: shard.clone(),
        };
        Ok(Box::new(NatsChannel {
            source,
            prefix: subject(&self.settings.prefix, shard),
            name,
            stream,
            context: self.context.clone(),
        }))
    }
}

#[async_trait]
impl Channel for NatsChannel {
    async fn tail(&self) -> Result<Tail, BridgeError> {
        let info = self
            .stream
            .get_info()
            .await
            .map_err(|error| unreachable(&error))?;
        let sequence = info.state.last_sequence;
        let last = match sequence {
            0 => Last::Nothing,
            _ => match self.read(sequence).await? {
                None => Last::Gone,
                Some(last) => read_message_id(&self.source, &last.id).map_or(Last::Foreign, Last::Event),
            },
        };
        Ok(Tail { sequence, last })
    }

    async fn publish(&self, after: u64, message: &Message) -> Result<(), BridgeError> {
        let subject = format!("{}.{}.{}", self.prefix, message.domain, message.name);
        let sent = self
            .context
            .send_publish(subject, self.outbound(message, after))
            .await;
        let ack = sent.map_err(refused)?.await.map_err(refused)?;
        if ack.sequence == after + 1 {
            return Ok(());
        }
        // A message that was there before is acknowledged as what it was.
        Err(BridgeError::OutOfStep {
            reason: format!("{} was taken before, as {}", after + 1, ack.sequence),
        })
    }

    async fn read(&self, sequence: u64) -> Result<Option<Published>, BridgeError> {
        let message = match self.stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) => {
                return match error.kind() {
                    RawMessageErrorKind::NoMessageFound => Ok(None),
                    RawMessageErrorKind::JetStream(why)
                        if why.error_code() == ErrorCode::NO_MESSAGE_FOUND =>
                    {
                        Ok(None)
                    }
                    _ => Err(unreachable(&error)),
                };
            }
        };
        let id = message.headers.get(header::NATS_MESSAGE_ID);
        let withheld = message.headers.get(WITHHELD);
        Ok(Some(Published {
            id: id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            subject: message.subject.to_string(),
            withheld: withheld.map(|why| why.as_str().to_owned()),
            payload: message.payload,
        }))
    }
}

impl NatsChannel {
    fn outbound(&self, message: &Message, after: u64) -> PublishMessage {
        let outbound = PublishMessage::build()
            .payload(message.payload.clone())
            .message_id(message_id(&self.source, message.key))
            .expected_stream(&self.name)
            .expected_last_sequence(after)
            .header("Meridian-Event-Version", message.version.to_string())
            .header("Meridian-From", message.from.as_str())
            .header("Meridian-To", message.to.as_str())
            .header("Meridian-Law", message.law.to_string());
        match message.withheld {
            Some(why) => outbound.header(WITHHELD, why.as_str()),
            None => outbound,
        }
    }
}

/// Why nothing can be exact in a stream of that kind.
fn unsuitable(config: &Config) -> Option<&'static str> {
    if config.storage != StorageType::File {
        Some("it is not stored on disk")
    } else if config.no_ack {
        Some("it acknowledges nothing")
    } else if config.persist_mode == Some(PersistenceMode::Async) {
        Some("it acknowledges before it stores")
    } else {
        None
    }
}

/// What the subjects of a shard begin with.
fn subject(prefix: &str, shard: &ShardId) -> String {
    format!("{prefix}.{}", shard.to_string().replace('/', "."))
}

fn is_code(kind: &GetStreamErrorKind, code: ErrorCode) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == code)
}

fn unreachable(error: &dyn std::fmt::Display) -> BridgeError {
    BridgeError::Unreachable {
        reason: error.to_string(),
    }
}

fn refused(error: PublishError) -> BridgeError {
    let reason = error.to_string();
    match error.kind() {
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
            BridgeError::OutOfStep { reason }
        }
        PublishErrorKind::MaxPayloadExceeded => BridgeError::TooLarge { reason },
        PublishErrorKind::Other if is_for_its_size(&error) => BridgeError::TooLarge { reason },
        PublishErrorKind::Other => BridgeError::Refused { reason },
        _ => BridgeError::Unreachable { reason },
    }
}

fn is_for_its_size(error: &PublishError) -> bool {
    let answer = error.source().and_then(|why| why.downcast_ref::<ApiError>());
    answer.is_some_and(|answer| {
        [
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
            ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
        ]
        .contains(&answer.error_code())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_acknowledges_what_a_kill_may_take_back_is_not_used() {
        let good = Config {
            storage: StorageType::File,
            ..Config::default()
        };
        assert_eq!(unsuitable(&good), None);
        let with = |change: fn(&mut Config)| {
            let mut config = good.clone();
            change(&mut config);
            unsuitable(&config)
        };
        assert!(with(|config| config.storage = StorageType::Memory).is_some());
        assert!(with(|config| config.no_ack = true).is_some());
        assert!(with(|config| config.persist_mode = Some(PersistenceMode::Async)).is_some());
    }
}
