//! Standby repair: which copies to make and which to take out, so that every home is at its survival goal in lawful
//! places. Also what `automation` does by itself.

use control_plane_state::State;
use control_plane_state::shard_config::{ConfigPhase, ShardConfig, ShardCopy};
use platform_model::{Generation, ShardId, Survival};

use crate::goal::{self, Seat};
use crate::law;
use crate::observed::Observed;
use crate::place::{Infeasible, Loads, Wanted, best, by_law};
use crate::plan::{Plan, PlanStep, Surplus, Unmet, Violation, Why, law_revision};

/// What to do next. Shards with an operation under way, or a change of primary, or without anybody heard who leads,
/// wait: the plan after this one sees them.
pub fn plan(state: &State, observed: &Observed) -> Plan {
    let shards = state.shards.keys();
    plan_of("standby-repair", state, observed, shards)
}

/// The same for one shard.
pub fn plan_shard(state: &State, observed: &Observed, shard: &ShardId) -> Plan {
    plan_of(
        &format!("standby-repair {shard}"),
        state,
        observed,
        state
            .shards
            .get_key_value(shard)
            .map(|(shard, _)| shard)
            .into_iter(),
    )
}

fn plan_of<'a>(
    request: &str,
    state: &'a State,
    observed: &Observed,
    shards: impl Iterator<Item = &'a ShardId>,
) -> Plan {
    let mut plan = Plan {
        request: request.to_owned(),
        law_revision: law_revision(state),
        steps: Vec::new(),
        reads: std::collections::BTreeMap::new(),
        unmet: Vec::new(),
        violations: Vec::new(),
        surplus: Vec::new(),
    };
    let mut loads = Loads::of(state);
    for shard in shards {
        let config = state.shards.get(shard).and_then(|record| record.config.as_ref());
        let Some(config) = config else { continue };
        violation(state, shard, config, &mut plan);
        if !settled(state, observed, shard, config) {
            continue;
        }
        let decided = decide(state, observed, &loads, shard, config);
        match decided {
            Decided::Nothing => plan.surplus.extend(surplus(state, observed, shard, config)),
            Decided::Step(step) => {
                if let Some(node) = &step.add {
                    loads.add(node);
                }
                read(state, shard, &mut plan);
                plan.steps.push(step);
            }
            Decided::Unmet(unmet) => plan.unmet.push(unmet),
        }
    }
    plan
}

enum Decided {
    Nothing,
    Step(PlanStep),
    Unmet(Unmet),
}

/// Nothing is under way, and who leads is there to copy from.
fn settled(state: &State, observed: &Observed, shard: &ShardId, config: &ShardConfig) -> bool {
    let steady = config.phase == ConfigPhase::Steady && !config.unborn;
    let heard = !observed.silent.contains(&config.primary.node);
    steady && heard && state.operations.active_on(shard).is_none()
}

fn decide(
    state: &State,
    observed: &Observed,
    loads: &Loads,
    shard: &ShardId,
    config: &ShardConfig,
) -> Decided {
    let step = |add, remove, why| PlanStep {
        shard: shard.clone(),
        expected: config.generation,
        add,
        remove,
        why,
        bytes: observed.bytes.get(shard).copied(),
    };
    let unlawful = config.standbys.iter().find(|copy| {
        let seat = Seat::of(state, &copy.node);
        seat.is_some_and(|seat| matches!(law::may_lie(state, shard, seat.region), Err(Some(_))))
    });
    if let Some(copy) = unlawful {
        // Also if it is the last: law over durability.
        return Decided::Step(step(None, Some(copy.replica), Why::Unlawful));
    }
    let goal = goal::of_shard(state, shard);
    if goal::is_met(state, &observed.silent, shard, config, goal) {
        return Decided::Nothing;
    }
    let silent = config
        .standbys
        .iter()
        .find(|copy| observed.silent.contains(&copy.node));
    let wanted = Wanted { shard, config, goal };
    match best(state, observed, loads, &wanted) {
        Ok(node) => {
            let why = silent.map_or(Why::Goal(goal), |_| Why::Silent(goal));
            Decided::Step(step(Some(node), silent.map(|copy| copy.replica), why))
        }
        Err(infeasible) => Decided::Unmet(Unmet {
            shard: shard.clone(),
            goal,
            infeasible,
        }),
    }
}

/// A standby that the goal does not ask for: a goal that was lowered, or a copy that a person had made. The one that is
/// the least far, so that nothing is lost if the others go too.
fn surplus(state: &State, observed: &Observed, shard: &ShardId, config: &ShardConfig) -> Option<Surplus> {
    let goal = goal::of_shard(state, shard);
    let mut standbys: Vec<&ShardCopy> = config.standbys.iter().collect();
    standbys.sort_by_key(|copy| copy.state);
    let spare = standbys.into_iter().find(|copy| {
        let mut without = config.clone();
        without.standbys.retain(|other| other.replica != copy.replica);
        goal::is_met(state, &observed.silent, shard, &without, goal)
    })?;
    Some(Surplus {
        shard: shard.clone(),
        replica: spare.replica,
        node: spare.node.clone(),
    })
}

/// A primary stays where the law lets none be, until somebody moves it; everybody is told.
fn violation(state: &State, shard: &ShardId, config: &ShardConfig, plan: &mut Plan) {
    let node = &config.primary.node;
    let Some(seat) = Seat::of(state, node) else { return };
    if let Err(Some(denied)) = law::may_lead(state, shard, seat.region) {
        plan.violations.push(Violation {
            shard: shard.clone(),
            node: node.clone(),
            infeasible: by_law(seat.region, &denied),
        });
    }
}

/// Puts what a shard's step was decided upon into the plan.
fn read(state: &State, shard: &ShardId, plan: &mut Plan) {
    let mut note = |record: String, generation: Generation| plan.reads.insert(record, generation);
    if let Some(record) = state.shards.get(shard) {
        note(format!("shard/{shard}"), record.generation);
    }
    let homes = state.homes.iter().filter(|(home, _)| match shard.home() {
        Some(own) => *home == own,
        None => home.jurisdiction == *shard.jurisdiction(),
    });
    for (home, record) in homes {
        note(format!("home/{home}"), record.survival.generation);
    }
    for (cell, record) in &state.cells {
        note(format!("cell/{cell}"), record.generation);
    }
}

/// Why a goal cannot be met for a shard as it stands; `None`: it is met, or it could be.
pub fn infeasible(state: &State, observed: &Observed, shard: &ShardId) -> Option<(Survival, Infeasible)> {
    let plan = plan_shard(state, observed, shard);
    let unmet = plan.unmet.into_iter().next()?;
    Some((unmet.goal, unmet.infeasible))
}
