//! Each sink on the receiving end: what comes, what is sent again, and what a failing receiver holds up.

mod receiving;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use control_plane_ledger::{Chain, Digest, Entry, Head, Record, Verdict};
use control_plane_raft::Recorder;
use parking_lot::Mutex;
use platform_runtime::tls::install_ring;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use receiving::Receiving;

use super::*;
use crate::testing::eventually;

/// A controller's ledger and a place for its cursors.
struct Ledger {
    dir: TempDir,
    store: LedgerStore,
    chain: Chain,
    tasks: TaskGroup,
}

impl Ledger {
    fn new() -> Self {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let store = LedgerStore::open(&dir.path().join("ledger"), &world(), None).expect("opens");
        Self {
            dir,
            store,
            chain: Chain::after(Head::genesis(world().as_str())),
            tasks: TaskGroup::new(),
        }
    }

    fn decide(&mut self, count: u64) {
        let entries: Vec<Entry> = (0..count).map(|n| self.chain.append(record(n))).collect();
        self.store.record(&entries).expect("recorded");
    }

    fn start(&mut self, siem: &Siem) {
        self.tasks = TaskGroup::new();
        let trust_domain = world().trust_domain().to_owned();
        let controller = format!("spiffe://{trust_domain}/region/eu-central/controller/c1");
        let sender = Sender {
            world: world(),
            controller: controller.parse().expect("an id"),
        };
        let (clock, dir) = (Clock::system(), self.dir.path());
        start(siem, dir, &self.store, &sender, &clock, &self.tasks).expect("usable");
    }

    async fn stop(&self) {
        assert!(self.tasks.shutdown(Duration::from_secs(10)).await);
    }

    fn delivered(&self, sink: &str) -> u64 {
        let path = self.dir.path().join(format!("siem-{sink}.cursor"));
        let stored = std::fs::read(path).unwrap_or_default();
        let stored: Value = serde_json::from_slice(&stored).unwrap_or_default();
        stored["delivered"].as_u64().unwrap_or(0)
    }
}

fn world() -> WorldId {
    WorldId::new(&"a".repeat(64)).expect("an id")
}

fn record(n: u64) -> Record {
    Record {
        time_ms: 1_764_097_937_042,
        actor: "spiffe://x/region/eu-central/operator/sre/o1".into(),
        command: "place-shard".into(),
        subject: format!("shard/eu/eu-central/{n:03}"),
        command_digest: Digest::of("c", &n.to_be_bytes()),
        inputs_digest: Digest::of("i", &[]),
        verdict: Verdict::Accepted { table: n },
        reason: String::new(),
        count: 1,
        repeats: 0,
    }
}

