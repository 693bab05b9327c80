//! A world that was recovered from a backup: every node is asked for the table that it goes by, and of each shard the newest
//! configuration is adopted once everybody has told who may know of one. Nothing else is done with any shard until then.
//!
//! A node counts as having told while it goes by the table that it told, in the same start: whoever hears of another meanwhile
//! is asked again. What a node that is given up told counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::recovery::{RecoveryCommand, Stands, is_news, may_adopt};
use control_plane_state::shard_config::{ConfigCommand, ShardConfig};
use control_plane_state::{Command, State};
use platform_model::{Generation, Incarnation, NodeId, RevokedIdentity, ShardId, ShardRoute};
use platform_wire::replicas::{Knows, ReplicasReport};

use super::act::{Act, By};
use super::leader::Leader;

/// Shards that the state does not know are named one by one up to so many.
const NAMED_MAX: usize = 20;
/// Shards that are adopted at once.
const ADOPTED_AT_ONCE: usize = 64;

/// What nodes told this leader.
#[derive(Debug, Default)]
pub(super) struct Told {
    nodes: BTreeMap<NodeId, Said>,
    /// By what the copies on each node are configured durably.
    copies: BTreeMap<NodeId, BTreeMap<ShardId, Generation>>,
    revoked: BTreeMap<RevokedIdentity, u64>,
    law: u64,
}

/// What one node told.
#[derive(Debug)]
struct Said {
    /// By which start of it, and of which table.
    of: (Incarnation, Generation),
    /// Routes that are newer than what the state has.
    newer: BTreeMap<ShardId, ShardRoute>,
}

/// How long after a recovery no change of primary begins or ends: all that watch have come back by then, and answered.
const REST_MICROS: u64 = 5_000_000;

/// Whether a command begins a change of primary.
pub(super) fn begins_another(command: &ConfigCommand) -> bool {
    matches!(
        command,
        ConfigCommand::BeginHandover { .. } | ConfigCommand::BeginPromote
    )
}

impl Leader {
    /// Whether no change of primary begins or ends now. Once a recovered world is known its table goes out, to some a second later than to
    /// others: the first copy that answers must not win before the rest have been asked.
    pub(super) fn rests(&mut self, now_micros: u64) -> bool {
        if self.recovering {
            self.rests_until = now_micros + REST_MICROS;
        }
        now_micros < self.rests_until
    }

    /// Whether a node is asked: it may know more than it has told this leader.
    pub fn asks(&self, state: &State, report: &ReplicasReport) -> bool {
        let said = self.told.nodes.get(&report.node);
        !state.is_recovered() && said.is_none_or(|said| said.of != of(report))
    }

    /// Who has not told yet, of all that may know of more.
    pub fn awaited(&self, state: &State) -> BTreeSet<NodeId> {
        self.told.awaited(state)
    }

    /// Whether anybody would miss a node: it is known, or named by who told, or has told.
    pub fn knows_of(&self, state: &State, node: &NodeId) -> bool {
        let told = &self.told;
        state.nodes.contains_key(node)
            || told.nodes.contains_key(node)
            || told.copies.contains_key(node)
            || told.awaited(state).contains(node)
    }

    /// Why shards are not adopted of which everybody has told; a few of them.
    pub fn not_adopted(&self, state: &State) -> Vec<String> {
        if self.told.waits(state) {
            return Vec::new();
        }
        let stands = state.recovery.unsure.iter();
        let stands = stands.filter_map(|shard| self.told.stands(state, shard));
        let refused = stands.filter_map(|stands| may_adopt(state, &stands).err());
        refused
            .take(NAMED_MAX)
            .map(|refusal| refusal.to_string())
            .collect()
    }

    pub(super) fn note_told(&mut self, state: &State, report: &ReplicasReport) {
        if state.is_recovered() {
            self.told = Told::default();
            return;
        }
        self.told.note_copies(report);
        if self.asks(state, report) {
            self.told.nodes.remove(&report.node);
        }
        let Some(knows) = &report.configured else {
            return;
        };
        self.told.take(state, report, knows);
        let (shards, waits_for) = (state.recovery.unsure.len(), self.told.awaited(state));
        tracing::warn!(node = %report.node, shards, ?waits_for, "the world was recovered; a node has told what it knows");
        name_unknown(state, report, knows);
    }

    /// Shards of which everybody has told, once it is known who is not believed and by which law nodes go.
    pub(super) fn adopt(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let Some(first) = state.recovery.unsure.first() else {
            return Vec::new();
        };
        if self.told.waits(state) {
            return Vec::new();
        }
        if let Some(heard) = self.told.unheard(state) {
            let act = act(state, first, heard);
            return self.give(now_micros, act).into_iter().collect();
        }
        let mut acts = Vec::new();
        for shard in &state.recovery.unsure {
            if acts.len() == ADOPTED_AT_ONCE {
                break;
            }
            if self.is_busy(now_micros, shard) {
                continue;
            }
            let stands = self.told.stands(state, shard);
            // What the state would refuse is not asked of it, report after report: `world status` names it.
            if let Some(stands) = stands.filter(|stands| may_adopt(state, stands).is_ok()) {
                let act = act(state, shard, RecoveryCommand::Adopt(Box::new(stands)));
                acts.extend(self.give(now_micros, act));
            }
        }
        acts
    }
}

