//! Nodes with a copy each, a network between them, and a control plane: the record and the driver of the real one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_store::Store;
use cell_store::memory::Memory;
use control_plane_state::shard_config::{ConfigCommand, CopyState, Driver, DriverSettings, ShardConfig};
use parking_lot::Mutex;
use platform_model::{NodeId, ReplicaId, ShardId, WorldId};
use platform_runtime::{Clock, TaskGroup};

pub(super) use super::ask::{read, request, try_read, try_write, write};
use super::ctl::{Ctl, fresh};
use super::net::Net;
pub(super) use super::net::Weather;
use crate::Shard;
use crate::copy::{Control, Copy, CopySettings, FrameKind, Peers, Planted, Standing, Taking, Told};

/// Long enough for a machine that builds beside the test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const LEASE_MICROS: u64 = 800_000;

struct Port {
    net: Arc<Net>,
    node: NodeId,
    ctl: Arc<Ctl>,
}

impl Peers for Port {
    fn send(&self, to: &NodeId, _: &ShardId, kind: FrameKind, frame: Bytes) {
        // A full queue drops.
        let _ = self
            .net
            .queue
            .try_send((self.node.clone(), to.clone(), kind, frame));
    }
}

impl Control for Port {
    fn tell(&self, _: &ShardId, told: Told) {
        if self.ctl.isolated.lock().contains(&self.node) {
            return;
        }
        let mut inbox = self.ctl.told.lock();
        if inbox.len() < 10_000 {
            inbox.push_back(told);
        }
    }
}

/// One node.
struct Node {
    store: Arc<dyn Store>,
    tasks: Option<TaskGroup>,
}

pub(super) struct World {
    pub net: Arc<Net>,
    pub ctl: Arc<Ctl>,
    pub clock: Clock,
    tasks: TaskGroup,
    nodes: Mutex<BTreeMap<NodeId, Node>>,
    pub plants: Planted,
    pub limits: crate::ShardLimits,
    /// Of copies that are started from here on.
    pub log_kept_elsewhere: AtomicBool,
    pub folder: tempfile::TempDir,
}

pub(super) fn node(number: u16) -> NodeId {
    format!("eu-central-1/{number}").parse().expect("a node")
}

pub(super) fn shard_id() -> ShardId {
    "eu/eu-central/007".parse().expect("a shard")
}

impl World {
    /// A shard with one copy on node 0, serving.
    pub(super) async fn begin() -> Arc<Self> {
        Self::begin_with(Planted::default(), crate::ShardLimits::default(), Memory::new()).await
    }

    pub(super) async fn begin_with(
        plants: Planted,
        limits: crate::ShardLimits,
        store: Arc<dyn Store>,
    ) -> Arc<Self> {
        Self::make(plants, limits, store, false).await
    }

    /// As [`Self::begin`], in a store that other nodes share.
    pub(super) async fn begin_shared(plants: Planted, store: Arc<dyn Store>) -> Arc<Self> {
        Self::make(plants, crate::ShardLimits::default(), store, true).await
    }

