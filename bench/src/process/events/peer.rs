//! The peer of events between two cells: two NATS JetStream servers, each of which syncs every message before it
//! acknowledges it. A message is published to the first, consumed from there, published to the second, and acknowledged to the
//! first only when the second has it: durable at both ends, each once, as an event is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, StorageType};
use cell_bridge_nats::server::{NatsServer, program};
use futures::StreamExt;
use platform_runtime::clock::Clock;
use tempfile::TempDir;

use super::Burst;

/// Messages that the publisher has under way at once: as many events as the authors of the other side tell at once.
const UNDER_WAY: usize = 160;
/// Messages that are consumed and published on at once.
const AT_ONCE: usize = 256;
/// About an event that shows a name.
const PAYLOAD_BYTES: usize = 120;
const UP_WITHIN: Duration = Duration::from_secs(30);
const WITHIN: Duration = Duration::from_secs(300);

/// Both servers, and clients of this process.
pub struct Pair {
    servers: [NatsServer; 2],
    clients: [Context; 2],
    clock: Clock,
    /// Streams that were made.
    runs: usize,
    _dir: TempDir,
}

impl Pair {
    /// Both servers on the disk at `beside`; or why there are none.
    ///
    /// # Errors
    /// A server that is there does not start.
    pub async fn up(beside: &Path) -> Result<Result<Self, String>> {
        let program = match program() {
            Ok(program) => program,
            Err(why) => return Ok(Err(why)),
        };
        let dir = tempfile::tempdir_in(beside)?;
        let start = async |name: &str| -> Result<(NatsServer, Context)> {
            let mut server = NatsServer::start(&program, &dir.path().join(name), "")?;
            server.ready(UP_WITHIN).await?;
            let client = async_nats::connect(server.address()).await?;
            Ok((server, async_nats::jetstream::new(client)))
        };
        let (first, second) = (start("first").await?, start("second").await?);
        Ok(Ok(Self {
            servers: [first.0, second.0],
            clients: [first.1, second.1],
            clock: Clock::system(),
            runs: 0,
            _dir: dir,
        }))
    }

    /// As many messages as fast as they go. The processor time is that of both servers; that of the clients, which are
    /// this process, is not in it.
    ///
    /// # Errors
    /// A message does not arrive.
    pub async fn burst(&mut self, events: usize) -> Result<Burst> {
        self.runs += 1;
        let name = format!("run{}", self.runs);
        for client in &self.clients {
            let config = Config {
                name: name.clone(),
                subjects: vec![name.clone()],
                storage: StorageType::File,
                ..Config::default()
            };
            client.create_stream(config).await?;
        }
        let before = self.processor()?;
        let begun = self.clock.monotonic();
        let both = async { tokio::try_join!(self.publish(&name, events), self.carry(&name, events)) };
        tokio::time::timeout(WITHIN, both)
            .await
            .context("a message never arrived")??;
        let took = self.clock.monotonic() - begun;
        let processor = self.processor()? - before;
        let mut there = self.clients[1].get_stream(&name).await?;
        let messages = there.info().await?.state.messages;
        ensure!(
            messages == events as u64,
            "{messages} of {events} messages arrived"
        );
        Ok(Burst {
            events,
            took,
            processor,
        })
    }

    async fn publish(&self, name: &str, events: usize) -> Result<()> {
        let payload = vec![7; PAYLOAD_BYTES];
        let sent = futures::stream::iter(0..events).map(|number| {
            let message = PublishMessage::build()
                .payload(payload.clone().into())
                .message_id(format!("{name}/{number}"));
            async move {
                anyhow::Ok(
                    self.clients[0]
                        .send_publish(name.to_owned(), message)
                        .await?
                        .await?,
                )
            }
        });
        let mut sent = sent.buffered(UNDER_WAY);
        while let Some(acknowledged) = sent.next().await {
            acknowledged?;
        }
        Ok(())
    }

    async fn carry(&self, name: &str, events: usize) -> Result<()> {
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            ack_policy: AckPolicy::Explicit,
            max_ack_pending: 4 * AT_ONCE as i64,
            ..pull::Config::default()
        };
        let stream = self.clients[0].get_stream(name).await?;
        let consumer = stream.create_consumer(config).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(AT_ONCE)
            .messages()
            .await?;
        let carried = messages.take(events).map(|message| async move {
            let message = message?;
            let id = message
                .headers
                .as_ref()
                .and_then(|headers| headers.get("Nats-Msg-Id"));
            let id = id.context("a name")?.as_str().to_owned();
            let onward = PublishMessage::build()
                .payload(message.payload.clone())
                .message_id(id);
            self.clients[1]
                .send_publish(name.to_owned(), onward)
                .await?
                .await?;
            message.ack().await.map_err(|error| anyhow!(error))
        });
        let mut carried = carried.buffered(AT_ONCE);
        while let Some(done) = carried.next().await {
            done?;
        }
        Ok(())
    }

    fn processor(&self) -> Result<Duration> {
        let of = |server: &NatsServer| -> Result<Duration> {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid()))?;
            let fields: Vec<&str> = stat
                .rsplit_once(')')
                .context("a name")?
                .1
                .split_whitespace()
                .collect();
            let ticks = |field: usize| -> Result<u64> { Ok(fields.get(field).context("a field")?.parse()?) };
            // Fields 14 and 15, in hundredths of a second.
            Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
        };
        self.servers.iter().map(of).sum()
    }
}
