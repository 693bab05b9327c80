//! The leader's memory of all shards, and what it makes of it. Pure: the time, the state and the reports come in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use control_plane_state::shard_config::{
    ConfigCommand, ConfigPhase, CopyState, DriverAction, DriverEvent, DriverSettings, ShardConfig,
};
use control_plane_state::{Command, State};
use platform_model::thresholds::{
    HANDOVER_MS, LISTEN_MS, MISSING_MS, PREPARE_WAIT_MS, REPAIR_AFTER_MS, RETRY_MS,
};
use platform_model::{CellId, NodeId, ReplicaId, ShardId};
use platform_wire::replicas::ReplicasReport;

use super::act::{Act, By};
use super::operate::{NO_OPERATION, Operations, failover_asked, newest_operations};
use super::recovering::{Told, begins_another};
use super::reports::{NodesHeard, Said, lists_copies};
use super::silence::{self, Silence};
use super::takeover::Evenness;
use super::told::{self, Heard, Teller};
use super::watched::Watched;

/// A command without an outcome for so long is given up: whatever comes of it, the state will show.
const BUSY_MICROS_MAX: u64 = 10_000_000;

pub(super) const SETTINGS: DriverSettings = DriverSettings {
    listen_micros: LISTEN_MS * 1_000,
    missing_micros: MISSING_MS * 1_000,
    prepare_wait_micros: PREPARE_WAIT_MS * 1_000,
    handover_micros: HANDOVER_MS * 1_000,
    retry_micros: RETRY_MS * 1_000,
    abandons: false,
    asks_everyone: false,
};

/// A moment of the controller's monotonic clock.
pub fn micros(monotonic: Duration) -> u64 {
    u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX)
}

/// What whoever leads knows, for as long as it leads.
pub struct Leader {
    /// Since when it leads.
    since_micros: u64,
    pub(super) heard: NodesHeard,
    pub(super) shards: BTreeMap<ShardId, Watched>,
    pub(super) operations: Operations,
    pub(super) repaired_micros: u64,
    /// Of cells whose nodes share a store.
    pub(super) evenness: BTreeMap<CellId, Evenness>,
    /// Shards in which something is under way, as the state says.
    under_way: BTreeSet<ShardId>,
    /// Shards of which a standby that could lead has not heard its primary for a lease.
    silent: BTreeSet<ShardId>,
    /// Nodes that hold copies.
    pub(super) holders: BTreeSet<NodeId>,
    silence: Silence,
    /// Of a recovered world: what nodes told of it.
    pub(super) told: Told,
    pub(super) recovering: bool,
    /// Until when no change of primary begins or ends: the table has gone out only just now, or will.
    pub(super) rests_until: u64,
    /// New names of copies: each is drawn once.
    pub(super) fresh: fn() -> ReplicaId,
}

impl Leader {
    /// A leader that has heard nothing yet.
    pub fn new(now_micros: u64, fresh: fn() -> ReplicaId) -> Self {
        Self {
            since_micros: now_micros,
            heard: NodesHeard::default(),
            shards: BTreeMap::new(),
            operations: Operations::new(),
            repaired_micros: now_micros,
            evenness: BTreeMap::new(),
            under_way: BTreeSet::new(),
            silent: BTreeSet::new(),
            holders: BTreeSet::new(),
            silence: Silence::default(),
            told: Told::default(),
            recovering: false,
            rests_until: 0,
            fresh,
        }
    }

    /// Takes a report of a node that has registered.
    pub fn hear(&mut self, now_micros: u64, state: &State, report: &ReplicasReport) -> Vec<Act> {
        let said = Said {
            incarnation: report.incarnation,
            leaving: report.leaving,
            free_bytes: report.free_bytes,
            lists: lists_copies(report),
        };
        if !self.heard.hear(now_micros, &report.node, said) {
            return Vec::new();
        }
        self.note_told(state, report);
        let mut acts = self.adopt(now_micros, state);
        acts.extend(self.hear_copies(now_micros, state, report));
        for (shard, told) in &report.told {
            let Some(config) = config_of(state, shard) else {
                continue;
            };
            let spared = config.primary.replica != told.replica() && !self.serves(now_micros, shard, config);
            let teller = Teller {
                node: &report.node,
                now_micros,
                leads: config.primary.node == report.node,
                may_repair: self.may_begin(state) && !spared,
                fresh: (self.fresh)(),
            };
            let watched = self.watched(shard);
            match told::hear(&teller, shard, config, watched, *told) {
                Heard::Noted => {}
                Heard::Ignored => {
                    metrics::counter!("controld_copies_told_ignored_total").increment(1);
                }
                Heard::Act(act) => acts.extend(self.give(now_micros, *act)),
                Heard::Event(event) => acts.extend(self.drive(now_micros, state, shard, event)),
            }
        }
        if report.leaving && self.may_begin(state) {
            acts.extend(self.relieve_leaving(now_micros, state, &report.node));
        }
        acts
    }

