//! How such a command changes the state, and what waits until it has.

use std::collections::BTreeSet;

use platform_model::{Epoch, Generation, NodeId, ShardId};

use super::command::{RecoveryCommand, RecoveryRefusal, Stands};
use crate::backup::BackupCommand;
use crate::changes::Changes;
use crate::command::{Command, Envelope};
use crate::refusal::Refusal;
use crate::rules::shard::served;
use crate::shard_config::ShardConfig;
use crate::state::State;

pub(crate) fn apply(
    state: &mut State,
    envelope: &Envelope,
    command: &RecoveryCommand,
) -> Result<Changes, Refusal> {
    match command {
        RecoveryCommand::Adopt(stands) => adopt(state, stands),
        RecoveryCommand::GiveUp { node } => give_up(state, envelope, node),
    }
}

/// Whether a command may be: of a shard of which it is not known who holds it, nothing is changed.
///
/// # Errors
/// [`RecoveryRefusal::Unsure`].
pub fn permits(state: &State, command: &Command) -> Result<(), Refusal> {
    if state.recovery.is_over() {
        return Ok(());
    }
    let shard = match command {
        Command::Configure { shard, .. } | Command::PlaceShard { shard, .. } => Some(shard),
        Command::Backup(BackupCommand::RestoreShard(spec)) => Some(&spec.shard),
        Command::Operation(command) => match command.id() {
            Err(start) => Some(&start.shard),
            Ok(id) => state.operations.records.get(&id).map(|record| &record.shard),
        },
        _ => None,
    };
    match shard.filter(|shard| state.recovery.unsure.contains(*shard)) {
        Some(shard) => Err(RecoveryRefusal::Unsure { shard: shard.clone() }.into()),
        None => Ok(()),
    }
}

fn adopt(state: &mut State, stands: &Stands) -> Result<Changes, Refusal> {
    let shard = &stands.shard;
    if !state.recovery.unsure.contains(shard) {
        return Err(RecoveryRefusal::Sure { shard: shard.clone() }.into());
    }
    let have = served(state, shard)?;
    if have.generation != stands.expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("shard {shard}"),
            have: have.generation,
            expected: stands.expected,
        });
    }
    if stands
        .newest
        .as_ref()
        .is_some_and(|newest| newest.generation <= have.generation)
    {
        let (shard, have) = (shard.clone(), have.generation);
        return Err(RecoveryRefusal::NotNewer { shard, have }.into());
    }
    let known = [Some(have), stands.newest.as_ref()];
    let waits = |node: &&NodeId| !stands.told.contains(*node) && !state.recovery.silent.contains(*node);
    if let Some(node) = known.into_iter().flatten().flat_map(nodes_of).find(waits) {
        let (shard, node) = (shard.clone(), node.clone());
        return Err(RecoveryRefusal::NotTold { shard, node }.into());
    }
    let config = newest(have, stands.newest.clone());
    let config = in_incarnation(state, config);
    let since_ms = state.time_ms;
    if let Some(record) = state.shards.get_mut(shard) {
        record.follow(config, since_ms);
    }
    state.recovery.unsure.remove(shard);
    Ok(Changes {
        shards: [shard.clone()].into(),
        ..Changes::default()
    })
}

/// Every node that a configuration names in whatever part.
pub(super) fn nodes_of(config: &ShardConfig) -> impl Iterator<Item = &NodeId> {
    let copies = config.copies().map(|copy| &copy.node);
    copies.chain(config.left.values())
}

/// What a node told, and of what was known what no node tells: copies that are to leave, that lie somewhere still, that were
/// ordered to be erased.
fn newest(have: &ShardConfig, told: Option<ShardConfig>) -> ShardConfig {
    let Some(mut config) = told else {
        return have.clone();
    };
    let named: BTreeSet<_> = config.copies().map(|copy| copy.replica).collect();
    config.epoch_max = config.epoch_max.max(have.epoch_max);
    config.erased.extend(&have.erased);
    config.retiring = have.retiring.intersection(&named).copied().collect();
    // Of a copy that is named no more nobody knows here whether it was erased: it is told of where copies are counted, and nothing
    // erases it.
    for (replica, node) in &have.left {
        if !named.contains(replica) && !config.erased.contains(replica) {
            config.left.insert(*replica, node.clone());
        }
    }
    for (replica, erasing) in &have.erasing {
        config.erasing.entry(*replica).or_insert_with(|| erasing.clone());
    }
    config.left.retain(|replica, _| !config.erased.contains(replica));
    config
}

/// The same, above everything that was given out before.
fn in_incarnation(state: &State, mut config: ShardConfig) -> ShardConfig {
    config.generation = Generation(state.raised(config.generation.0));
    let given_out = config.epoch_max.0.max(config.epoch.0);
    config.epoch_max = Epoch(state.epochs_from().0.max(given_out));
    config
}

fn give_up(state: &mut State, envelope: &Envelope, node: &NodeId) -> Result<Changes, Refusal> {
    if envelope.reason.trim().is_empty() {
        return Err(RecoveryRefusal::NoReason { node: node.clone() }.into());
    }
    if state.recovery.is_over() {
        return Err(RecoveryRefusal::NobodyWaits { node: node.clone() }.into());
    }
    Ok(Changes {
        hidden: state.recovery.silent.insert(node.clone()),
        ..Changes::default()
    })
}
