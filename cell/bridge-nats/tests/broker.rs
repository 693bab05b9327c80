//! The broker on a real server: what it takes, what it does not, over its own death.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::time::Duration;

use cell_bridge_nats::server::{NatsServer, program};
use cell_bridge_nats::{BridgeError, Broker, Channel, Last, Message, Nats, Settings, Tls, message_id};
use cell_relay::EventKey;
use platform_model::{Epoch, EpochPosition, Position, ShardId};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(120);

fn shard() -> ShardId {
    "eu/eu-central/007".parse().expect("a shard")
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
    }
}

fn settings(server: &NatsServer) -> Settings {
    Settings {
        servers: vec![server.address()],
        tls: None,
        credentials_file: None,
        prefix: "test".into(),
        replicas: 1,
        keep: Duration::from_secs(3_600),
        answer_within: Duration::from_secs(10),
    }
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

async fn opened(nats: &Nats) -> Box<dyn Channel> {
    let open = async {
        loop {
            match nats.open(&shard()).await {
                Ok(channel) => return channel,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
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
    let nats = Nats::connect(settings(&server)).await.expect("settings");
    let channel = opened(&nats).await;
    assert_eq!(channel.tail().await.expect("asked").last, Last::Nothing);
    let many: Vec<Message> = (1..=300).map(message).collect();
    channel.publish(0, &many).await.expect("taken");
    // Late, twice, or from a node that leads no more.
    let late = channel.publish(299, &[message(300), message(301)]).await;
    assert!(
        matches!(late, Err(BridgeError::OutOfStep { .. })) || late.is_ok(),
        "{late:?}"
    );
    let tail = channel.tail().await.expect("asked");
    let behind = channel.publish(7, &[message(999)]).await;
    assert!(matches!(behind, Err(BridgeError::OutOfStep { .. })), "{behind:?}");
    let ahead = channel.publish(tail.sequence + 1, &[message(999)]).await;
    assert!(matches!(ahead, Err(BridgeError::OutOfStep { .. })), "{ahead:?}");
    assert_eq!(channel.tail().await.expect("asked"), tail);
    server.kill().expect("killed");
    server.again().expect("again");
    server.ready(WITHIN).await.expect("up");
    let channel = opened(&nats).await;
    assert_eq!(channel.tail().await.expect("asked"), tail, "after SIGKILL");
    channel
        .publish(tail.sequence, &[message(500)])
        .await
        .expect("taken");
    let expected: Vec<String> = (1..=tail.sequence)
        .map(|n| n.to_string())
        .chain(["500".into()])
        .collect();
    assert_eq!(payloads(&*channel).await, expected);
    let first = channel.read(1).await.expect("read").expect("there");
    assert_eq!(first.id, message_id(&shard(), message(1).key));
    assert_eq!(first.subject, "test.eu.eu-central.007.training.workout_shared");
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
    let nats = Nats::connect(quick).await.expect("it is waited for");
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
    let stranger = Nats::connect(with(&other)).await.expect("settings");
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
    let plain = Nats::connect(plain).await.expect("settings");
    let trusted = Nats::connect(with(&own)).await.expect("settings");
    opened(&trusted).await;
    // A server that asks for TLS gets it, and this client believes no authority but those of the machine.
    assert!(plain.open(&shard()).await.is_err());
    let missing = Settings {
        credentials_file: Some(dir.path().join("nobody.creds")),
        ..with(&own)
    };
    let missing = Nats::connect(missing).await.map(drop).expect_err("no such file");
    assert!(matches!(missing, BridgeError::Settings { .. }), "{missing}");
}
