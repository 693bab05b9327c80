//! One command, applied to the configuration of one shard.

use platform_model::{Epoch, Generation, NodeId, ReplicaId};

use super::command::{ConfigCommand, ProposedChange};
use super::erased;
use super::primary::{
    begin_force, begin_handover, begin_promote, certified, finish_handover, finish_promote,
};
use super::record::{ConfigPhase, CopyState, Erasing, ShardConfig, ShardCopy};
use super::refusal::ConfigRefusal;
use super::take::{store_is_free, take};
use crate::plant::{Planted, planted};

/// Standbys of one shard.
pub const STANDBYS_MAX: usize = 8;
/// Copies of one shard that were taken out and are not erased yet.
const ERASURES_MAX: usize = 64;

/// Where the law lets a copy lie.
pub trait Law {
    fn may_hold(&self, node: &NodeId) -> bool;

    /// Where a primary may be. A law that tells the two apart says so here.
    fn may_lead(&self, node: &NodeId) -> bool {
        self.may_hold(node)
    }

    /// Whether both nodes are on one store. Not a matter of law, but known to whoever knows where nodes are.
    fn shares(&self, _: &NodeId, _: &NodeId) -> bool {
        false
    }
}

/// Bugs that are put in on purpose, to show that the checkers see them. Off unless a simulation says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConfigPlants {
    /// A promotion can be given up, and leaves everything as it was.
    pub abandoned_prepare: bool,
    /// The shortest log wins, in-sync or not.
    pub promote_the_shorter_log: bool,
    /// Copies are placed wherever somebody asks.
    pub law_not_asked: bool,
}

/// What a command is judged by.
pub struct ConfigRules<'a> {
    pub law: &'a dyn Law,
    pub plants: ConfigPlants,
}

/// Applies one command at log index `index`, if the configuration is at `expected`.
///
/// Deterministic. A refused command changes nothing.
///
/// # Errors
/// The rule that it would break.
pub fn apply(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    expected: Generation,
    index: u64,
    command: &ConfigCommand,
) -> Result<(), ConfigRefusal> {
    if config.generation != expected {
        let have = config.generation;
        return Err(ConfigRefusal::GenerationMismatch { have, expected });
    }
    match command {
        ConfigCommand::Propose { by, epoch, change } => propose(config, *by, *epoch, *change)?,
        ConfigCommand::AddCopy { node, replica } => add_copy(config, rules, node, *replica)?,
        ConfigCommand::Retire { replica } => retire(config, *replica)?,
        ConfigCommand::RemoveCopy { replica } => remove_copy(config, *replica)?,
        ConfigCommand::ReplaceCopy { replica, by } => replace_copy(config, rules, *replica, *by)?,
        ConfigCommand::Take { replica, node } => take(config, rules, *replica, node)?,
        ConfigCommand::BeginPromote => begin_promote(config, index, None)?,
        ConfigCommand::BeginForce {
            target,
            proof,
            loss_entries_max,
        } => {
            may_lead(config, rules, *target)?;
            begin_force(config, index, *target, proof, *loss_entries_max)?;
        }
        ConfigCommand::FinishPromote { answers } => finish_promote(config, rules, answers)?,
        ConfigCommand::BeginHandover {
            target,
            certificate,
            needs_certificate,
        } => {
            let certificate = certificate.as_ref().filter(|_| *needs_certificate);
            certified(config, *target, certificate, *needs_certificate)?;
            may_lead(config, rules, *target)?;
            begin_handover(config, index, *target)?;
        }
        ConfigCommand::FinishHandover { target } => finish_handover(config, *target)?,
        ConfigCommand::CancelHandover => match config.phase {
            ConfigPhase::Handover { .. } => config.phase = ConfigPhase::Steady,
            _ => return Err(ConfigRefusal::NotUnderWay),
        },
        ConfigCommand::EraseCopy { replica } => {
            erase(config, index, *replica)?;
        }
        ConfigCommand::Erased { replica, order, .. } => {
            let ordered = config
                .erasing
                .get(replica)
                .is_some_and(|erasing| erasing.index == *order);
            if !ordered {
                let (replica, order) = (*replica, *order);
                return Err(ConfigRefusal::NotOrdered { replica, order });
            }
            config.erasing.remove(replica);
        }
        ConfigCommand::AbandonPromote => match config.phase {
            ConfigPhase::Promoting { .. } if rules.plants.abandoned_prepare => {
                config.phase = ConfigPhase::Steady;
            }
            _ => return Err(ConfigRefusal::NotUnderWay),
        },
    }
    config.generation = config.generation.next();
    Ok(())
}

pub(super) fn steady(config: &ShardConfig) -> Result<(), ConfigRefusal> {
    match config.phase {
        ConfigPhase::Steady => Ok(()),
        _ => Err(ConfigRefusal::UnderWay),
    }
}

fn propose(
    config: &mut ShardConfig,
    by: ReplicaId,
    epoch: Epoch,
    change: ProposedChange,
) -> Result<(), ConfigRefusal> {
    if by != config.primary.replica || epoch != config.epoch {
        return Err(ConfigRefusal::NotPrimary { by, epoch });
    }
    steady(config)?;
    match change {
        ProposedChange::Born if !config.unborn => Err(ConfigRefusal::Born),
        ProposedChange::Born => {
            config.unborn = false;
            Ok(())
        }
        ProposedChange::Complete(replica) => set_state(config, replica, |state| {
            (state == CopyState::Copying).then_some(CopyState::CatchingUp)
        }),
        ProposedChange::Add(replica) if config.retiring.contains(&replica) => {
            Err(ConfigRefusal::Retiring(replica))
        }
        ProposedChange::Add(replica) => set_state(config, replica, |state| {
            (state == CopyState::CatchingUp).then_some(CopyState::InSync)
        }),
        // One that is out stays out: the answer tells the primary so.
        ProposedChange::Drop(replica) => {
            set_state(config, replica, |state| Some(state.min(CopyState::CatchingUp)))
        }
        ProposedChange::Damaged(replica) => set_state(config, replica, |_| Some(CopyState::Damaged)),
    }
}