impl Told {
    fn note_copies(&mut self, report: &ReplicasReport) {
        if report.copies.is_empty() {
            return;
        }
        let copies = report.copies.iter();
        let copies = copies.map(|copy| (copy.shard.clone(), copy.generation));
        self.copies.insert(report.node.clone(), copies.collect());
    }

    fn take(&mut self, state: &State, report: &ReplicasReport, knows: &Knows) {
        let newer = knows.routes.iter().filter(|(shard, route)| {
            let have = state.shards.get(shard).map(|record| record.generation);
            have.is_some_and(|have| route.set.generation > have)
        });
        let said = Said {
            of: of(report),
            newer: newer.cloned().collect(),
        };
        self.nodes.insert(report.node.clone(), said);
        for (identity, until_ms) in &knows.revoked {
            let known = self.revoked.entry(identity.clone()).or_default();
            *known = (*known).max(*until_ms);
        }
        self.law = self.law.max(knows.law);
    }

    /// Whether anybody is waited for. Asked with every report: one that is known and silent is enough.
    fn waits(&self, state: &State) -> bool {
        let silent = |node: &NodeId| state.recovery.silent.contains(node);
        let mut known = state.nodes.keys();
        known.any(|node| !self.nodes.contains_key(node) && !silent(node)) || !self.awaited(state).is_empty()
    }

    fn awaited(&self, state: &State) -> BTreeSet<NodeId> {
        let named = self
            .said(state)
            .flat_map(|said| said.newer.values())
            .flat_map(|route| {
                let standbys = route.set.standbys.iter().map(|copy| &copy.node);
                std::iter::once(&route.node).chain(standbys)
            });
        let may_know = state.nodes.keys().chain(named);
        let silent = |node: &NodeId| state.recovery.silent.contains(node);
        let waits = may_know.filter(|node| !self.nodes.contains_key(*node));
        let stored = self
            .copies
            .iter()
            .filter(|(_, copies)| self.is_ahead(state, copies));
        let all = waits.chain(stored.map(|(node, _)| node));
        all.filter(|node| !silent(node)).cloned().collect()
    }

    /// Whether a copy stored a configuration that no table has which was told: it was written down, the table was not.
    fn is_ahead(&self, state: &State, copies: &BTreeMap<ShardId, Generation>) -> bool {
        copies.iter().any(|(shard, stored)| {
            let known = state.shards.get(shard).map(|record| record.generation);
            let told = || self.newest(state, shard).map(|route| route.set.generation);
            // Most have not changed since: the others are looked for only then.
            state.recovery.unsure.contains(shard) && Some(*stored) > known && Some(*stored) > told()
        })
    }

    /// Of those that are not given up.
    fn said<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Said> {
        let nodes = self.nodes.iter();
        let heard = nodes.filter(|(node, _)| !state.recovery.silent.contains(*node));
        heard.map(|(_, said)| said)
    }

    fn newest<'a>(&'a self, state: &'a State, shard: &ShardId) -> Option<&'a ShardRoute> {
        let routes = self.said(state).filter_map(|said| said.newer.get(shard));
        routes.max_by_key(|route| (route.set.generation, route.epoch))
    }

    /// Who is not believed, and by which law nodes go, where the state does not know it yet.
    fn unheard(&self, state: &State) -> Option<RecoveryCommand> {
        let lacks = |(identity, until_ms): &(&RevokedIdentity, &u64)| is_news(state, identity, **until_ms);
        let revoked: BTreeMap<_, _> = self.revoked.iter().filter(lacks).collect();
        let later = self.law > state.recovery.law_told.max(state.recovery.law_kept);
        (later || !revoked.is_empty()).then(|| RecoveryCommand::Hear {
            revoked: revoked
                .into_iter()
                .map(|(identity, until)| (identity.clone(), *until))
                .collect(),
            law: self.law,
        })
    }

    /// What is known of a shard, once everybody has told.
    fn stands(&self, state: &State, shard: &ShardId) -> Option<Stands> {
        Some(Stands {
            shard: shard.clone(),
            expected: state.shards.get(shard)?.generation,
            told: self.nodes.keys().cloned().collect(),
            newest: self.newest(state, shard).map(ShardConfig::from),
        })
    }
}

fn of(report: &ReplicasReport) -> (Incarnation, Generation) {
    (report.incarnation, report.table)
}

/// Who recovered the world, and why, stands with each decision.
fn act(state: &State, shard: &ShardId, command: RecoveryCommand) -> Act {
    let reason = match &state.recovery.origin {
        Some(origin) => format!("the world was recovered by {}: {}", origin.by, origin.reason),
        None => "the world was recovered".to_owned(),
    };
    Act {
        by: By::Controller,
        reason,
        command: Command::Recovery(command),
        shard: shard.clone(),
    }
}

/// Shards of homes that were made after the backup: nobody leads them from here on, and what lies on nodes stays there.
fn name_unknown(state: &State, report: &ReplicasReport, knows: &Knows) {
    let routes = knows.routes.iter();
    let unknown = routes.filter(|(shard, _)| !state.shards.contains_key(shard));
    for (shard, route) in unknown.take(NAMED_MAX) {
        tracing::error!(node = %report.node, %shard, led_by = %route.node, "a node knows of a shard that the backup does not");
    }
}
