//! How such a command changes the state, and what waits until it has.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::replica_set::LEASE_MICROS;
use platform_model::{CellId, Generation, NodeId, RevokedIdentity, ShardId};

use super::command::{RecoveryCommand, RecoveryRefusal, Stands};
use crate::backup::BackupCommand;
use crate::changes::Changes;
use crate::command::{Author, Command, Envelope};
use crate::refusal::Refusal;
use crate::rules::{law, placement};
use crate::shard_config::{ConfigPhase, ShardConfig, ShardCopy};
use crate::state::{ShardRecord, State};
use crate::trust::Revocation;
use crate::trust::revocation::{REVOKED_MS_MAX, ends_within, of_this_world};

pub(crate) fn apply(
    state: &mut State,
    envelope: &Envelope,
    command: &RecoveryCommand,
) -> Result<Changes, Refusal> {
    match command {
        RecoveryCommand::Adopt(stands) => adopt(state, stands),
        RecoveryCommand::Hear { revoked, law } => Ok(hear(state, &envelope.author, revoked, *law)),
        RecoveryCommand::GiveUp { node } => give_up(state, envelope, node),
        RecoveryCommand::ErasuresTold => erasures_told(state, envelope),
        // The decision is the record.
        RecoveryCommand::NoteRead => Ok(Changes {
            hidden: true,
            ..Changes::default()
        }),
    }
}

/// Whether a command may be: while it is not known of every shard who holds it, no shard is changed.
///
/// # Errors
/// [`RecoveryRefusal::Unsure`].
pub fn permits(state: &State, command: &Command) -> Result<(), Refusal> {
    let changes = matches!(
        command,
        Command::Configure { .. }
            | Command::PlaceShard { .. }
            | Command::Operation(_)
            | Command::Backup(BackupCommand::RestoreShard(_))
    );
    let restores = matches!(command, Command::Backup(BackupCommand::RestoreShard(_)));
    if restores && state.is_recovered() && state.recovery.list_may_lack {
        return Err(RecoveryRefusal::ListMayLack.into());
    }
    if !changes || state.is_recovered() {
        return Ok(());
    }
    let shard = state.recovery.unsure.first().cloned();
    let why = shard.map_or(RecoveryRefusal::LawBehind, |shard| RecoveryRefusal::Unsure {
        shard,
    });
    Err(why.into())
}

/// Who was revoked since the backup stays so: to be wrong in that costs a command, to be wrong in the other a world.
fn hear(state: &mut State, author: &Author, revoked: &BTreeMap<RevokedIdentity, u64>, law: u64) -> Changes {
    let (by, at_ms) = (author.spiffe_id(&state.world), state.time_ms);
    let mut changes = Changes {
        hidden: law > state.recovery.law_told,
        ..Changes::default()
    };
    for (identity, until_ms) in revoked {
        if is_news(state, identity, *until_ms) {
            let (until_ms, by) = (*until_ms, by.clone());
            let record = Revocation { until_ms, by, at_ms };
            state.trust.revocations.insert(identity.clone(), record);
            changes.revocations.insert(identity.clone());
        }
    }
    state.recovery.law_told = state.recovery.law_told.max(law);
    changes
}

/// Whether a revocation that a node told of is one that somebody may have decided, and that is not known here.
pub fn is_news(state: &State, identity: &RevokedIdentity, until_ms: u64) -> bool {
    let known = state.trust.revocations.get(identity);
    known.is_none_or(|known| known.until_ms < until_ms)
        && of_this_world(state, identity).is_ok()
        && ends_within(state.time_ms, until_ms, REVOKED_MS_MAX).is_ok()
}

/// Whether what nodes told of a shard may be adopted.
///
/// # Errors
/// The rule that forbids it.
pub fn may_adopt(state: &State, stands: &Stands) -> Result<(), Refusal> {
    let shard = &stands.shard;
    if !state.recovery.unsure.contains(shard) {
        return Err(RecoveryRefusal::Sure { shard: shard.clone() }.into());
    }
    let record = state.shards.get(shard);
    let record = record.ok_or_else(|| Refusal::UnknownShard(shard.clone()))?;
    if record.generation != stands.expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("shard {shard}"),
            have: record.generation,
            expected: stands.expected,
        });
    }
    is_newest(state, stands, record)?;
    stands
        .newest
        .as_ref()
        .map_or(Ok(()), |told| lawful(state, shard, record, told))
}

