//! `kill -9` of a process that takes proposals: this test binary, started again as its own victim.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use platform_model::WorldId;
use platform_runtime::tls::{Identity, install_ring};
use platform_runtime::{Clock, TaskGroup};

use super::world::{World, until};
use super::{Add, Register};
use crate::config::RaftConfig;
use crate::node::Node;
use crate::status::Part;

const VICTIM: &str = "tests::crash::victim";
const DATA_DIR: &str = "RAFT_TEST_DATA_DIR";
const IDENTITY_DIR: &str = "RAFT_TEST_IDENTITY_DIR";
const WORLD: &str = "RAFT_TEST_WORLD";
/// Acknowledgements that are read before the kill.
const ACKNOWLEDGED: usize = 40;
/// Proposals at once.
const CLIENTS: u64 = 8;

/// Does nothing unless it was started as the victim; then it never ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let (Ok(data_dir), Ok(identity), Ok(world)) = (
        std::env::var(DATA_DIR),
        std::env::var(IDENTITY_DIR),
        std::env::var(WORLD),
    ) else {
        return;
    };
    install_ring();
    let world = WorldId::new(&world).unwrap();
    let identity = Identity::load(&PathBuf::from(identity), &world).unwrap();
    let config = RaftConfig::new(1, world, PathBuf::from(data_dir));
    let tasks = TaskGroup::new();
    let node = Node::start_machine(config, Register, identity, Clock::system(), &tasks)
        .await
        .unwrap();
    node.initialize(BTreeMap::from([(1, "127.0.0.1:1".to_owned())]))
        .await
        .unwrap();
    until(&node, |s| s.part == Part::Leader).await;
    let clients = (0..CLIENTS).map(|client| {
        let node = node.clone();
        async move {
            for round in 0.. {
                let id = round * CLIENTS + client;
                node.propose(Add { id, by: 1 }).await.unwrap();
                println!("\nacknowledged {id}");
            }
        }
    });
    futures::future::join_all(clients).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_keeps_what_it_acknowledged() {
    let mut world = World::new().await;
    world.controller(1);
    let identity_dir = std::fs::read_dir(world.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let identity_dir = identity_dir
        .into_iter()
        .find(|path| path.to_string_lossy().contains("identity-"))
        .unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([VICTIM, "--exact", "--nocapture"])
        .env(DATA_DIR, world.data_dir(1))
        .env(IDENTITY_DIR, identity_dir)
        .env(WORLD, world.id().as_str())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let acknowledged = tokio::task::spawn_blocking(move || {
        let mut acknowledged = BTreeSet::new();
        for line in output.lines() {
            let id = line
                .unwrap()
                .strip_prefix("acknowledged ")
                .and_then(|id| id.parse::<u64>().ok());
            acknowledged.extend(id);
            if acknowledged.len() == ACKNOWLEDGED {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        acknowledged
    })
    .await
    .unwrap();
    assert!(
        acknowledged.len() >= ACKNOWLEDGED,
        "the victim ended early: {acknowledged:?}"
    );

    world.start(1).await;
    until(world.node(1), |s| s.part == Part::Leader).await;
    let state = world.node(1).read_linearizable().await.unwrap();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !state.times.contains_key(id))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(state.times.values().all(|times| *times == 1));
}
