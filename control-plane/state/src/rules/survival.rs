//! What a home's shards are to survive: a wish, which the planner turns into copies. Refused is what the law lets
//! nobody fulfil; what only room is missing for stands, and the planner says that it waits.

use platform_model::matrix::{Action, Denied};
use platform_model::{Generation, HomeId, RegionId, Survival};

use crate::changes::Changes;
use crate::refusal::{Refusal, SurvivalForbidden};
use crate::rules::law::hidden;
use crate::state::State;

pub(crate) fn set(
    state: &mut State,
    home: &HomeId,
    goal: Survival,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let record = state.homes.get(home);
    let record = record.ok_or_else(|| Refusal::UnknownHome(home.clone()))?;
    let have = record.survival.generation;
    if have != expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("home {home}"),
            have,
            expected,
        });
    }
    if record.survival.goal == goal {
        return Ok(Changes::default());
    }
    lawful(state, home, goal)?;
    if let Some(record) = state.homes.get_mut(home) {
        record.survival.goal = goal;
        record.survival.generation = have.next();
    }
    Ok(hidden())
}

/// Some region is left where the law lets a standby be that could lead.
fn lawful(state: &State, home: &HomeId, goal: Survival) -> Result<(), Refusal> {
    let Some(matrix) = state.law.matrix() else {
        return Ok(());
    };
    let may = |region: &RegionId| -> Result<(), Denied> {
        for action in [Action::StoreStandby, Action::StorePrimary] {
            matrix.may_keep_shard(action, &home.jurisdiction, region)?;
        }
        Ok(())
    };
    let wanted = |region: &&RegionId| match goal {
        Survival::None => false,
        Survival::Zone => **region == home.region,
        Survival::Region => **region != home.region,
    };
    let mut denied = None;
    for region in matrix.regions().iter().filter(wanted) {
        match may(region) {
            Ok(()) => return Ok(()),
            Err(why) => denied = denied.or(Some((region.clone(), why))),
        }
    }
    match (goal, denied) {
        (Survival::None, _) => Ok(()),
        (_, None) => Err(Refusal::NoSuchRegion {
            home: home.clone(),
            goal,
        }),
        (_, Some((region, why))) => Err(Refusal::SurvivalForbidden(Box::new(SurvivalForbidden::new(
            home, goal, &region, &state.law, &why,
        )))),
    }
}