/// Where a copy lay as the backup was made it may lie on, in alarm; where one came since the law must let it be. One node's word is
/// not enough to take people's data to where it may not be.
fn lawful(state: &State, shard: &ShardId, record: &ShardRecord, told: &ShardConfig) -> Result<(), Refusal> {
    let was_there = |node: &NodeId| {
        let mut copies = record.config.iter().flat_map(|config| config.copies());
        copies.any(|copy| copy.node == *node)
    };
    let unlawful = |copy: &&ShardCopy| {
        let region = state.cells.get(&copy.node.cell).map(|cell| &cell.region);
        let leads = copy.replica == told.primary.replica;
        let lets = |region| match leads {
            true => law::may_keep(&state.law, shard, region).is_ok(),
            false => law::may_stand_by(&state.law, shard, region).is_ok(),
        };
        // Nobody serves at one that is given up, of a cell that nobody knows here perhaps.
        let is_silent = state.recovery.silent.contains(&copy.node);
        !is_silent && !was_there(&copy.node) && !region.is_some_and(lets)
    };
    match told.copies().find(unlawful) {
        Some(copy) => {
            let (shard, node) = (shard.clone(), copy.node.clone());
            Err(RecoveryRefusal::NotLawful { shard, node }.into())
        }
        None => Ok(()),
    }
}

fn adopt(state: &mut State, stands: &Stands) -> Result<Changes, Refusal> {
    may_adopt(state, stands)?;
    let shard = &stands.shard;
    let record = state.shards.get(shard);
    let record = record.ok_or_else(|| Refusal::UnknownShard(shard.clone()))?;
    let config = newest(record.config.as_ref(), stands.newest.clone());
    let found = config
        .as_ref()
        .map_or(record.generation, |found| found.generation);
    let generation = Generation(state.raised(found.0));
    let config = config.map(|config| in_incarnation(state, config));
    let since_ms = state.time_ms;
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    if let Some(record) = state.shards.get_mut(shard) {
        record.generation = generation;
        match config {
            Some(config) => {
                record.follow(config, since_ms);
                changes.shards.insert(shard.clone());
            }
            // Whoever is given up may have it: nothing places it by itself.
            None if !state.recovery.silent.is_empty() => {
                state.recovery.missed.insert(shard.clone());
            }
            None => {}
        }
    }
    state.recovery.unsure.remove(shard);
    if state.is_recovered() {
        changes.add(fill_all(state));
    }
    Ok(changes)
}

/// Whether everybody has told who may know of more, and what they told goes before what is given out from now on.
fn is_newest(state: &State, stands: &Stands, record: &ShardRecord) -> Result<(), Refusal> {
    let shard = || stands.shard.clone();
    if let Some(newest) = &stands.newest {
        if newest.generation <= record.generation {
            let have = record.generation;
            return Err(RecoveryRefusal::NotNewer { shard: shard(), have }.into());
        }
        if !numbers(newest).all(|number| state.is_of_before(number)) {
            return Err(RecoveryRefusal::NotBefore { shard: shard() }.into());
        }
        let born_again = newest.unborn && record.config.as_ref().is_some_and(|have| !have.unborn);
        // A lease is drawn when a shard is placed, by what held then, and stays.
        let had = record.config.as_ref().map(|have| have.lease_micros);
        let is_ours = newest.lease_micros == LEASE_MICROS || Some(newest.lease_micros) == had;
        if born_again || !is_ours {
            return Err(RecoveryRefusal::NotSound { shard: shard() }.into());
        }
    }
    let known = [record.config.as_ref(), stands.newest.as_ref()];
    let named = known.into_iter().flatten().flat_map(nodes_of);
    let waits = |node: &&NodeId| !stands.told.contains(*node) && !state.recovery.silent.contains(*node);
    match state.nodes.keys().chain(named).find(waits) {
        Some(node) => {
            let node = node.clone();
            Err(RecoveryRefusal::NotTold { shard: shard(), node }.into())
        }
        None => Ok(()),
    }
}

