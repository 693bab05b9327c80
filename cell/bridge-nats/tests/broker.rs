//! The broker on a real server: what it takes, what it does not, over its own death.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use cell_bridge_nats::server::{NatsServer, program};
use cell_bridge_nats::{
    BridgeError, Broker, Channel, Last, Message, Nats, Settings, Source, Tls, Withheld, message_id,
};
use cell_relay::EventKey;
use platform_model::{Epoch, EpochPosition, Position, ShardId, WorldId};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(120);

fn shard() -> ShardId {
    "eu/eu-central/007".parse().expect("a shard")
}

fn world(digit: &str) -> WorldId {
    WorldId::new(&digit.repeat(64)).expect("an id")
}

async fn connect(settings: Settings) -> Nats {
    Nats::connect(settings, world("a")).await.expect("settings")
}

fn message(position: u64) -> Message {
    let key = EventKey {
        at: EpochPosition {
            epoch: Epoch(1),
            position: Position(position),
        },
        index: 0,
        event: 0,
    };
    Message {
        key,
        domain: "training".into(),
        name: "workout_shared".into(),
        version: 1,
        from: "user/1".into(),
        to: "user/2".into(),
        law: 3,
        payload: position.to_string().into(),
        withheld: None,
    }
}

fn settings(server: &NatsServer) -> Settings {
    server.settings(Duration::from_secs(10))
}

/// A server, or none and why.
async fn server(dir: &TempDir, more: &str) -> Option<NatsServer> {
    platform_runtime::tls::install_ring();
    let program = match program() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return None;
        }
    };
    let mut server = NatsServer::start(&program, &dir.path().join("nats"), more).expect("starts");
    server.ready(WITHIN).await.expect("up");
    Some(server)
}

/// The client waits for a broker that is away, and one that is coming up answers: whoever asks again waits for nothing else.
async fn opened(nats: &Nats) -> Box<dyn Channel> {
    let open = async {
        loop {
            match nats.open(&shard()).await {
                Ok(channel) => return channel,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
        }
    };
    tokio::time::timeout(WITHIN, open).await.expect("in time")
}

async fn payloads(channel: &dyn Channel) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(message) = channel.read(all.len() as u64 + 1).await.expect("read") {
        all.push(String::from_utf8_lossy(&message.payload).into_owned());
    }
    all
}

#[tokio::test]
async fn a_message_is_taken_only_as_the_next_one_and_what_was_acknowledged_outlives_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(mut server) = server(&dir, "").await else {
        return;
    };
    let nats = connect(settings(&server)).await;
    let channel = opened(&nats).await;
    assert_eq!(channel.tail().await.expect("asked").last, Last::Nothing);
    for number in 1..=20 {
        channel
            .publish(number - 1, &message(number))
            .await
            .expect("taken");
    }
    let tail = channel.tail().await.expect("asked");
    assert_eq!((tail.sequence, tail.last), (20, Last::Event(message(20).key)));
    // Late, or from a node that leads no more, or of one who guesses; as the first one, too.
    for (after, number) in [(7, 999), (0, 999), (21, 999), (19, 998)] {
        let refused = channel.publish(after, &message(number)).await;
        assert!(
            matches!(refused, Err(BridgeError::OutOfStep { .. })),
            "{after}: {refused:?}"
        );
    }
    // Twice: acknowledged as what it was, at most.
    let twice = channel.publish(20, &message(5)).await;
    assert!(matches!(twice, Err(BridgeError::OutOfStep { .. })), "{twice:?}");
    server.kill().expect("killed");
    server.again().expect("again");
    server.ready(WITHIN).await.expect("up");
    let channel = opened(&nats).await;
    assert_eq!(channel.tail().await.expect("asked"), tail, "after SIGKILL");
    channel.publish(20, &message(500)).await.expect("taken");
    let numbers = (1..=20).chain([500]).map(|number: u64| number.to_string());
    assert_eq!(payloads(&*channel).await, numbers.collect::<Vec<_>>());
    let first = channel.read(1).await.expect("read").expect("there");
    let source = Source {
        world: world("a"),
        shard: shard(),
    };
    assert_eq!(first.id, message_id(&source, message(1).key));
    assert_eq!(first.subject, "test.eu.eu-central.007.training.workout_shared");
    // Another world that was given the same prefix sees that it is not its stream.
    let other = Nats::connect(settings(&server), world("b")).await;
    let theirs = opened(&other.expect("settings")).await;
    assert_eq!(theirs.tail().await.expect("asked").last, Last::Foreign);
}

