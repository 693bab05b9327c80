//! What would become of every shard if a node, a cell or a region were lost. Touches nothing, and asks nobody.
//!
//! What it says rests on the configurations and the law. Which of several candidates would lead is known only when
//! they have answered; the one named here is one that could.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::State;
use control_plane_state::shard_config::{ConfigPhase, ShardConfig, ShardCopy};
use platform_model::{CellId, HomeId, NodeId, RegionId, ShardId, Survival};

use crate::goal::{self, Seat};
use crate::head_room::{HeadRoom, head_room};
use crate::law;
use crate::observed::Observed;
use crate::place::{Infeasible, Loads, Wanted, best};
use crate::plant::{Planted, planted};

/// What is supposed to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lose {
    Node(NodeId),
    Cell(CellId),
    Region(RegionId),
}

/// The thresholds that an estimate rests on, in milliseconds; and how far an async write may be ahead of the standbys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    pub lease_ms: u64,
    pub report_every_ms: u64,
    pub missing_ms: u64,
    pub tick_ms: u64,
    pub retry_ms: u64,
    pub async_lag_entries: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Those that have a copy in what would be lost.
    pub shards: BTreeMap<ShardId, Fate>,
    pub homes: BTreeMap<HomeId, Toll>,
    /// What would be left to take copies, by region.
    pub head_room: BTreeMap<RegionId, HeadRoom>,
    /// Whether the controllers would still have a majority; `None`: it is not known where they stand.
    pub controllers: Option<bool>,
}

/// What becomes of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub outcome: Outcome,
    pub primary: NodeId,
    /// Longest time without an acknowledged write, by the thresholds; 0 if the primary stays; `None`: until somebody
    /// acts.
    pub rto_ms: Option<u64>,
    pub loss: Loss,
    /// The rules that let the successor lead where it is.
    pub rules: Vec<String>,
    pub goal: Survival,
    pub after: GoalAfter,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The primary stays, a standby is lost.
    ServesOn,
    FailsOver {
        to: NodeId,
    },
    /// Copies are left, and none that could lead without loss and lawfully: the shard waits.
    Stops(Stopped),
    /// No copy is left.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// No copy that is left was in sync.
    NobodyInSync,
    /// The law lets none of those in sync lead where it is.
    NobodyLawful,
    /// The controllers have no majority: nobody promotes.
    NoControllers,
    /// The first primary had not formed.
    Unborn,
}

/// What of the acknowledged writes is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    None,
    /// Of sync domains nothing, of async ones no more than so many entries.
    Async {
        entries_max: u64,
    },
    /// Nothing if what is gone comes back; otherwise what the copies that are left have not.
    Unknown,
    Everything,
}

/// Whether the home's goal would be met afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoalAfter {
    Met,
    /// Once a standby was made there.
    AfterRepair {
        on: NodeId,
    },
    Infeasible(Infeasible),
    /// As long as nobody leads, nothing is copied.
    Waits,
}

/// Shards of a home, by what becomes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toll {
    pub shards: usize,
    pub serve_on: usize,
    pub fail_over: usize,
    pub stop: usize,
    pub lost: usize,
}

/// What would become of every shard.
pub fn simulate(state: &State, observed: &Observed, lose: &Lose, thresholds: &Thresholds) -> Simulation {
    let lost = |node: &NodeId| is_lost(state, lose, node);
    let gone = |node: &NodeId| lost(node) || observed.silent.contains(node);
    let controllers = controllers(observed, lose);
    let loads = Loads::of(state);
    let silent: BTreeSet<NodeId> = state.nodes.keys().filter(|node| gone(node)).cloned().collect();
    let after = Observed {
        silent,
        ..observed.clone()
    };
    let world = World {
        state,
        after: &after,
        loads: &loads,
        thresholds,
        controllers,
    };
    let mut homes: BTreeMap<HomeId, Toll> = BTreeMap::new();
    let mut shards = BTreeMap::new();
    for (shard, record) in &state.shards {
        let Some(config) = &record.config else { continue };
        let concerned = config.copies().any(|copy| lost(&copy.node));
        let fate = concerned.then(|| world.fate(shard, config));
        if let Some(home) = shard.home() {
            homes.entry(home.clone()).or_default().count(fate.as_ref());
        }
        if let Some(fate) = fate {
            shards.insert(shard.clone(), fate);
        }
    }
    Simulation {
        shards,
        homes,
        head_room: head_room(state, gone),
        controllers,
    }
}

/// Whether a node goes with what is lost.
pub fn is_lost(state: &State, lose: &Lose, node: &NodeId) -> bool {
    match lose {
        Lose::Node(lost) => node == lost,
        Lose::Cell(cell) => node.cell == *cell,
        Lose::Region(region) => state
            .cells
            .get(&node.cell)
            .is_some_and(|cell| cell.region == *region),
    }
}

fn controllers(observed: &Observed, lose: &Lose) -> Option<bool> {
    let all = observed.controllers.len();
    let gone = match lose {
        Lose::Region(region) => observed
            .controllers
            .iter()
            .filter(|other| *other == region)
            .count(),
        Lose::Node(_) | Lose::Cell(_) => 0,
    };
    (all > 0).then(|| (all - gone) * 2 > all)
}

/// The world after the loss.
struct World<'a> {
    state: &'a State,
    after: &'a Observed,
    loads: &'a Loads,
    thresholds: &'a Thresholds,
    controllers: Option<bool>,
}

