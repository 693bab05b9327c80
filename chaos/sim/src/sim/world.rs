//! The simulated world: nodes with clocks and disks, shards with their copies, a control plane, clients, and the queue
//! of what will happen. One seed gives one run, to the byte.

use cell_replica::action::Action;
use cell_replica::{Event, Group, OrderIndex, Plants};
use platform_model::NodeId;

use super::content::SimContent;
use super::coverage::Coverage;
use super::faults::{self, Fault};
use super::guide::Guide;
use super::invariants::Violation;
use super::net::Net;
use super::parts::{Control, Happening, Node, ShardWorld};
use super::plant::SimPlant;
use super::queue::Queue;
use super::random::{Random, mix};
use crate::cross::CrossPlant;
use crate::cross::parts::{Cross, CrossHappening};
use crate::cross::values::SHARDS;

/// The phase of faults is between these, in microseconds.
pub const FAULTS_FROM: u64 = 700_000;
pub const FAULTS_UNTIL: u64 = 3_500_000;
/// Everything is healed here.
pub const HEAL_AT: u64 = 4_200_000;
/// Everything works again within this time after healing.
pub const PROGRESS_BOUND: u64 = 12_000_000;
/// Ticks of a node.
pub const TICK_MICROS: u64 = 20_000;
pub const CONTROL_TICK_MICROS: u64 = 50_000;
/// A client gives up waiting.
pub const CLIENT_PATIENCE_MICROS: u64 = 400_000;
/// Clients of one shard.
pub const CLIENTS: usize = 3;

/// What a run is made from.
#[derive(Debug, Clone)]
pub struct Setting {
    pub seed: u64,
    pub plant: Option<SimPlant>,
    pub trace: bool,
    /// Faults go where few runs were before.
    pub guided: bool,
    /// Whether people live in the shards, with all that crosses them.
    pub crossing: bool,
    /// Instead of the schedule of the seed.
    pub faults: Option<Vec<Fault>>,
}

/// Numbers of a run.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    pub steps: u64,
    pub refused: u64,
    pub operations: u64,
    pub answered: u64,
    pub judged: u64,
    pub entries: u64,
    pub micros: u64,
    pub fingerprint: u64,
    pub epochs: u64,
    pub lost_async: u64,
    /// Faults that took place, by name.
    pub faults: std::collections::BTreeMap<&'static str, u64>,
    /// How often a rare thing took place.
    pub seen: std::collections::BTreeMap<&'static str, u64>,
}

impl Setting {
    /// A seed of the world without people.
    pub fn plain(seed: u64) -> Self {
        Self {
            seed,
            plant: None,
            trace: false,
            guided: false,
            crossing: false,
            faults: None,
        }
    }

    /// A seed of the world with people.
    pub fn crossing(seed: u64) -> Self {
        Self {
            crossing: true,
            ..Self::plain(seed)
        }
    }

    fn cross_plant(&self) -> Option<CrossPlant> {
        match self.plant {
            Some(SimPlant::Cross(plant)) => Some(plant),
            _ => None,
        }
    }

    /// With this bug put in; those of what crosses shards need people.
    pub fn planted(seed: u64, plant: SimPlant) -> Self {
        Self {
            plant: Some(plant),
            crossing: plant.is_crossing(),
            ..Self::plain(seed)
        }
    }
}

pub struct World {
    pub(crate) setting: Setting,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) shards: Vec<ShardWorld>,
    pub(crate) net: Net,
    pub(crate) control: Control,
    /// What is kept for people, where there are any.
    pub(crate) cross: Option<Box<Cross>>,
    pub(crate) random: Random,
    pub(crate) disks: Random,
    pub(crate) asks: Random,
    pub(crate) faults: Vec<Fault>,
    /// Of these, those of the schedule; what they led to comes behind.
    pub(crate) scheduled: usize,
    pub(crate) active: usize,
    /// Whoever comes into this state crashes; and until when.
    pub(crate) trap: Option<(usize, u64)>,
    /// As soon as a copy of this shard is in the making, its primary's volume is gone.
    pub(crate) ambushed: Option<usize>,
    pub(crate) guide: Option<Guide>,
    pub(crate) healed: bool,
    /// Everything works again.
    pub(crate) finished: bool,
    pub(crate) coverage: Coverage,
    pub(crate) numbers: Numbers,
    pub(crate) violation: Option<Violation>,
    pub(crate) lines: Vec<String>,
    pub(crate) spare: Vec<Vec<Action<SimContent>>>,
    pub(crate) prepare_wait_micros: u64,
}

