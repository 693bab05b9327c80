//! Carries operations on: one command at a time for each, then the state is looked at again.

use std::collections::BTreeMap;

use control_plane_state::State;
use control_plane_state::operation::{OperationId, OperationRecord, OperationState, Step};
use control_plane_state::shard_config::ConfigCommand;
use control_plane_state::{Command, operation};
use platform_model::thresholds::{OPERATION_RETRY_MS, SWITCHOVER_AGAIN_MS, VERIFY_AGAIN_MS};
use platform_model::{Generation, NodeId, ShardId};

use super::act::{Act, By};
use super::leader::{Leader, config_of};
use super::next::{Blocked, Look, Next, next};
use super::recovering::begins_another;

/// What this leader tried for an operation, and what it waits for.
#[derive(Debug, Default)]
pub struct Tried {
    /// The last command, and what the records were then.
    last: Option<(u64, Generation, Generation)>,
    handover_micros: Option<u64>,
    /// Since when it waits for the same.
    blocked: Option<(&'static str, u64)>,
}

/// What this leader remembers of operations.
pub type Operations = BTreeMap<OperationId, Tried>;

/// Before the first of a shard.
pub(super) const NO_OPERATION: (OperationId, Generation) = (OperationId(0), Generation(0));

/// The newest operation on each shard that has had one, under way or not, and what its record is.
pub(super) fn newest_operations(state: &State) -> BTreeMap<&ShardId, (OperationId, Generation)> {
    let records = state.operations.records.iter();
    records
        .map(|(id, record)| (&record.shard, (*id, record.generation)))
        .collect()
}

impl Leader {
    /// What operations do next.
    pub fn operate(&mut self, now_micros: u64, now_ms: u64, state: &State) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.has_listened(now_micros) {
            return acts;
        }
        let active = |id: &OperationId| {
            state
                .operations
                .records
                .get(id)
                .is_some_and(|op| op.state.is_active())
        };
        self.operations.retain(|id, _| active(id));
        for (id, record) in state.operations.active() {
            let next = self.next_of(now_micros, now_ms, state, id, record);
            let act = match next {
                Some(Next::Configure(command, reason)) => {
                    self.configure(now_micros, state, id, record, command, reason)
                }
                Some(Next::Operation(command, reason)) => {
                    self.once(now_micros, state, id, record).then(|| Act {
                        by: By::Controller,
                        reason,
                        command: Command::Operation(command),
                        shard: record.shard.clone(),
                    })
                }
                Some(Next::Blocked(blocked)) => {
                    self.note_blocked(id, &blocked, now_ms);
                    continue;
                }
                Some(Next::Wait) | None => None,
            };
            self.operations.entry(id).or_default().blocked = None;
            acts.extend(act.and_then(|act| self.give(now_micros, act)));
        }
        acts
    }

    /// What an operation does next, or waits for.
    pub fn next_of(
        &self,
        now_micros: u64,
        now_ms: u64,
        state: &State,
        id: OperationId,
        record: &OperationRecord,
    ) -> Option<Next> {
        let heard = |node: &NodeId| self.is_heard(now_micros, node);
        let gone = |node: &NodeId| self.is_gone(now_micros, node);
        let free_bytes = |node: &NodeId| self.heard.free_bytes(node);
        let config = config_of(state, &record.shard)?;
        let watched = self.shards.get(&record.shard);
        let stands_micros = watched.map_or(0, |watched| watched.driver.stands_micros(now_micros, config));
        let look = Look {
            state,
            id,
            record,
            config,
            serves: self.serves(now_micros, &record.shard, config),
            stands_ms: stands_micros / 1_000,
            watched,
            heard: &heard,
            gone: &gone,
            free_bytes: &free_bytes,
            fresh: (self.fresh)(),
            now_ms,
        };
        Some(next(&look))
    }

    /// Since when an operation waits for this, as far as this leader knows.
    pub fn blocked_since_ms(&self, id: OperationId, blocked: &Blocked) -> Option<u64> {
        let (code, since_ms) = self.operations.get(&id)?.blocked?;
        (code == blocked.code).then_some(since_ms)
    }

    /// Shards whose primary on this node is to compare now. Said once in a while, for what was said may be lost.
    pub fn to_verify(&mut self, now_micros: u64, state: &State, node: &NodeId) -> Vec<ShardId> {
        let mut asked = Vec::new();
        for (id, record) in state.operations.active() {
            let verifies = record.step == Step::Verify && record.state == OperationState::Running;
            let leads = |shard| config_of(state, shard).is_some_and(|config| config.primary.node == *node);
            if !verifies || !leads(&record.shard) {
                continue;
            }
            let watched = self.watched(&record.shard);
            if watched.asks(now_micros, (id, record.step_since_ms), VERIFY_AGAIN_MS * 1_000) {
                asked.push(record.shard.clone());
            }
        }
        asked
    }

    fn configure(
        &mut self,
        now_micros: u64,
        state: &State,
        id: OperationId,
        record: &OperationRecord,
        command: ConfigCommand,
        reason: String,
    ) -> Option<Act> {
        if begins_another(&command) && self.rests(now_micros) {
            return None;
        }
        if matches!(command, ConfigCommand::BeginHandover { .. }) {
            let tried = self.operations.entry(id).or_default();
            let again = SWITCHOVER_AGAIN_MS * 1_000;
            let soon = |at: u64| now_micros.saturating_sub(at) < again;
            if tried.handover_micros.is_some_and(soon) {
                return None;
            }
        }
        if !self.once(now_micros, state, id, record) {
            return None;
        }
        if matches!(command, ConfigCommand::BeginHandover { .. }) {
            self.operations.entry(id).or_default().handover_micros = Some(now_micros);
        }
        let expected = config_of(state, &record.shard)?.generation;
        Some(Act::configure(&record.shard, expected, command, reason))
    }

    /// Whether something is tried now: at once when anything has changed, else after a while.
    fn once(&mut self, now_micros: u64, state: &State, id: OperationId, record: &OperationRecord) -> bool {
        let Some(config) = config_of(state, &record.shard) else {
            return false;
        };
        let seen = (record.generation, config.generation);
        let tried = self.operations.entry(id).or_default();
        if let Some((at, operation, shard)) = tried.last
            && (operation, shard) == seen
            && now_micros.saturating_sub(at) < OPERATION_RETRY_MS * 1_000
        {
            return false;
        }
        tried.last = Some((now_micros, seen.0, seen.1));
        true
    }

    fn note_blocked(&mut self, id: OperationId, blocked: &Blocked, now_ms: u64) {
        let tried = self.operations.entry(id).or_default();
        if tried.blocked.is_none_or(|(code, _)| code != blocked.code) {
            tracing::info!(operation = %id, code = blocked.code, what = %blocked.what, who = %blocked.who, "waits");
            tried.blocked = Some((blocked.code, now_ms));
        }
    }
}

/// Whether a person has asked for another primary of this shard.
pub(super) fn failover_asked(state: &State, shard: &ShardId) -> Option<String> {
    let (id, record) = state.operations.active_on(shard)?;
    let asked = matches!(record.kind, operation::OperationKind::Failover { .. });
    asked.then(|| format!("operation {id}"))
}
