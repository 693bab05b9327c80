//! A [`Broker`] of NATS JetStream. Each stream is stored on disk by the servers; one that is not there is made, one that is
//! there is taken as it is.

use std::path::Path;

use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{ConnectOptions, header};
use async_trait::async_trait;
use platform_model::ShardId;

use crate::{
    BridgeError, Broker, Channel, Last, Message, Published, Settings, Tail, message_id, read_message_id,
};

/// Messages on their way at once, over all streams.
const UNDER_WAY_MAX: usize = 4_096;

/// A connection, made anew as often as it is lost. Clones share it.
#[derive(Clone)]
pub struct Nats {
    context: Context,
    settings: Settings,
}

/// One shard's stream.
struct NatsChannel {
    shard: ShardId,
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
    pub async fn connect(settings: Settings) -> Result<Self, BridgeError> {
        let unusable = |what, error: &dyn std::fmt::Display| BridgeError::Settings {
            what,
            reason: error.to_string(),
        };
        settings
            .check()
            .map_err(|error| unusable("the settings", &error))?;
        let mut options = ConnectOptions::new()
            .name("meridian")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .ignore_discovered_servers()
            .request_timeout(Some(settings.answer_within));
        if let Some(tls) = &settings.tls {
            readable(&tls.ca)?;
            options = options.require_tls(true).add_root_certificates(tls.ca.clone());
            if let Some((cert, key)) = &tls.own {
                readable(cert)?;
                readable(key)?;
                options = options.add_client_certificate(cert.clone(), key.clone());
            }
        }
        if let Some(file) = &settings.credentials_file {
            let read = options.credentials_file(file).await;
            options = read.map_err(|error| unusable("the credentials file", &error))?;
        }
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
            .build(client);
        Ok(Self { context, settings })
    }

    fn config(&self, shard: &ShardId, name: &str) -> Config {
        Config {
            name: name.to_owned(),
            subjects: vec![format!("{}.>", subject(&self.settings.prefix, shard))],
            storage: StorageType::File,
            num_replicas: self.settings.replicas,
            max_age: self.settings.keep,
            // Nothing in it is removed or written over but by its age.
            deny_delete: true,
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
        Ok(Box::new(NatsChannel {
            shard: shard.clone(),
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
                Some(last) => read_message_id(&self.shard, &last.id).map_or(Last::Foreign, Last::Event),
            },
        };
        Ok(Tail { sequence, last })
    }

    async fn publish(&self, after: u64, messages: &[Message]) -> Result<(), BridgeError> {
        let mut under_way = Vec::with_capacity(messages.len());
        for (message, last) in messages.iter().zip(after..) {
            let subject = format!("{}.{}.{}", self.prefix, message.domain, message.name);
            let sent = self
                .context
                .send_publish(subject, self.outbound(message, last))
                .await;
            under_way.push(sent.map_err(refused)?);
        }
        for (ack, last) in under_way.into_iter().zip(after..) {
            let ack = ack.await.map_err(refused)?;
            // A message that was there before is acknowledged as what it was.
            if ack.sequence != last + 1 {
                return Err(BridgeError::OutOfStep {
                    reason: format!("{} was taken before, as {}", last + 1, ack.sequence),
                });
            }
        }
        Ok(())
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
        Ok(Some(Published {
            id: id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            subject: message.subject.to_string(),
            payload: message.payload,
        }))
    }
}

impl NatsChannel {
    fn outbound(&self, message: &Message, last: u64) -> PublishMessage {
        PublishMessage::build()
            .payload(message.payload.clone())
            .message_id(message_id(&self.shard, message.key))
            .expected_stream(&self.name)
            .expected_last_sequence(last)
            .header("Meridian-Event-Version", message.version.to_string())
            .header("Meridian-From", message.from.as_str())
            .header("Meridian-To", message.to.as_str())
            .header("Meridian-Law", message.law.to_string())
    }
}

/// What the subjects of a shard begin with.
fn subject(prefix: &str, shard: &ShardId) -> String {
    format!("{prefix}.{}", shard.to_string().replace('/', "."))
}

fn readable(file: &Path) -> Result<(), BridgeError> {
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => Err(BridgeError::Settings {
            what: "a certificate or key",
            reason: format!("{}: {error}", file.display()),
        }),
    }
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
        PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::Other => BridgeError::Refused { reason },
        _ => BridgeError::Unreachable { reason },
    }
}