impl World<'_> {
    fn gone(&self, copy: &ShardCopy) -> bool {
        self.after.silent.contains(&copy.node)
    }

    fn fate(&self, shard: &ShardId, config: &ShardConfig) -> Fate {
        let (outcome, rules) = self.outcome(shard, config);
        let (rto_ms, loss) = match &outcome {
            Outcome::ServesOn => (Some(0), Loss::None),
            Outcome::FailsOver { .. } => (Some(self.rto_ms(config)), self.async_loss()),
            Outcome::Stops(Stopped::NoControllers) => (None, self.async_loss()),
            Outcome::Stops(_) => (None, Loss::Unknown),
            Outcome::Lost => (None, Loss::Everything),
        };
        let goal = goal::of_shard(self.state, shard);
        Fate {
            primary: config.primary.node.clone(),
            rto_ms,
            loss,
            rules,
            goal,
            after: self.goal_after(shard, config, goal, &outcome),
            outcome,
        }
    }

    /// What happens, and which rules let the successor lead.
    fn outcome(&self, shard: &ShardId, config: &ShardConfig) -> (Outcome, Vec<String>) {
        if !self.gone(&config.primary) {
            return (Outcome::ServesOn, Vec::new());
        }
        if config.copies().all(|copy| self.gone(copy)) {
            return (Outcome::Lost, Vec::new());
        }
        let stops = |why| (Outcome::Stops(why), Vec::new());
        if config.unborn {
            return stops(Stopped::Unborn);
        }
        let in_sync: Vec<&ShardCopy> = config.candidates().filter(|copy| !self.gone(copy)).collect();
        if in_sync.is_empty() {
            return stops(Stopped::NobodyInSync);
        }
        let may_lead = |copy: &&ShardCopy| {
            let region = Seat::of(self.state, &copy.node)?.region;
            let rules = match law::may_lead(self.state, shard, region) {
                Err(_) if planted(Planted::AnybodyLeads) => Vec::new(),
                rules => rules.ok()?,
            };
            Some((copy.node.clone(), rules))
        };
        let Some((to, rules)) = in_sync.iter().find_map(may_lead) else {
            return stops(Stopped::NobodyLawful);
        };
        if self.controllers == Some(false) {
            return stops(Stopped::NoControllers);
        }
        (Outcome::FailsOver { to }, rules)
    }

    /// The primary is missing and its standby has heard nothing for a lease, whichever is later; a report says so, the
    /// leader sees it at its next look, and what was ordered is asked again once. By then the promises have run out.
    fn rto_ms(&self, config: &ShardConfig) -> u64 {
        let thresholds = self.thresholds;
        let lease_ms = config.lease_micros.div_ceil(1_000).max(thresholds.lease_ms);
        let seen_ms = thresholds.missing_ms.max(lease_ms) + thresholds.report_every_ms;
        seen_ms + thresholds.tick_ms + thresholds.retry_ms
    }

    fn async_loss(&self) -> Loss {
        Loss::Async {
            entries_max: self.thresholds.async_lag_entries,
        }
    }

    fn goal_after(
        &self,
        shard: &ShardId,
        config: &ShardConfig,
        goal: Survival,
        outcome: &Outcome,
    ) -> GoalAfter {
        let config = match outcome {
            Outcome::ServesOn => config.clone(),
            Outcome::FailsOver { to } => led_by(config, to),
            Outcome::Stops(_) | Outcome::Lost => return GoalAfter::Waits,
        };
        if goal::is_met(self.state, &self.after.silent, shard, &config, goal) {
            return GoalAfter::Met;
        }
        let wanted = Wanted {
            shard,
            config: &config,
            goal,
        };
        match best(self.state, self.after, self.loads, &wanted) {
            Ok(on) => GoalAfter::AfterRepair { on },
            Err(infeasible) => GoalAfter::Infeasible(infeasible),
        }
    }
}

/// The configuration as it is once `node` leads.
fn led_by(config: &ShardConfig, node: &NodeId) -> ShardConfig {
    let mut copies: Vec<ShardCopy> = config.copies().cloned().collect();
    let mut led = config.clone();
    if let Some(index) = copies.iter().position(|copy| copy.node == *node) {
        led.primary = copies.remove(index);
        led.standbys = copies;
        led.phase = ConfigPhase::Steady;
    }
    led
}

impl Toll {
    fn count(&mut self, fate: Option<&Fate>) {
        self.shards += 1;
        match fate.map(|fate| &fate.outcome) {
            None => {}
            Some(Outcome::ServesOn) => self.serve_on += 1,
            Some(Outcome::FailsOver { .. }) => self.fail_over += 1,
            Some(Outcome::Stops(_)) => self.stop += 1,
            Some(Outcome::Lost) => self.lost += 1,
        }
    }
}

impl Outcome {
    /// Its name, as people see it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ServesOn => "serves-on",
            Self::FailsOver { .. } => "fails-over",
            Self::Stops(_) => "stops",
            Self::Lost => "lost",
        }
    }
}

impl Stopped {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NobodyInSync => "no copy that is left was in sync",
            Self::NobodyLawful => "the law lets no copy that is left lead where it is",
            Self::NoControllers => "the controllers have no majority",
            Self::Unborn => "its first primary had not formed",
        }
    }
}