    async fn make(
        plants: Planted,
        limits: crate::ShardLimits,
        store: Arc<dyn Store>,
        shared: bool,
    ) -> Arc<Self> {
        let (tasks, clock) = (TaskGroup::new(), Clock::system());
        let settings = DriverSettings {
            listen_micros: 0,
            missing_micros: 800_000,
            prepare_wait_micros: 700_000,
            handover_micros: 5_000_000,
            retry_micros: 100_000,
            abandons: false,
            asks_everyone: false,
        };
        let now = u64::try_from(clock.monotonic().as_micros()).expect("small");
        let config = ShardConfig::new(node(0), fresh(), LEASE_MICROS);
        let ctl = Arc::new(Ctl {
            told: Mutex::default(),
            heard: Mutex::default(),
            state: Mutex::new((config, Driver::new(settings, now), 1)),
            shared: AtomicBool::new(shared),
            silent: AtomicBool::new(false),
            isolated: Mutex::default(),
        });
        let world = Arc::new(Self {
            net: Net::new(&tasks),
            ctl,
            clock,
            tasks,
            nodes: Mutex::default(),
            plants,
            limits,
            log_kept_elsewhere: AtomicBool::new(false),
            folder: tempfile::tempdir().expect("a folder"),
        });
        let (leader, net, clock) = (
            Arc::clone(&world.ctl),
            Arc::clone(&world.net),
            world.clock.clone(),
        );
        world.tasks.spawn("control plane", async move {
            loop {
                leader.turn(&net, &clock);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        world.put_node(0, store).await;
        world.serving().await;
        world
    }

    /// A node with a store, and its copy opened.
    pub(super) async fn put_node(&self, number: u16, store: Arc<dyn Store>) {
        let node = Node { store, tasks: None };
        self.nodes.lock().insert(self::node(number), node);
        self.start(number).await;
    }

    /// A standby on a node of its own, until it is in-sync.
    pub(super) async fn add_standby(&self, number: u16) -> ReplicaId {
        self.add_standby_on(number, Memory::new()).await
    }

    pub(super) async fn add_standby_on(&self, number: u16, store: Arc<dyn Store>) -> ReplicaId {
        self.begin_standby(number, store).await;
        self.in_sync(number).await
    }

    pub(super) async fn begin_standby(&self, number: u16, store: Arc<dyn Store>) {
        self.put_node(number, store).await;
        let command = ConfigCommand::AddCopy {
            node: node(number),
            replica: fresh(),
        };
        self.until("a copy is added", || self.ctl.command(command.clone()))
            .await;
    }

    pub(super) async fn in_sync(&self, number: u16) -> ReplicaId {
        let node = node(number);
        let in_sync = || {
            let config = self.ctl.config();
            let copy = config.standbys.into_iter().find(|copy| copy.node == node);
            copy.filter(|copy| copy.state == CopyState::InSync)
                .map(|copy| copy.replica)
        };
        self.until_some("a standby is in-sync", in_sync).await
    }

    /// What a copy of that node is opened with.
    pub(super) fn port(&self, number: u16) -> (Arc<dyn Peers>, Arc<dyn Control>) {
        let port = Arc::new(Port {
            net: Arc::clone(&self.net),
            node: node(number),
            ctl: Arc::clone(&self.ctl),
        });
        (port.clone(), port)
    }

    pub(super) async fn start(&self, number: u16) -> Copy {
        let node = node(number);
        let store = Arc::clone(&self.nodes.lock().get(&node).expect("a node").store);
        let tasks = self.tasks.child();
        let (peers, control) = self.port(number);
        let world = "a".repeat(64).parse::<WorldId>().expect("a world");
        let settings = CopySettings {
            plants: self.plants,
            limits: self.limits,
            log_kept_elsewhere: self.log_kept_elsewhere.load(Ordering::Relaxed),
            export_folder: Some(self.folder.path().join(number.to_string())),
            taking: self
                .ctl
                .shared
                .load(Ordering::Relaxed)
                .then(|| Taking::of(&self.ctl.config().route(), &node)),
            ..CopySettings::new(shard_id(), world, node.clone())
        };
        let opened = Copy::open(store, settings, self.clock.clone(), &tasks, peers, control).await;
        let copy = match opened {
            Ok(copy) => copy,
            Err(error) => panic!("{error}"),
        };
        self.net.copies.lock().insert(node.clone(), copy.clone());
        if let Some(entry) = self.nodes.lock().get_mut(&node) {
            entry.tasks = Some(tasks);
        }
        copy
    }

    /// The process stands still or is cut off from all but its store: nobody hears it, and it hears of nothing. To whoever
    /// takes over it is as one that was killed, and it gives nothing up.
    pub(super) fn abandon(&self, number: u16) {
        self.ctl.isolated.lock().insert(node(number));
        self.net.copies.lock().remove(&node(number));
    }

    /// Process gone, in the middle of whatever it did.
    pub(super) async fn kill(&self, number: u16) {
        let node = node(number);
        self.net.copies.lock().remove(&node);
        let tasks = self
            .nodes
            .lock()
            .get_mut(&node)
            .and_then(|entry| entry.tasks.take());
        if let Some(tasks) = tasks {
            tasks.shutdown(Duration::ZERO).await;
        }
    }

    pub(super) fn cut(&self, a: u16, b: u16) {
        let mut cut = self.net.cut.lock();
        cut.insert((node(a), node(b)));
        cut.insert((node(b), node(a)));
    }

    pub(super) fn heal(&self) {
        self.net.cut.lock().clear();
    }

    pub(super) fn copy(&self, number: u16) -> Copy {
        self.net
            .copies
            .lock()
            .get(&node(number))
            .cloned()
            .expect("it runs")
    }

    pub(super) fn store(&self, number: u16) -> Arc<dyn Store> {
        Arc::clone(&self.nodes.lock().get(&node(number)).expect("a node").store)
    }

    /// What lies in a node's store of what is copied, as one number.
    pub(super) async fn digest(&self, number: u16) -> u64 {
        let snapshot = self.store(number).snapshot().await.expect("a snapshot");
        let keys = crate::keys::ShardKeys::new(&shard_id());
        let end = crate::copy::pages::end_of_all();
        let digest = crate::copy::verify::digest_of(&*snapshot, &keys, b"", &end).await;
        digest.expect("readable")
    }

    /// Both copies have the same log, and all of it.
    pub(super) async fn level(&self, a: u16, b: u16) {
        let at = |number| {
            self.copy(number)
                .report()
                .map(|report| (report.last, report.chain, report.state))
        };
        self.until("both have all", || {
            let (a, b) = (at(a), at(b));
            let whole = |state| ["serving", "standby"].contains(&state);
            matches!((a, b), (Some(a), Some(b)) if (a.0, a.1) == (b.0, b.1) && whole(a.2) && whole(b.2))
        })
        .await;
    }

    /// Both copies have the same log, and the same rows.
    pub(super) async fn equal(&self, a: u16, b: u16) {
        self.level(a, b).await;
        assert_eq!(self.digest(a).await, self.digest(b).await);
    }

    /// Whoever serves now.
    pub(super) fn server(&self) -> Option<Shard> {
        let copies: Vec<Copy> = self.net.copies.lock().values().cloned().collect();
        copies
            .iter()
            .filter(|copy| copy.standing() == Standing::Serving)
            .find_map(Copy::shard)
    }

    pub(super) async fn serving(&self) -> Shard {
        self.until_some("somebody serves", || self.server()).await
    }

    pub(super) async fn until(&self, what: &str, condition: impl FnMut() -> bool) {
        let mut condition = condition;
        self.until_some(what, || condition().then_some(())).await;
    }

    pub(super) async fn until_some<T>(&self, what: &str, found: impl FnMut() -> Option<T>) -> T {
        let mut found = found;
        let deadline = self.clock.monotonic() + PATIENCE;
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(
                self.clock.monotonic() < deadline,
                "never: {what}: {}",
                self.describe()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn describe(&self) -> String {
        let reports: Vec<_> = self.net.copies.lock().values().map(Copy::report).collect();
        format!("{:?} {reports:?}", self.ctl.config())
    }
}
