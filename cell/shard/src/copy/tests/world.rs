//! Nodes with a copy each, a network between them, and a control plane: the record and the driver of the real one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_store::Store;
use cell_store::memory::Memory;
use control_plane_state::shard_config::{
    Candidate, ConfigCommand, ConfigPlants, ConfigRules, CopyState, Driver, DriverAction, DriverEvent,
    DriverSettings, Law, ProposedChange, ShardConfig, apply,
};
use parking_lot::Mutex;
use platform_model::{NodeId, ReplicaId, ShardId, WorldId};
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::copy::{Change, Control, Copy, CopySettings, FrameKind, Peers, Planted, Standing, Told};
use crate::{Mode, Request, Shard, Tx, TxError, WriteError};

/// Long enough for a machine that builds beside the test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const LEASE_MICROS: u64 = 800_000;

/// What the network does to frames, per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub lost: u64,
    pub doubled: u64,
    pub late: u64,
}

type Sent = (NodeId, NodeId, Bytes);

pub(super) struct Net {
    copies: Mutex<BTreeMap<NodeId, Copy>>,
    cut: Mutex<BTreeSet<(NodeId, NodeId)>>,
    pub weather: Mutex<Weather>,
    dice: AtomicU64,
    pub frames: AtomicU64,
    queue: mpsc::Sender<Sent>,
}

impl Net {
    fn new(tasks: &TaskGroup) -> Arc<Self> {
        let (queue, mut sent) = mpsc::channel::<Sent>(4_096);
        let net = Arc::new(Self {
            copies: Mutex::default(),
            cut: Mutex::default(),
            weather: Mutex::default(),
            dice: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
            frames: AtomicU64::new(0),
            queue,
        });
        let (carrier, group) = (Arc::clone(&net), tasks.clone());
        tasks.spawn("net", async move {
            while let Some(sent) = sent.recv().await {
                carrier.carry(sent, &group);
            }
        });
        net
    }

