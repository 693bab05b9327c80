//! What a simulated world keeps beside its shards when people live in them.

use std::collections::BTreeMap;

use cell_relay::Relay;
use platform_model::Term;

use super::check::God;
use super::driver::Relocations;
use super::judge::What;
use super::messages::{CrossMessage, To};
use super::plant::CrossPlant;
use super::values::{CrossEvent, SHARDS, Shard, USERS, Values, first_home};
use crate::sim::content::KEYS;
use crate::sim::random::Random;

/// Numbers of transactions begin here; below are the clients' operations.
pub(crate) const FIRST_TX: u32 = 1 << 14;
/// A delivery that nobody acknowledges is sent again after so long.
pub(crate) const RETRY_MICROS: u64 = 60_000;

/// What will happen.
#[derive(Debug)]
pub(crate) enum CrossHappening {
    Arrive {
        node: usize,
        shard: Shard,
        message: Box<CrossMessage>,
    },
    ToDriver(Box<CrossMessage>),
    /// People and operators do something.
    Act,
}

/// Said once the position is committed.
#[derive(Debug)]
pub(crate) struct CrossWaiting {
    pub position: u64,
    pub chain: u64,
    pub then: Vec<(To, CrossMessage)>,
}

/// What a node keeps for a shard that it serves, in one term: nothing of it is durable.
#[derive(Debug)]
pub(crate) struct CrossHost {
    pub term: Term,
    pub relay: Relay<CrossEvent>,
    /// Where it believes people to be.
    pub beliefs: BTreeMap<u8, Shard>,
    pub waiting: Vec<CrossWaiting>,
    /// Since when it knows of a claim.
    pub claim_since: BTreeMap<u8, u64>,
}

impl CrossHost {
    pub fn new(term: Term) -> Self {
        Self {
            term,
            relay: Relay::new(RETRY_MICROS),
            beliefs: BTreeMap::new(),
            waiting: Vec::new(),
            claim_since: BTreeMap::new(),
        }
    }
}

/// A transaction that some primary sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged {
    pub what: What,
    /// Rows with what they held and hold.
    pub rows: [(u8, u64, u64); 2],
    pub count: usize,
}

#[derive(Debug)]
pub(crate) struct Cross {
    pub plant: Option<CrossPlant>,
    pub values: Values,
    /// By number, from [`FIRST_TX`].
    pub transactions: Vec<Logged>,
    /// By shard, then node.
    pub hosts: Vec<Vec<CrossHost>>,
    pub lawful: [u8; USERS as usize],
    pub relocations: Relocations,
    pub god: God,
    pub random: Random,
    pub next: u64,
    /// Messages between shards that have not arrived.
    pub under_way: u64,
}

impl Cross {
    pub fn new(seed: u64, nodes: usize, plant: Option<CrossPlant>) -> Self {
        let mut random = Random::new(seed, 31);
        let mut lawful = [0; USERS as usize];
        for user in 0..USERS {
            lawful[usize::from(user)] = 1 << first_home(user);
            for shard in 0..super::values::PEOPLE_SHARDS {
                if random.chance(800) {
                    lawful[usize::from(user)] |= 1 << shard;
                }
            }
        }
        let hosts = || (0..nodes).map(|_| CrossHost::new(Term::default())).collect();
        Self {
            plant,
            values: Values::default(),
            transactions: Vec::new(),
            hosts: (0..SHARDS).map(|_| hosts()).collect(),
            lawful,
            relocations: Relocations::default(),
            god: God::default(),
            random,
            next: 0,
            under_way: 0,
        }
    }

    pub fn has(&self, plant: CrossPlant) -> bool {
        self.plant == Some(plant)
    }

    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn is_lawful(&self, user: u8, shard: Shard) -> bool {
        self.lawful[usize::from(user)] & (1 << shard) != 0
    }

    /// A row of the committed state of a shard.
    pub fn committed(&self, shard: Shard, row: u8) -> u64 {
        self.god.rows[shard][usize::from(row)]
    }
}

/// Rows of every shard.
pub(crate) type AllRows = [[u64; KEYS]; SHARDS];