/// The broker forgets after a while what it was sent; that a message is not taken twice must not hang on it.
#[tokio::test]
async fn a_message_that_comes_late_is_refused_when_nobody_remembers_its_name_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(server) = server(&dir, "").await else {
        return;
    };
    let client = async_nats::connect(server.address()).await.expect("connects");
    let raw = async_nats::jetstream::new(client);
    let forgetful = async_nats::jetstream::stream::Config {
        name: "test_eu_eu-central_007".into(),
        subjects: vec!["test.eu.eu-central.007.>".into()],
        duplicate_window: Duration::from_millis(100),
        ..Default::default()
    };
    raw.create_stream(forgetful).await.expect("made");
    let nats = connect(settings(&server)).await;
    let channel = opened(&nats).await;
    channel.publish(0, &message(1)).await.expect("taken");
    let first = channel.read(1).await.expect("read").expect("there");
    // Planted: the same message by one who does not say where it belongs. Taken again as soon as its name is forgotten.
    let again = async {
        loop {
            let unfenced = PublishMessage::build().message_id(&first.id);
            let sent = raw.send_publish(first.subject.clone(), unfenced).await;
            if !sent.expect("sent").await.expect("acknowledged").duplicate {
                return;
            }
        }
    };
    tokio::time::timeout(WITHIN, again)
        .await
        .expect("doubled, and seen");
    assert_eq!(channel.tail().await.expect("asked").sequence, 2);
    let late = channel.publish(0, &message(1)).await;
    assert!(matches!(late, Err(BridgeError::OutOfStep { .. })), "{late:?}");
    assert_eq!(channel.tail().await.expect("asked").sequence, 2);
}

#[tokio::test]
async fn what_is_too_large_is_said_to_be_and_stands_there_without_what_it_says() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(server) = server(&dir, "max_payload: 2048").await else {
        return;
    };
    let nats = connect(settings(&server)).await;
    let channel = opened(&nats).await;
    let large = Message {
        payload: vec![b'x'; 4_096].into(),
        ..message(1)
    };
    let refused = channel.publish(0, &large).await;
    let refused = refused.expect_err("larger than the server takes");
    assert!(
        matches!(refused, BridgeError::TooLarge { .. }) && !refused.retryable(),
        "{refused}"
    );
    let named = large.without_payload(Withheld::TooLarge);
    channel.publish(0, &named).await.expect("taken");
    channel.publish(1, &message(2)).await.expect("the next one");
    let there = channel.read(1).await.expect("read").expect("there");
    assert_eq!(there.withheld.as_deref(), Some("too-large"));
    assert!(there.payload.is_empty());
}

#[tokio::test]
async fn a_broker_that_is_away_is_unreachable_and_the_same_connection_finds_it_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(mut server) = server(&dir, "").await else {
        return;
    };
    server.kill().expect("killed");
    let quick = Settings {
        answer_within: Duration::from_millis(500),
        ..settings(&server)
    };
    let nats = connect(quick).await;
    let away = nats.open(&shard()).await.map(drop).expect_err("away");
    assert!(matches!(away, BridgeError::Unreachable { .. }), "{away}");
    server.again().expect("again");
    server.ready(WITHIN).await.expect("up");
    let channel = opened(&nats).await;
    assert_eq!(channel.tail().await.expect("asked").sequence, 0);
}

#[tokio::test]
async fn only_a_broker_of_the_named_authority_is_spoken_to() {
    use platform_runtime::tls::authority::Authority;
    let dir = tempfile::tempdir().expect("a folder");
    platform_runtime::tls::install_ring();
    let issue = |name: &str| {
        let authority = Authority::create(&dir.path().join(name)).expect("an authority");
        let into = dir.path().join(format!("{name}-nats"));
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        authority.issue_public(&names, 1, &into).expect("issued");
        into
    };
    let (own, other) = (issue("own"), issue("other"));
    let tls = format!(
        "tls {{ cert_file: \"{0}/cert.pem\", key_file: \"{0}/key.pem\" }}",
        own.display()
    );
    let Some(server) = server(&dir, &tls).await else {
        return;
    };
    let with = |folder: &std::path::Path| Settings {
        tls: Some(Tls {
            ca: folder.join("ca.pem"),
            own: None,
        }),
        answer_within: Duration::from_secs(2),
        ..settings(&server)
    };
    let stranger = connect(with(&other)).await;
    let refused = stranger
        .open(&shard())
        .await
        .map(drop)
        .expect_err("another authority");
    assert!(matches!(refused, BridgeError::Unreachable { .. }), "{refused}");
    let plain = Settings {
        tls: None,
        ..with(&own)
    };
    let plain = connect(plain).await;
    let trusted = connect(with(&own)).await;
    opened(&trusted).await;
    // A server that asks for TLS gets it, and this client believes no authority but those of the machine.
    assert!(plain.open(&shard()).await.is_err());
    let missing = Settings {
        credentials_file: Some(dir.path().join("nobody.creds")),
        ..with(&own)
    };
    let missing = Nats::connect(missing, world("a"))
        .await
        .map(drop)
        .expect_err("no such file");
    assert!(matches!(missing, BridgeError::Settings { .. }), "{missing}");
}
