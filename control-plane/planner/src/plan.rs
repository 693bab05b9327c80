//! A plan: operations to start, what it was decided upon, and one hash over both.

use std::collections::BTreeMap;

use control_plane_ledger::Digest;
use control_plane_state::State;
use control_plane_state::operation::{OperationCommand, OperationKind, Start};
use platform_model::{Generation, NodeId, ReplicaId, ShardId, Survival};
use serde::Serialize;

use crate::place::Infeasible;

/// Of the rules by which plans are made: another version may decide otherwise.
pub const PLANNER_VERSION: u16 = 1;

/// What is to be done, in order; at most one step of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub request: String,
    /// What was ever in force, counted: 0 for no law.
    pub law_revision: u64,
    pub steps: Vec<PlanStep>,
    /// The records that it was decided upon.
    pub reads: BTreeMap<String, Generation>,
    /// Shards that stay below their goal, and why. Not hashed, as is what follows.
    pub unmet: Vec<Unmet>,
    /// Copies where the law lets none be any more that nothing here takes away: primaries.
    pub violations: Vec<Violation>,
    /// Standbys that no goal asks for: one of each shard. Nothing takes them out by itself.
    pub surplus: Vec<Surplus>,
}

/// A standby without which the shard is at its goal as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surplus {
    pub shard: ShardId,
    pub replica: ReplicaId,
    pub node: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanStep {
    pub shard: ShardId,
    /// Of its configuration.
    pub expected: Generation,
    /// Where a standby is made.
    pub add: Option<NodeId>,
    /// The standby that is then taken out and erased.
    pub remove: Option<ReplicaId>,
    pub why: Why,
    /// Estimates are shown and not hashed.
    #[serde(skip)]
    pub bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The home's goal asks for a standby.
    Goal(Survival),
    /// Its node is not heard any more.
    Silent(Survival),
    /// The law lets it be there no more.
    Unlawful,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    pub shard: ShardId,
    pub goal: Survival,
    pub infeasible: Infeasible,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub shard: ShardId,
    pub node: NodeId,
    pub infeasible: Infeasible,
}

/// A record has changed since the plan was made, or is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} has changed since: make a plan anew")]
pub struct Changed {
    pub record: String,
}

#[derive(Serialize)]
struct Hashed<'a> {
    version: u16,
    request: &'a str,
    law_revision: u64,
    steps: &'a [PlanStep],
    reads: &'a BTreeMap<String, Generation>,
}

impl Plan {
    /// Of request, law, steps and what was read: what a person approves. One encoding for ever: JSON in the order of
    /// the fields.
    pub fn hash(&self) -> Digest {
        let hashed = Hashed {
            version: PLANNER_VERSION,
            request: &self.request,
            law_revision: self.law_revision,
            steps: &self.steps,
            reads: &self.reads,
        };
        let bytes = serde_json::to_vec(&hashed).expect("ids, numbers and texts always write");
        Digest::of("meridian plan", &bytes)
    }

    /// Whether it would be decided upon the same records.
    ///
    /// # Errors
    /// The first that has changed.
    pub fn still_holds(&self, state: &State) -> Result<(), Changed> {
        let same = |record: &str, generation| generation_of(state, record) == Some(generation);
        if law_revision(state) != self.law_revision {
            let record = "law".to_owned();
            return Err(Changed { record });
        }
        let mut reads = self.reads.iter();
        let changed = reads.find(|(record, generation)| !same(record, **generation));
        match changed {
            Some((record, _)) => Err(Changed {
                record: record.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The commands that start it.
    pub fn commands(&self) -> impl Iterator<Item = OperationCommand> {
        let plan = Some(self.hash());
        self.steps.iter().map(move |step| {
            OperationCommand::Start(Start {
                shard: step.shard.clone(),
                kind: OperationKind::Repair {
                    add: step.add.clone(),
                    remove: step.remove,
                },
                expected: step.expected,
                deadline_ms: None,
                plan,
            })
        })
    }
}

pub(crate) fn law_revision(state: &State) -> u64 {
    state.law.in_force.as_ref().map_or(0, |law| law.revision)
}

/// The generation of a record, by its name in [`Plan::reads`].
fn generation_of(state: &State, record: &str) -> Option<Generation> {
    let (kind, id) = record.split_once('/')?;
    match kind {
        "shard" => Some(state.shards.get(&id.parse().ok()?)?.generation),
        "cell" => Some(state.cells.get(&id.parse().ok()?)?.generation),
        "home" => Some(state.homes.get(&id.parse().ok()?)?.survival.generation),
        _ => None,
    }
}