/// Every number in it that was given out once.
fn numbers(config: &ShardConfig) -> impl Iterator<Item = u64> {
    let order = match config.phase {
        ConfigPhase::Steady => 0,
        ConfigPhase::Promoting { index, .. } | ConfigPhase::Handover { index, .. } => index,
    };
    let orders = config.erasing.values().map(|erasing| erasing.index);
    let own = [config.generation.0, config.epoch.0, config.epoch_max.0, order];
    own.into_iter().chain(orders)
}

/// Shards that nobody has told of wait for their first primary as they did.
fn fill_all(state: &mut State) -> Changes {
    let cells: Vec<CellId> = state.cells.keys().cloned().collect();
    let mut changes = Changes::default();
    for cell in cells {
        changes.add(placement::fill_unasked(state, &cell));
    }
    changes
}

/// Every node that a configuration names in whatever part.
fn nodes_of(config: &ShardConfig) -> impl Iterator<Item = &NodeId> {
    let copies = config.copies().map(|copy| &copy.node);
    copies.chain(config.left.values())
}

/// What a node told, and of what was known what no node tells: copies that are to leave, that lie somewhere still, that were
/// ordered to be erased.
fn newest(have: Option<&ShardConfig>, told: Option<ShardConfig>) -> Option<ShardConfig> {
    let (Some(have), Some(mut config)) = (have, told.clone()) else {
        return told.or_else(|| have.cloned());
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
    Some(config)
}

/// The same, above everything that was given out before. Of a change of primary that was under way nobody knows whether it ended in
/// one who is given up by now: it becomes, or stays, a promotion, in an epoch and by an order of this incarnation.
fn in_incarnation(state: &State, mut config: ShardConfig) -> ShardConfig {
    config.generation = Generation(state.raised(config.generation.0));
    config.epoch_max = state.epochs_from();
    let forced = match &config.phase {
        ConfigPhase::Steady => return config,
        ConfigPhase::Promoting { forced, .. } => forced.clone(),
        ConfigPhase::Handover { .. } => None,
    };
    config.epoch_max = config.epoch_max.next();
    config.phase = ConfigPhase::Promoting {
        epoch: config.epoch_max,
        index: state.ledger.head().sequence + 1,
        forced,
    };
    config
}

fn give_up(state: &mut State, envelope: &Envelope, node: &NodeId) -> Result<Changes, Refusal> {
    if envelope.reason.trim().is_empty() {
        return Err(RecoveryRefusal::NoReason { node: node.clone() }.into());
    }
    if state.recovery.is_over() {
        return Err(RecoveryRefusal::NobodyWaits { node: node.clone() }.into());
    }
    let mut changes = Changes {
        hidden: state.recovery.silent.insert(node.clone()),
        ..Changes::default()
    };
    // One that comes back all the same is let in nowhere, whatever it knows.
    if let Some(cell) = state.cells.get(&node.cell) {
        let (id, region) = (node.clone(), cell.region.clone());
        let id = Author::Node { id, region }.spiffe_id(&state.world);
        let until_ms = state.time_ms + REVOKED_MS_MAX;
        let revoked = [(RevokedIdentity { id, key: None }, until_ms)].into();
        changes.add(hear(state, &envelope.author, &revoked, 0));
    }
    Ok(changes)
}

/// A person has put everybody on the list again who was erased, or has left, since the backup.
fn erasures_told(state: &mut State, envelope: &Envelope) -> Result<Changes, Refusal> {
    if envelope.reason.trim().is_empty() {
        return Err(RecoveryRefusal::NoWord.into());
    }
    Ok(Changes {
        hidden: std::mem::take(&mut state.recovery.list_may_lack),
        ..Changes::default()
    })
}