    /// How copies stand. Where one has heard nobody serve it is looked at at once.
    fn hear_copies(&mut self, now_micros: u64, state: &State, report: &ReplicasReport) -> Vec<Act> {
        let mut due = Vec::new();
        for copy in &report.copies {
            let Some(config) = config_of(state, &copy.shard) else {
                continue;
            };
            let stands = |named: &control_plane_state::shard_config::ShardCopy| {
                named.replica == copy.replica && named.node == report.node
            };
            if !config.copies().any(stands) {
                continue;
            }
            let event = DriverEvent::Reported {
                replica: copy.replica,
                silent_micros: copy.silent_micros,
            };
            self.note_silence(config, &copy.shard, copy.replica, copy.silent_micros);
            if self.silent.contains(&copy.shard) {
                due.push(&copy.shard);
            }
            let watched = self.watched(&copy.shard);
            watched.see(now_micros, copy.clone());
            watched.driver.step(now_micros, config, event);
        }
        if !due.is_empty() {
            self.judge_silence(now_micros);
        }
        let drive = |shard| self.drive(now_micros, state, shard, DriverEvent::Tick);
        due.into_iter().flat_map(drive).collect()
    }

    /// What is due now.
    pub fn tick(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        self.judge_silence(now_micros);
        self.rests(now_micros);
        let mut acts = self.adopt(now_micros, state);
        acts.extend(self.take_over(now_micros, state));
        let due: Vec<ShardId> = self.under_way.union(&self.silent).cloned().collect();
        for shard in due {
            acts.extend(self.drive(now_micros, state, &shard, DriverEvent::Tick));
        }
        acts
    }

    /// Looks a state over that has changed: which shards have something under way, which copies are named.
    pub fn look_over(&mut self, state: &State) {
        self.under_way.clear();
        self.recovering = !state.is_recovered();
        let unsure = u32::try_from(state.recovery.unsure.len()).unwrap_or(u32::MAX);
        metrics::gauge!("controld_recovery_unsure_shards").set(f64::from(unsure));
        metrics::gauge!("controld_erased_list_filled").set(state.erased_list_filled());
        let newest = newest_operations(state);
        for (shard, record) in &state.shards {
            let Some(config) = &record.config else { continue };
            if config.phase != ConfigPhase::Steady {
                self.under_way.insert(shard.clone());
            }
            if let Some(watched) = self.shards.get_mut(shard) {
                watched.keep_to(config);
                watched.keep_to_operation(newest.get(shard).copied().unwrap_or(NO_OPERATION));
            }
        }
        self.shards.retain(|shard, _| state.shards.contains_key(shard));
        self.silent.retain(|shard| state.shards.contains_key(shard));
        self.heard.keep(|node| state.nodes.contains_key(node));
        self.holders = silence::holders(state);
    }

    /// Whether too many nodes are silent at once; said when it changes.
    fn judge_silence(&mut self, now_micros: u64) {
        if !self.has_listened(now_micros) {
            return;
        }
        let silence = Silence::of(&self.holders, &self.heard, now_micros, MISSING_MS * 1_000);
        let (before, now) = (self.silence.is_too_much(), silence.is_too_much());
        if now && !before {
            let (silent, holders) = (silence.silent.len(), silence.holders);
            tracing::error!(
                silent,
                holders,
                "too many nodes are silent at once: nothing is begun by itself but takeovers in a shared store"
            );
        } else if before && !now {
            tracing::warn!("enough nodes are heard again: automation goes on");
        }
        metrics::gauge!("controld_automation_stopped").set(if now { 1.0 } else { 0.0 });
        self.silence = silence;
    }

    /// A command for the shard has an outcome.
    pub fn settled(&mut self, shard: &ShardId) {
        if let Some(watched) = self.shards.get_mut(shard) {
            watched.busy_since_micros = None;
        }
    }

    /// Takes out what nodes ask for: they ask again, and by then it is known what they were granted before.
    pub fn put_off(&mut self, acts: &mut Vec<Act>) {
        let asked = acts.extract_if(.., |act| matches!(act.by, By::Node(_)));
        for act in asked.collect::<Vec<_>>() {
            self.settled(&act.shard);
        }
    }

    /// Whether failovers and repairs may be begun: nobody has paused them, and enough nodes are heard.
    pub fn may_begin(&self, state: &State) -> bool {
        state.automation.paused.is_none() && !self.silence.is_too_much()
    }

    pub fn has_listened(&self, now_micros: u64) -> bool {
        now_micros.saturating_sub(self.since_micros) >= LISTEN_MS * 1_000
    }

    /// Whether a node reports.
    pub fn is_heard(&self, now_micros: u64, node: &NodeId) -> bool {
        !self.heard.is_missing(now_micros, node, MISSING_MS * 1_000)
    }

    /// Whether a node has been silent for so long that it is more than a restart.
    pub(super) fn is_gone(&self, now_micros: u64, node: &NodeId) -> bool {
        let never = now_micros.saturating_sub(self.since_micros);
        let age = self.heard.age_micros(now_micros, node).unwrap_or(never);
        age >= REPAIR_AFTER_MS * 1_000
    }

