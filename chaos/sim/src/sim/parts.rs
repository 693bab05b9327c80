//! What the simulated world is made of, and what happens in it.

use cell_replica::action::Action;
use cell_replica::{Configuration, Event, Frame, Replica};
use control_plane_state::shard_config::{ConfigCommand, Driver, ShardConfig};
use platform_model::{Generation, ReplicaId, Term};

use super::clients::{Client, Op, Waiting};
use super::content::{KEYS, SimContent};
use super::disk::{Disk, Image, Writer};
use super::oracle::Oracle;
use super::random::Random;
use super::world::{CLIENTS, node_id};
use crate::cross::parts::CrossHappening;

/// What will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Frame {
        node: usize,
        shard: usize,
        frame: Box<Frame<SimContent>>,
    },
    Flushed {
        node: usize,
        shard: usize,
        life: u32,
    },
    Tick {
        node: usize,
        life: u32,
    },
    Own {
        node: usize,
        shard: usize,
        life: u32,
        event: Box<Event<SimContent>>,
    },
    Order {
        node: usize,
        shard: usize,
        event: Box<Event<SimContent>>,
    },
    Configuration {
        node: usize,
        shard: usize,
        config: Box<Configuration>,
    },
    Ask {
        shard: usize,
        client: usize,
    },
    Arrive {
        node: usize,
        shard: usize,
        op: u32,
    },
    ReadDone {
        node: usize,
        shard: usize,
        life: u32,
        op: u32,
        stands_on: (u64, u64),
    },
    GiveUp {
        shard: usize,
        client: usize,
        op: u32,
    },
    ToControl {
        node: usize,
        shard: usize,
        message: Box<Action<SimContent>>,
    },
    Reports {
        node: usize,
        life: u32,
    },
    Commit {
        shard: usize,
        expected: Generation,
        command: Box<ConfigCommand>,
    },
    ControlTick,
    FaultBegins(usize),
    FaultEnds(usize),
    Restart {
        node: usize,
        shard: Option<usize>,
    },
    Heal,
    Probe,
    /// Of people and what crosses shards.
    Cross(CrossHappening),
}

impl Happening {
    /// The node that must be running for this to happen; what comes from outside waits in its sockets.
    pub(crate) fn node(&self) -> Option<usize> {
        match self {
            Self::Frame { node, .. }
            | Self::Flushed { node, .. }
            | Self::Tick { node, .. }
            | Self::Own { node, .. }
            | Self::Order { node, .. }
            | Self::Configuration { node, .. }
            | Self::Arrive { node, .. }
            | Self::ReadDone { node, .. }
            | Self::Reports { node, .. }
            | Self::Cross(CrossHappening::Arrive { node, .. }) => Some(*node),
            _ => None,
        }
    }
}

/// One copy on one node, with what the host keeps for it.
#[derive(Debug)]
pub(crate) struct Host {
    pub replica: Option<Replica<SimContent>>,
    pub disk: Disk,
    /// A disk image of some time ago.
    pub old: Option<Box<Image>>,
    /// Rows after the last sealed entry, while it leads.
    pub rows: [u64; KEYS],
    pub writers: [Writer; KEYS],
    /// Of the last sealed entry, while it leads.
    pub time: u64,
    pub waiting: Vec<Waiting>,
    /// Its stored rows were changed on purpose: they are not compared.
    pub flipped: Option<ReplicaId>,
    /// The newest term here that was judged when it could first answer.
    pub judged: Option<Term>,
    pub life: u32,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub up: bool,
    pub life: u32,
    pub paused_until: u64,
    /// Its clock runs so many parts in a million fast or slow.
    pub rate_ppm: i64,
    pub offset: u64,
    /// Its wall clock: how fast, and how far from the time of the simulation, in microseconds.
    pub wall_ppm: i64,
    pub wall_offset: u64,
    /// Time that a clock does not count that stops in suspend.
    pub suspended: u64,
    /// Such a clock stands since then.
    pub suspended_from: Option<u64>,
    pub slow_until: u64,
    pub full_until: u64,
    pub hosts: Vec<Host>,
}

impl Node {
    pub(crate) fn new(random: &mut Random, shards: usize) -> Self {
        let host = |_| Host {
            replica: None,
            disk: Disk::default(),
            old: None,
            rows: [0; KEYS],
            writers: [Writer::default(); KEYS],
            time: 0,
            waiting: Vec::new(),
            flipped: None,
            judged: None,
            life: 0,
        };
        Self {
            up: false,
            life: 0,
            paused_until: 0,
            rate_ppm: i64::try_from(random.below(19_000)).expect("small") - 9_500,
            offset: random.below(1_000_000_000),
            wall_ppm: i64::try_from(random.below(1_000)).expect("small") - 500,
            wall_offset: 86_400_000_000 + random.below(1_000_000),
            suspended: 0,
            suspended_from: None,
            slow_until: 0,
            full_until: 0,
            hosts: (0..shards).map(host).collect(),
        }
    }
}

/// One shard.
pub(crate) struct ShardWorld {
    pub config: ShardConfig,
    /// Nodes where the law permits a copy, as a mask.
    pub lawful: u16,
    pub copies_wanted: usize,
    pub async_per_mille: u64,
    pub oracle: Oracle,
    pub ops: Vec<Op>,
    pub clients: [Client; CLIENTS],
    /// A sync write that was asked for after healing was answered.
    pub answered_after_heal: bool,
    /// Copies whose disk is gone.
    pub lost: Vec<ReplicaId>,
    /// Copies whose data a primary has found to differ.
    pub found_damaged: Vec<ReplicaId>,
}

impl ShardWorld {
    pub(crate) fn new(random: &mut Random, nodes: usize, lease_micros: u64, shard: usize) -> Self {
        let first = random.pick(nodes);
        let copies_wanted = match random.below(10) {
            0..=3 => 2,
            4..=7 => 3,
            _ => nodes,
        };
        let mut lawful = 1u16 << first;
        while lawful.count_ones() < u32::try_from(copies_wanted).expect("few") {
            lawful |= 1 << random.pick(nodes);
        }
        // Most shards may lie on one node more than they need.
        if random.chance(600) {
            lawful |= 1 << random.pick(nodes);
        }
        let replica = ReplicaId(shard as u128 + 1);
        Self {
            config: ShardConfig::new(node_id(first), replica, lease_micros),
            lawful,
            copies_wanted,
            async_per_mille: if random.chance(650) { 0 } else { 400 },
            oracle: Oracle::default(),
            ops: Vec::new(),
            clients: [Client::default(); CLIENTS],
            answered_after_heal: false,
            lost: Vec::new(),
            found_damaged: Vec::new(),
        }
    }
}

pub(crate) struct Control {
    pub down_until: u64,
    pub index: u64,
    pub next_replica: u128,
    pub drivers: Vec<Driver>,
    /// Controllers that do not know yet that they lead no more, with what they know.
    pub deposed: Vec<(u64, Vec<Driver>, Vec<ShardConfig>)>,
    /// While a copy is secretly damaged nothing else goes wrong: that would be two failures.
    pub truce: Option<(usize, ReplicaId)>,
}
