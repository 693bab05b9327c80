//! How a shard comes to another primary: promoted, promoted by force, or handed over to.

use platform_model::{Epoch, ReplicaId};

use super::apply::{ConfigRules, steady};
use super::command::{Candidate, Certificate, Proof};
use super::record::{ConfigPhase, CopyState, Forced, ShardConfig, ShardCopy};
use super::refusal::ConfigRefusal;

pub(super) fn begin_promote(
    config: &mut ShardConfig,
    index: u64,
    forced: Option<Forced>,
) -> Result<(), ConfigRefusal> {
    if matches!(config.phase, ConfigPhase::Promoting { .. }) {
        return Err(ConfigRefusal::UnderWay);
    }
    if config.unborn {
        return Err(ConfigRefusal::Unborn);
    }
    config.epoch_max = config.epoch_max.next();
    config.phase = ConfigPhase::Promoting {
        epoch: config.epoch_max,
        index,
        forced,
    };
    Ok(())
}

pub(super) fn begin_force(
    config: &mut ShardConfig,
    index: u64,
    target: ReplicaId,
    proof: &Proof,
    loss_entries_max: u64,
) -> Result<(), ConfigRefusal> {
    let copy = config.standby(target).ok_or(ConfigRefusal::UnknownCopy(target))?;
    match copy.state {
        CopyState::Damaged | CopyState::Copying => return Err(ConfigRefusal::NotWhole(target)),
        CopyState::InSync => return Err(ConfigRefusal::NeedsNoForce(target)),
        CopyState::CatchingUp => {}
    }
    let proved = match proof {
        Proof::Released { replica, epoch } => *replica == config.primary.replica && *epoch == config.epoch,
        Proof::ProviderGone { replica } => *replica == config.primary.replica,
        Proof::Person { reason } => !reason.trim().is_empty(),
    };
    if !proved {
        return Err(ConfigRefusal::NoProof);
    }
    let forced = Forced {
        target,
        loss_entries_max,
    };
    if let ConfigPhase::Promoting { .. } = config.phase {
        // One that found no candidate becomes a forced one, of a new epoch.
        config.phase = ConfigPhase::Steady;
    }
    begin_promote(config, index, Some(forced))
}

pub(super) fn finish_promote(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    answers: &[Candidate],
) -> Result<(), ConfigRefusal> {
    let plants = rules.plants;
    let ConfigPhase::Promoting { epoch, forced, .. } = &config.phase else {
        return Err(ConfigRefusal::NotUnderWay);
    };
    let epoch = *epoch;
    for answer in answers {
        let may = match forced {
            Some(forced) => forced.target == answer.replica,
            None if plants.promote_the_shorter_log => config.names(answer.replica),
            None => config.is_candidate(answer.replica),
        };
        if !may {
            return Err(ConfigRefusal::NotInSync(answer.replica));
        }
    }
    let longest = |answer: &&Candidate| {
        (
            answer.epoch,
            answer.position,
            answer.replica == config.primary.replica,
        )
    };
    // Who leads already goes on, whatever the law says by now: it is in alarm, and moved.
    let lawful = |answer: &&Candidate| {
        let copy = config.standby(answer.replica);
        copy.is_none_or(|copy| rules.law.may_lead(&copy.node))
    };
    let able = answers.iter().filter(lawful);
    let chosen = if plants.promote_the_shorter_log {
        able.min_by_key(longest)
    } else {
        able.max_by_key(longest)
    };
    let Candidate {
        replica: chosen,
        epoch: of,
        position,
    } = *chosen.ok_or(ConfigRefusal::NoAnswer)?;
    // A log that goes on behind the chosen one's is cut off there before it counts again.
    let fits = |answer: &Candidate| {
        plants.promote_the_shorter_log || (answer.epoch, answer.position) <= (of, position)
    };
    let answered = |replica: ReplicaId| {
        let mut own = answers.iter().filter(|answer| answer.replica == replica);
        own.any(fits)
    };
    lead(config, chosen, epoch, |copy| {
        if answered(copy.replica) {
            CopyState::InSync
        } else {
            copy.state.min(CopyState::CatchingUp)
        }
    })
}

pub(super) fn certified(
    config: &ShardConfig,
    target: ReplicaId,
    certificate: Option<&Certificate>,
    needed: bool,
) -> Result<(), ConfigRefusal> {
    let fits = |certificate: &Certificate| certificate.replica == target && certificate.epoch == config.epoch;
    if needed && !certificate.is_some_and(fits) {
        return Err(ConfigRefusal::NoCertificate(target));
    }
    Ok(())
}

pub(super) fn begin_handover(
    config: &mut ShardConfig,
    index: u64,
    target: ReplicaId,
) -> Result<(), ConfigRefusal> {
    steady(config)?;
    let copy = config.standby(target).ok_or(ConfigRefusal::UnknownCopy(target))?;
    if copy.state != CopyState::InSync {
        return Err(ConfigRefusal::NotInSync(target));
    }
    config.epoch_max = config.epoch_max.next();
    config.phase = ConfigPhase::Handover {
        target,
        epoch: config.epoch_max,
        index,
    };
    Ok(())
}

pub(super) fn finish_handover(config: &mut ShardConfig, by: ReplicaId) -> Result<(), ConfigRefusal> {
    match config.phase {
        ConfigPhase::Handover { target, epoch, .. } if target == by => {
            // The old primary has everything: it gave it.
            lead(config, by, epoch, |copy| copy.state)
        }
        _ => Err(ConfigRefusal::NotUnderWay),
    }
}

/// Makes `chosen` the primary of `epoch`; every other copy is a standby in the state that `state` says.
fn lead(
    config: &mut ShardConfig,
    chosen: ReplicaId,
    epoch: Epoch,
    state: impl Fn(&ShardCopy) -> CopyState,
) -> Result<(), ConfigRefusal> {
    let mut copies: Vec<ShardCopy> = config.copies().cloned().collect();
    let index = copies.iter().position(|copy| copy.replica == chosen);
    let mut primary = copies.remove(index.ok_or(ConfigRefusal::UnknownCopy(chosen))?);
    primary.state = CopyState::InSync;
    for copy in &mut copies {
        copy.state = state(copy);
    }
    config.primary = primary;
    config.standbys = copies;
    config.epoch = epoch;
    config.phase = ConfigPhase::Steady;
    Ok(())
}