    fn throw(&self, bound: u64) -> u64 {
        let seen = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        ((seen ^ seen >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) % bound
    }

    fn carry(self: &Arc<Self>, sent: Sent, tasks: &TaskGroup) {
        let weather = *self.weather.lock();
        self.frames.fetch_add(1, Ordering::Relaxed);
        if self.throw(1_000) < weather.lost {
            return;
        }
        if self.throw(1_000) < weather.doubled {
            self.deliver(&sent);
        }
        if self.throw(1_000) < weather.late {
            let (net, delay) = (Arc::clone(self), Duration::from_millis(self.throw(80)));
            tasks.spawn("late frame", async move {
                tokio::time::sleep(delay).await;
                net.deliver(&sent);
            });
        } else {
            self.deliver(&sent);
        }
    }

    fn deliver(&self, (from, to, frame): &Sent) {
        if self.cut.lock().contains(&(from.clone(), to.clone())) {
            return;
        }
        let copy = self.copies.lock().get(to).cloned();
        if let Some(copy) = copy {
            copy.receive(from, frame.clone());
        }
    }
}

struct Port {
    net: Arc<Net>,
    node: NodeId,
    ctl: Arc<Ctl>,
}

impl Peers for Port {
    fn send(&self, to: &NodeId, _: &ShardId, _: FrameKind, frame: Bytes) {
        // A full queue drops.
        let _ = self.net.queue.try_send((self.node.clone(), to.clone(), frame));
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

struct Anywhere;

impl Law for Anywhere {
    fn may_hold(&self, _: &NodeId) -> bool {
        true
    }
}

/// The control plane.
pub(super) struct Ctl {
    told: Mutex<VecDeque<Told>>,
    pub heard: Mutex<Vec<Told>>,
    state: Mutex<(ShardConfig, Driver, u64)>,
    /// Cut off from everybody.
    pub silent: AtomicBool,
    /// Nodes that it does not hear and that do not hear it.
    pub isolated: Mutex<BTreeSet<NodeId>>,
}

impl Ctl {
    pub(super) fn config(&self) -> ShardConfig {
        self.state.lock().0.clone()
    }

    pub(super) fn command(&self, command: ConfigCommand) -> bool {
        let state = &mut *self.state.lock();
        let expected = state.0.generation;
        Self::apply(state, expected, &command)
    }

    fn apply(
        state: &mut (ShardConfig, Driver, u64),
        expected: platform_model::Generation,
        command: &ConfigCommand,
    ) -> bool {
        let rules = ConfigRules {
            law: &Anywhere,
            plants: ConfigPlants::default(),
        };
        state.2 += 1;
        apply(&mut state.0, &rules, expected, state.2, command).is_ok()
    }

    fn turn(&self, net: &Net, clock: &Clock) {
        if self.silent.load(Ordering::Relaxed) {
            return;
        }
        let now = u64::try_from(clock.monotonic().as_micros()).expect("small");
        let asked = clock.monotonic();
        let told: Vec<Told> = self.told.lock().drain(..).collect();
        let isolated = self.isolated.lock().clone();
        let reached = |(node, _): &(&NodeId, &Copy)| !isolated.contains(node);
        let copies = net.copies.lock();
        let copies: Vec<Copy> = copies
            .iter()
            .filter(reached)
            .map(|(_, copy)| copy.clone())
            .collect();
        let mut events: Vec<DriverEvent> = told.iter().filter_map(|told| self.hear(told)).collect();
        self.heard.lock().extend(told);
        for report in copies.iter().filter_map(Copy::report) {
            events.push(DriverEvent::Reported {
                replica: report.replica,
                silent_micros: report.silent_micros,
            });
        }
        events.push(DriverEvent::Tick);
        let route = {
            let state = &mut *self.state.lock();
            for event in events {
                let actions = state.1.step(now, &state.0.clone(), event);
                for action in actions {
                    if let DriverAction::Commit { expected, command } = action {
                        Self::apply(state, expected, &command);
                    }
                }
            }
            state.0.route()
        };
        for copy in copies {
            copy.configure(&route);
            copy.confirmed(asked, route.set.generation);
        }
    }

    fn hear(&self, told: &Told) -> Option<DriverEvent> {
        match *told {
            Told::Proposed(proposal) => {
                let change = match proposal.change {
                    Change::Born => ProposedChange::Born,
                    Change::Complete(replica) => ProposedChange::Complete(replica),
                    Change::Add(replica) => ProposedChange::Add(replica),
                    Change::Drop(replica) => ProposedChange::Drop(replica),
                    Change::Damaged(replica) => ProposedChange::Damaged(replica),
                };
                let command = ConfigCommand::Propose {
                    by: proposal.by,
                    epoch: proposal.epoch,
                    change,
                };
                Self::apply(&mut self.state.lock(), proposal.generation, &command);
                None
            }
            Told::Prepared {
                epoch,
                replica,
                last_epoch,
                last_position,
            } => Some(DriverEvent::Prepared {
                epoch,
                answer: Candidate {
                    replica,
                    epoch: last_epoch,
                    position: last_position,
                },
            }),
            Told::Confirmed {
                generation, replica, ..
            } => Some(DriverEvent::Confirmed {
                generation,
                target: replica,
            }),
            Told::Unusable { replica, .. } => Some(DriverEvent::Unusable {
                replica,
                fresh: fresh(),
            }),
            Told::Erased {
                replica,
                order,
                bytes,
                keys,
            } => {
                self.command(ConfigCommand::Erased {
                    replica,
                    order,
                    bytes,
                    keys,
                });
                None
            }
            _ => None,
        }
    }
}

fn fresh() -> ReplicaId {
    ReplicaId(Uuid::new_v4().as_u128())
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

    pub(super) async fn start(&self, number: u16) -> Copy {
        let node = node(number);
        let store = Arc::clone(&self.nodes.lock().get(&node).expect("a node").store);
        let tasks = self.tasks.child();
        let port = Arc::new(Port {
            net: Arc::clone(&self.net),
            node: node.clone(),
            ctl: Arc::clone(&self.ctl),
        });
        let world = "a".repeat(64).parse::<WorldId>().expect("a world");
        let settings = CopySettings {
            plants: self.plants,
            limits: self.limits,
            export_folder: Some(self.folder.path().join(number.to_string())),
            ..CopySettings::new(shard_id(), world, node.clone())
        };
        let (peers, control): (Arc<dyn Peers>, Arc<dyn Control>) = (port.clone(), port);
        let opened = Copy::open(store, settings, self.clock.clone(), &tasks, peers, control).await;
        let copy = opened.expect("opens");
        self.net.copies.lock().insert(node.clone(), copy.clone());
        if let Some(entry) = self.nodes.lock().get_mut(&node) {
            entry.tasks = Some(tasks);
        }
        copy
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

/// Writes in the mode; tries again, wherever the shard is served, until it is answered.
pub(super) async fn write(
    world: &World,
    key: &str,
    value: &str,
    mode: Mode,
) -> platform_model::EpochPosition {
    let deadline = world.clock.monotonic() + PATIENCE;
    loop {
        let shard = world.serving().await;
        match try_write(&shard, key, value, mode, Duration::from_secs(5)).await {
            Ok(answer) => return answer.position,
            Err(error) => assert!(world.clock.monotonic() < deadline, "never written: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn try_write(
    shard: &Shard,
    key: &str,
    value: &str,
    mode: Mode,
    deadline: Duration,
) -> Result<crate::Answer<()>, WriteError<TxError>> {
    let (key, value) = (key.to_owned(), Bytes::from(value.to_owned()));
    let closure = |tx: Tx| {
        let (key, value) = (key.clone(), value.clone());
        async move { tx.put(key, value) }
    };
    shard.write(&request(mode, deadline), closure).await
}

pub(super) async fn try_read(
    shard: &Shard,
    key: &str,
    deadline: Duration,
) -> Result<Option<Bytes>, WriteError<TxError>> {
    let key = key.to_owned();
    let closure = |tx: Tx| {
        let key = key.clone();
        async move { tx.get(key.as_bytes()).await }
    };
    let answer = shard.read(&request(Mode::Async, deadline), closure).await;
    answer.map(|answer| answer.value)
}

/// Reads, wherever the shard is served, until it is answered.
pub(super) async fn read(world: &World, key: &str) -> Option<Bytes> {
    let deadline = world.clock.monotonic() + PATIENCE;
    loop {
        let shard = world.serving().await;
        match try_read(&shard, key, Duration::from_secs(5)).await {
            Ok(value) => return value,
            Err(error) => assert!(world.clock.monotonic() < deadline, "never read: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn request(mode: Mode, deadline: Duration) -> Request {
    let mut request = crate::tests::request_of(Uuid::new_v4(), 1);
    request.mode = mode;
    request.deadline = deadline;
    request
}