pub(crate) fn node_id(ordinal: usize) -> NodeId {
    NodeId {
        cell: "sim-1".parse().expect("a cell"),
        ordinal: u16::try_from(ordinal).expect("few nodes"),
    }
}

pub(crate) fn group(shard: usize) -> Group {
    Group {
        world: 77,
        shard: shard as u64,
    }
}

impl World {
    pub fn new(setting: Setting) -> Self {
        let seed = setting.seed;
        let mut random = Random::new(seed, 1);
        let node_count = usize::try_from(random.between(3, 5)).expect("few nodes");
        let few = usize::try_from(random.between(1, 2)).expect("few shards");
        let shard_count = if setting.crossing { SHARDS } else { few };
        let lease_micros = 1000 * random.between(120, 400);
        // Often shorter than a lease: the answers wait for the promises, the choice need not.
        let prepare_wait_micros = random.between(30_000, lease_micros * 3 / 2 + 200_000);
        let mut schedule = Random::new(seed, 2);
        let profile = usize::try_from(seed % faults::PROFILES.len() as u64).expect("few profiles");
        let count = u8::try_from(node_count).expect("few nodes");
        let drawn = faults::schedule(&mut schedule, profile, count, FAULTS_FROM, FAULTS_UNTIL);
        let faults = setting.faults.clone().unwrap_or(drawn);
        let shards: Vec<ShardWorld> = (0..shard_count)
            .map(|shard| ShardWorld::new(&mut random, node_count, lease_micros, shard))
            .collect();
        let nodes = (0..node_count)
            .map(|_| Node::new(&mut random, shard_count))
            .collect();
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            nodes,
            net: Net::new(node_count + 1, Random::new(seed, 3)),
            control: Control {
                down_until: 0,
                index: 10,
                next_replica: 100,
                drivers: Vec::new(),
                deposed: Vec::new(),
                truce: None,
            },
            cross: setting
                .crossing
                .then(|| Cross::new(seed, node_count, setting.cross_plant()).into()),
            shards,
            random,
            disks: Random::new(seed, 4),
            asks: Random::new(seed, 5),
            scheduled: faults.len(),
            faults,
            active: 0,
            trap: None,
            ambushed: None,
            guide: setting.guided.then(|| Guide::new(seed)),
            healed: false,
            finished: false,
            coverage: Coverage::default(),
            numbers: Numbers::default(),
            violation: None,
            lines: Vec::new(),
            spare: Vec::new(),
            prepare_wait_micros,
            setting,
        };
        world.begin();
        world
    }

    pub(crate) fn begin(&mut self) {
        self.control.drivers = self.new_drivers();
        for node in 0..self.nodes.len() {
            self.restart(node);
        }
        for shard in 0..self.shards.len() {
            self.publish(shard);
            for client in 0..self.clients() {
                let at = 300_000 + self.asks.below(50_000);
                self.queue.push(at, Happening::Ask { shard, client });
            }
        }
        self.queue.push(1_000, Happening::ControlTick);
        if self.cross.is_some() {
            self.queue.push(300_000, Happening::Cross(CrossHappening::Act));
        }
        for index in 0..self.faults.len() {
            self.queue
                .push(self.faults[index].micros, Happening::FaultBegins(index));
        }
        self.queue.push(HEAL_AT, Happening::Heal);
    }

    /// Runs to the end: everything works again, or something is broken.
    pub fn run(&mut self) {
        while let Some((micros, happening)) = self.queue.pop() {
            self.now = micros;
            self.happen(happening);
            if self.violation.is_some() || self.finished || (self.healed && self.is_over()) {
                break;
            }
        }
        self.numbers.micros = self.now;
        if self.violation.is_none() {
            self.judge_histories();
        }
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        if let Some(node) = happening.node()
            && self.nodes[node].paused_until > self.now
        {
            self.queue.push(self.nodes[node].paused_until, happening);
            return;
        }
        match happening {
            Happening::Frame { node, shard, frame } => self.frame_arrives(node, shard, *frame),
            Happening::Flushed { node, shard, life } => self.flushed(node, shard, life),
            Happening::Tick { node, life } => self.node_ticks(node, life),
            Happening::Own {
                node,
                shard,
                life,
                event,
            } => {
                if self.nodes[node].hosts[shard].life == life {
                    self.drive(node, shard, *event);
                }
            }
            Happening::Order { node, shard, event } => self.order_arrives(node, shard, *event),
            Happening::Configuration { node, shard, config } => {
                self.drive(node, shard, Event::Configured(*config));
            }
            Happening::Ask { shard, client } => self.ask(shard, client),
            Happening::Arrive { node, shard, op } => self.request_arrives(node, shard, op),
            Happening::ReadDone {
                node,
                shard,
                life,
                op,
                stands_on,
            } => self.read_done(node, shard, life, op, stands_on),
            Happening::GiveUp { shard, client, op } => self.give_up(shard, client, op),
            Happening::ToControl { node, shard, message } => self.control_hears(node, shard, *message),
            Happening::Reports { node, life } => self.node_reports(node, life),
            Happening::Commit {
                shard,
                expected,
                command,
            } => self.commit(shard, expected, &command),
            Happening::ControlTick => self.control_ticks(),
            Happening::FaultBegins(index) => self.fault_begins(index),
            Happening::FaultEnds(index) => self.fault_ends(index),
            Happening::Restart { node, shard: None } => self.restart(node),
            Happening::Restart {
                node,
                shard: Some(shard),
            } => self.restart_copy(node, shard),
            Happening::Heal => self.heal(),
            Happening::Probe => self.probe(),
            Happening::Cross(happening) => self.cross_happens(happening),
        }
    }

    /// Ends the run if everything works, or if it does not although the bound is reached.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.now > HEAL_AT + PROGRESS_BOUND {
            self.check_progress();
            return true;
        }
        false
    }

    /// Where people live they are most of the load.
    fn clients(&self) -> usize {
        if self.cross.is_some() { 1 } else { CLIENTS }
    }

    pub(crate) fn violated(&mut self, invariant: &'static str, shard: usize, detail: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation {
                invariant,
                micros: self.now,
                shard,
                detail,
            });
        }
    }

    pub(crate) fn stir(&mut self, value: u64) {
        let fingerprint = &mut self.numbers.fingerprint;
        *fingerprint = mix(*fingerprint ^ value);
    }

    pub(crate) fn see(&mut self, what: &'static str) {
        *self.numbers.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn line(&mut self, text: impl FnOnce() -> String) {
        if self.setting.trace {
            let line = format!("{:>9.3} ms  {}", self.now as f64 / 1000.0, text());
            self.lines.push(line);
        }
    }

    pub(crate) fn replica_plants(&self) -> Plants {
        match self.setting.plant {
            Some(SimPlant::Replica(plant)) => Plants::one(plant),
            _ => Plants::none(),
        }
    }

    pub(crate) fn order(&mut self, node: usize, shard: usize, event: Event<SimContent>) {
        let control = self.nodes.len();
        let (first, second) = self.net.route(control, node);
        // Orders of a leader that is gone, or that lay somewhere, come seconds later.
        let late = self.random.chance(60);
        let extra = if late { self.random.below(2_500_000) } else { 0 };
        if let Some(delay) = first {
            let event = Box::new(event);
            let again = event.clone();
            self.queue
                .push(self.now + delay + extra, Happening::Order { node, shard, event });
            if second.is_some() || late {
                let at = self.now + delay + extra + self.random.below(1_500_000);
                let event = again;
                self.queue.push(at, Happening::Order { node, shard, event });
            }
        }
    }

    pub(crate) fn order_index(&self) -> OrderIndex {
        OrderIndex(self.control.index)
    }
}