fn sequences(events: &[String]) -> Vec<u64> {
    let sequence = |event: &String| {
        let event: Value = serde_json::from_str(event).expect("JSON");
        event["metadata"]["sequence"].as_u64().expect("a number")
    };
    events.iter().map(sequence).collect()
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gets_every_event_once_over_restarts_and_goes_on_after_half_a_line() {
    let mut ledger = Ledger::new();
    let path = ledger.dir.path().join("events.jsonl");
    let mut siem = Siem::default();
    siem.file.path.clone_from(&path);
    ledger.decide(600);
    ledger.start(&siem);
    eventually("all of them", async || {
        (ledger.delivered("file") == 600).then_some(())
    })
    .await;
    assert_eq!(sequences(&lines(&path)), (1..=600).collect::<Vec<_>>());
    ledger.stop().await;
    // Taken away, and a crash has left half a line in the new one.
    std::fs::rename(&path, path.with_extension("taken")).expect("renamed");
    std::fs::write(&path, "{\"half").expect("written");
    ledger.decide(3);
    ledger.start(&siem);
    eventually("the rest", async || {
        (ledger.delivered("file") == 603).then_some(())
    })
    .await;
    ledger.stop().await;
    let lines = lines(&path);
    assert_eq!(lines[0], "{\"half");
    assert_eq!(sequences(&lines[1..]), [601, 602, 603]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_holds_events_up_and_loses_none() {
    let mut ledger = Ledger::new();
    let path = ledger.dir.path().join("events.jsonl");
    let mut siem = Siem::default();
    siem.file.path.clone_from(&path);
    siem.file.max = HumanSize(1_000_000);
    ledger.decide(2_000);
    ledger.start(&siem);
    let mut all = Vec::new();
    eventually("all of them", async || {
        let done = ledger.delivered("file");
        // The last of it may have been taken a moment ago.
        if std::fs::metadata(&path).is_ok_and(|file| file.len() > 500_000 || done == 2_000) {
            let taken = path.with_extension(format!("taken-{done}"));
            std::fs::rename(&path, &taken).ok()?;
        }
        (done == 2_000).then_some(())
    })
    .await;
    ledger.stop().await;
    for entry in std::fs::read_dir(ledger.dir.path()).expect("read") {
        let path = entry.expect("there").path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("events."))
        {
            assert!(std::fs::metadata(&path).expect("there").len() <= 1_000_000);
            all.extend(sequences(&lines(&path)));
        }
    }
    all.sort_unstable();
    assert_eq!(all, (1..=2_000).collect::<Vec<_>>());
}

/// Messages of a stream in octet counting, and what is not whole yet.
fn unframe(stream: &mut Vec<u8>) -> Vec<String> {
    let mut messages = Vec::new();
    while let Some(space) = stream.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&stream[..space])
            .expect("digits")
            .parse()
            .expect("a length");
        let Some(message) = stream.get(space + 1..space + 1 + length) else {
            break;
        };
        messages.push(String::from_utf8(message.to_vec()).expect("text"));
        stream.drain(..=space + length);
    }
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_sends_again_what_a_broken_connection_may_have_lost() {
    let mut ledger = Ledger::new();
    let dir = ledger.dir.path().to_owned();
    let receiving = Receiving::new(&dir).await;
    let siem = Siem {
        syslog: receiving.receiver(&dir),
        ..Siem::default()
    };
    ledger.decide(700);
    ledger.start(&siem);
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let (into, serving) = (Arc::clone(&got), TaskGroup::new());
    serving.spawn("receiver", async move {
        for connection in 0.. {
            let Some(mut stream) = receiving.accept().await else {
                continue;
            };
            let (mut bytes, mut chunk) = (Vec::new(), vec![0; 16_384]);
            while let Ok(1..) = stream
                .read(&mut chunk)
                .await
                .inspect(|count| bytes.extend(&chunk[..*count]))
            {
                into.lock().extend(unframe(&mut bytes));
                if connection < 2 {
                    // Taken, and gone: nobody tells the sender what of it was read.
                    break;
                }
            }
        }
    });
    eventually("all of them", async || {
        (ledger.delivered("syslog") == 700).then_some(())
    })
    .await;
    ledger.stop().await;
    let got = got.lock().clone();
    let json = |message: &String| message[message.find("] {").expect("a body") + 2..].to_owned();
    let mut seen = sequences(&got.iter().map(json).collect::<Vec<_>>());
    assert!(
        got[0].starts_with("<110>1 2025-11-25T19:12:17.042Z c1.aaaaaaaaaaaaaaaa controld - ledger [meta")
    );
    assert!(seen.len() >= 700, "at least once: {}", seen.len());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (1..=700).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_to_a_receiver_that_is_not_the_one() {
    let mut ledger = Ledger::new();
    let dir = ledger.dir.path().to_owned();
    let receiving = Receiving::new(&dir).await;
    let siem = Siem {
        syslog: Receiver {
            server_name: "other.test".into(),
            ..receiving.receiver(&dir)
        },
        ..Siem::default()
    };
    ledger.decide(1);
    ledger.start(&siem);
    for _ in 0..2 {
        assert!(
            receiving.accept().await.is_none(),
            "the handshake fails at the sender"
        );
    }
    ledger.stop().await;
    assert_eq!(ledger.delivered("syslog"), 0);
}

/// Answers one request after the other with these statuses and bodies, and keeps what came.
async fn collect(receiving: &Receiving, answers: &[(&str, &str)]) -> Vec<Value> {
    let mut bodies = Vec::new();
    for (status, answer) in answers {
        let mut stream = receiving.accept().await.expect("a handshake");
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 65_536]);
        let body = loop {
            let count = stream.read(&mut chunk).await.expect("reads");
            bytes.extend(&chunk[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            assert!(head.starts_with("POST /v1/logs HTTP/1.1"), "{head}");
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1).expect("a length");
            let length: usize = length
                .lines()
                .next()
                .expect("a line")
                .trim()
                .parse()
                .expect("a number");
            if body.len() >= length {
                break body.to_owned();
            }
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(answer.as_bytes()).await.expect("answered");
        stream.shutdown().await.expect("closed");
        bodies.push(serde_json::from_str(&body).expect("JSON"));
    }
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otlp_counts_as_delivered_what_the_collector_took() {
    let mut ledger = Ledger::new();
    let dir = ledger.dir.path().to_owned();
    let receiving = Receiving::new(&dir).await;
    let siem = Siem {
        otlp: receiving.receiver(&dir),
        ..Siem::default()
    };
    ledger.decide(3);
    ledger.start(&siem);
    let rejected = r#"{"partialSuccess":{"rejectedLogRecords":"1"}}"#;
    let answers = [("503 Busy", ""), ("200 OK", rejected), ("200 OK", "{}")];
    let bodies = tokio::time::timeout(crate::testing::WITHIN, collect(&receiving, &answers)).await;
    let bodies = bodies.expect("three requests");
    eventually("all of them", async || {
        (ledger.delivered("otlp") == 3).then_some(())
    })
    .await;
    ledger.stop().await;
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "sent again as it was"
    );
    let records = &bodies[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    let records = records.as_array().expect("records");
    let events: Vec<String> = records
        .iter()
        .map(|record| record["body"]["stringValue"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(sequences(&events), [1, 2, 3]);
    assert_eq!(records[0]["timeUnixNano"], "1764097937042000000");
    let resource = bodies[0]["resourceLogs"][0]["resource"]["attributes"].to_string();
    assert!(
        resource.contains("controld") && resource.contains(world().as_str()),
        "{resource}"
    );
}

#[test]
fn a_receiver_whose_certificates_cannot_be_used_is_no_start() {
    install_ring();
    let receiver = Receiver {
        address: "127.0.0.1:1".into(),
        ca_file: "/nowhere/ca.pem".into(),
        ..Receiver::default()
    };
    let error = connect::Connector::new(&receiver).err().expect("no file");
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    let nameless = Receiver {
        address: "nowhere".into(),
        ..Receiver::default()
    };
    assert!(matches!(
        connect::Connector::new(&nameless).err(),
        Some(ConnectError::Name { .. })
    ));
}