    pub(super) fn watched(&mut self, shard: &ShardId) -> &mut Watched {
        let since = self.since_micros;
        self.shards
            .entry(shard.clone())
            .or_insert_with(|| Watched::new(SETTINGS, since))
    }

    /// Lets a command go unless another one for its shard is under way.
    pub(super) fn give(&mut self, now_micros: u64, act: Act) -> Option<Act> {
        if self.recovering && !matches!(act.command, Command::Recovery(_)) {
            return None;
        }
        if matches!(&act.command, Command::Configure { command, .. } if begins_another(command))
            && self.rests(now_micros)
        {
            return None;
        }
        if self.is_busy(now_micros, &act.shard) {
            return None;
        }
        self.watched(&act.shard).busy_since_micros = Some(now_micros);
        Some(act)
    }

    /// Whether a command for the shard is under way.
    pub(super) fn is_busy(&self, now_micros: u64, shard: &ShardId) -> bool {
        let busy = self
            .shards
            .get(shard)
            .and_then(|watched| watched.busy_since_micros);
        busy.is_some_and(|since| now_micros.saturating_sub(since) < BUSY_MICROS_MAX)
    }

    fn note_silence(
        &mut self,
        config: &ShardConfig,
        shard: &ShardId,
        replica: ReplicaId,
        silent_micros: u64,
    ) {
        if config.primary.replica == replica || !config.is_candidate(replica) {
            return;
        }
        if silent_micros >= config.lease_micros {
            self.silent.insert(shard.clone());
        } else {
            self.silent.remove(shard);
        }
    }

    /// One step of a shard's driver, if nothing is on its way for the shard.
    fn drive(&mut self, now_micros: u64, state: &State, shard: &ShardId, event: DriverEvent) -> Vec<Act> {
        let Some(config) = config_of(state, shard) else {
            return Vec::new();
        };
        let (may_begin, rests) = (self.may_begin(state), self.rests(now_micros));
        let watched = self.watched(shard);
        let is_tick = event == DriverEvent::Tick;
        if is_tick && rests {
            return Vec::new();
        }
        let busy = watched.busy_since_micros;
        if is_tick && busy.is_some_and(|since| now_micros.saturating_sub(since) < BUSY_MICROS_MAX) {
            return Vec::new();
        }
        let suspect = watched
            .suspicion
            .why
            .clone()
            .or_else(|| failover_asked(state, shard));
        let actions = watched.driver.step(now_micros, config, event);
        let mut acts = Vec::new();
        if rests {
            return acts;
        }
        for action in actions {
            // Orders travel in the table.
            let DriverAction::Commit { expected, command } = action else {
                continue;
            };
            // Whoever is on its store takes the shard over, on a tick: a report that comes first changes nothing.
            let promotes = is_tick && command == ConfigCommand::BeginPromote;
            if promotes && self.goes_to_its_store(now_micros, state, shard, config) {
                continue;
            }
            if let Some((command, reason)) = judged(config, command, may_begin, suspect.as_deref()) {
                acts.extend(self.give(now_micros, Act::configure(shard, expected, command, reason)));
            }
        }
        acts
    }
}

/// What the driver wants, as it may be: a failover is begun only while automation runs, and a suspect whose drain does
/// not end is replaced. With the reason that stands in the ledger.
fn judged(
    config: &ShardConfig,
    command: ConfigCommand,
    may_begin: bool,
    suspect: Option<&str>,
) -> Option<(ConfigCommand, String)> {
    let steady = config.phase == ConfigPhase::Steady;
    match command {
        ConfigCommand::BeginPromote if steady && !may_begin => None,
        ConfigCommand::BeginPromote if steady => {
            let reason = format!(
                "{} does not report, and a standby does not hear it",
                config.primary.node
            );
            Some((command, reason))
        }
        ConfigCommand::BeginPromote => Some((command, "the primary failed while it handed over".into())),
        ConfigCommand::CancelHandover => match suspect {
            Some(why) => Some((
                ConfigCommand::BeginPromote,
                format!("its drain does not end: {why}"),
            )),
            None => Some((command, "the drain did not end in time".into())),
        },
        ConfigCommand::FinishPromote { ref answers } => {
            let in_sync = config
                .standbys
                .iter()
                .filter(|copy| copy.state == CopyState::InSync);
            let asked = in_sync.count() + 1;
            let reason = format!("{} of {asked} candidates answered", answers.len());
            Some((command, reason))
        }
        ConfigCommand::ReplaceCopy { replica, .. } => {
            Some((command, format!("copy {replica} is of no use any more")))
        }
        command => Some((command, String::new())),
    }
}

/// The configuration of a shard that has one.
pub(super) fn config_of<'a>(state: &'a State, shard: &ShardId) -> Option<&'a ShardConfig> {
    state.shards.get(shard)?.config.as_ref()
}