fn set_state(
    config: &mut ShardConfig,
    replica: ReplicaId,
    next: impl Fn(CopyState) -> Option<CopyState>,
) -> Result<(), ConfigRefusal> {
    let standby = config.standbys.iter_mut().find(|copy| copy.replica == replica);
    let copy = standby.ok_or(ConfigRefusal::UnknownCopy(replica))?;
    copy.state = next(copy.state).ok_or(ConfigRefusal::NotWhole(replica))?;
    Ok(())
}

fn name_is_free(config: &ShardConfig, replica: ReplicaId) -> Result<(), ConfigRefusal> {
    let gone = config.erased.contains(&replica) || config.left.contains_key(&replica);
    if config.names(replica) || (gone && !planted(Planted::NameGivenAgain)) {
        return Err(ConfigRefusal::NameTaken(replica));
    }
    Ok(())
}

fn lawful(rules: &ConfigRules<'_>, node: &NodeId) -> Result<(), ConfigRefusal> {
    if rules.law.may_hold(node) || rules.plants.law_not_asked {
        return Ok(());
    }
    Err(ConfigRefusal::ResidencyDenied(node.clone()))
}

/// Whether the law lets a standby lead where it is.
fn may_lead(config: &ShardConfig, rules: &ConfigRules<'_>, target: ReplicaId) -> Result<(), ConfigRefusal> {
    match config.standby(target) {
        Some(copy) if !rules.law.may_lead(&copy.node) => Err(ConfigRefusal::MayNotLead(copy.node.clone())),
        _ => Ok(()),
    }
}

fn add_copy(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    node: &NodeId,
    replica: ReplicaId,
) -> Result<(), ConfigRefusal> {
    steady(config)?;
    lawful(rules, node)?;
    name_is_free(config, replica)?;
    if config.unborn {
        return Err(ConfigRefusal::Unborn);
    }
    if config.copies().any(|copy| copy.node == *node) {
        return Err(ConfigRefusal::NodeTaken(node.clone()));
    }
    store_is_free(config, rules, node)?;
    if config.standbys.len() >= STANDBYS_MAX {
        return Err(ConfigRefusal::TooManyStandbys { max: STANDBYS_MAX });
    }
    config.standbys.push(ShardCopy {
        node: node.clone(),
        replica,
        state: CopyState::Copying,
    });
    Ok(())
}

/// Whoever is promoted afterwards is chosen among fewer; the primary counts on the standby until it has heard of this.
fn retire(config: &mut ShardConfig, replica: ReplicaId) -> Result<(), ConfigRefusal> {
    steady(config)?;
    set_state(config, replica, |state| Some(state.min(CopyState::CatchingUp)))?;
    config.retiring.insert(replica);
    Ok(())
}

/// A standby that its primary does not count on.
fn outsider(config: &ShardConfig, replica: ReplicaId) -> Result<usize, ConfigRefusal> {
    let index = config.standbys.iter().position(|copy| copy.replica == replica);
    let index = index.ok_or(ConfigRefusal::UnknownCopy(replica))?;
    if config.standbys[index].state == CopyState::InSync && !planted(Planted::InSyncRemoved) {
        return Err(ConfigRefusal::InSync(replica));
    }
    Ok(index)
}

fn remove_copy(config: &mut ShardConfig, replica: ReplicaId) -> Result<(), ConfigRefusal> {
    steady(config)?;
    let index = outsider(config, replica)?;
    room_to_erase(config)?;
    let copy = config.standbys.remove(index);
    config.retiring.remove(&copy.replica);
    config.left.insert(copy.replica, copy.node);
    Ok(())
}

fn room_to_erase(config: &ShardConfig) -> Result<(), ConfigRefusal> {
    if config.left.len() + config.erasing.len() < ERASURES_MAX {
        return Ok(());
    }
    Err(ConfigRefusal::TooManyErasures { max: ERASURES_MAX })
}

/// Orders that a copy be erased which is in no configuration: from here on its name is forbidden for ever. Whose node
/// is known is told.
fn erase(config: &mut ShardConfig, index: u64, replica: ReplicaId) -> Result<(), ConfigRefusal> {
    if config.names(replica) {
        return Err(ConfigRefusal::StillNamed(replica));
    }
    erased::note(config, replica);
    if let Some(node) = config.left.remove(&replica) {
        config.erasing.insert(replica, Erasing { node, index });
    }
    Ok(())
}

fn replace_copy(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    replica: ReplicaId,
    by: ReplicaId,
) -> Result<(), ConfigRefusal> {
    steady(config)?;
    let index = outsider(config, replica)?;
    lawful(rules, &config.standbys[index].node)?;
    name_is_free(config, by)?;
    room_to_erase(config)?;
    let copy = &mut config.standbys[index];
    config.left.insert(copy.replica, copy.node.clone());
    config.retiring.remove(&copy.replica);
    copy.replica = by;
    copy.state = CopyState::Copying;
    Ok(())
}
