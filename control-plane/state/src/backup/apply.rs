//! How such a command changes the state.

use std::collections::BTreeSet;

use platform_model::{Generation, HomeId, NodeId, ShardId, THE_PERSON, UserId};

use super::command::{BackupCommand, RestoreSpec};
use super::refusal::BackupRefusal;
use crate::changes::Changes;
use crate::command::{Author, Envelope};
use crate::limits::{
    ERASED_PER_HOME_MAX, ERASED_PER_JURISDICTION_MAX, LEFT_COPIES_MAX, OWN_ERASED_PER_HOME_MAX,
    OWN_ERASED_PER_JURISDICTION_MAX, OWN_ERASURES_PER_DAY_MAX,
};
use crate::operation::supersede;
use crate::refusal::Refusal;
use crate::rules::shard::{may_lead, may_take_copy, served};
use crate::shard_config::{ConfigPhase, CopyState, ShardConfig, ShardCopy};
use crate::state::State;

pub(crate) fn apply(
    state: &mut State,
    envelope: &Envelope,
    command: &BackupCommand,
) -> Result<Changes, Refusal> {
    match command {
        BackupCommand::BeginErasure { home, user, by } => begin(state, envelope, (home, *user), by),
        BackupCommand::RecordErasure { home, user, .. } => record(state, envelope, (home, *user)),
        BackupCommand::NoteWork { shard, user, .. } => note(state, envelope, shard, *user),
        BackupCommand::RecordDeparture { home, user, to, .. } => depart(state, envelope, (home, *user), to),
        BackupCommand::RestoreShard(spec) => restore(state, envelope, spec),
    }
}

/// Puts the person on the list. Idempotent: one who is on it stays.
fn begin(
    state: &mut State,
    envelope: &Envelope,
    (home, user): (&HomeId, UserId),
    by: &str,
) -> Result<Changes, Refusal> {
    is_of_whoever_serves(state, &envelope.author, home, user)?;
    if by.trim().is_empty() || envelope.reason.trim().is_empty() {
        return Err(BackupRefusal::NoReason { user }.into());
    }
    if state.erasures.erased_ms(home, user).is_none() {
        // Version 1 knew no bound of their own.
        if by == THE_PERSON && envelope.version >= 2 {
            has_room_for_his_own(state, home)?;
        }
        has_room(state, home)?;
    }
    Ok(noted(state.erasures.begin(home, user, state.time_ms)))
}

/// Idempotent: a certificate that is repeated changes nothing.
fn record(
    state: &mut State,
    envelope: &Envelope,
    (home, user): (&HomeId, UserId),
) -> Result<Changes, Refusal> {
    is_of_whoever_serves(state, &envelope.author, home, user)?;
    if state.erasures.erased_ms(home, user).is_none() {
        return Err(BackupRefusal::NotBegun { user }.into());
    }
    Ok(noted(state.erasures.end(home, user)))
}

/// What he had in that home is gone, and he lives in another: who restores the one leaves him out. Idempotent.
fn depart(
    state: &mut State,
    envelope: &Envelope,
    (home, user): (&HomeId, UserId),
    to: &HomeId,
) -> Result<Changes, Refusal> {
    is_of_whoever_serves(state, &envelope.author, home, user)?;
    if !state.homes.contains_key(to) || to == home {
        return Err(Refusal::UnknownHome(to.clone()));
    }
    if state.departures.erased_ms(home, user).is_none() && state.departures.count(home) >= ERASED_PER_HOME_MAX
    {
        let (home, max) = (home.clone(), ERASED_PER_HOME_MAX);
        return Err(BackupRefusal::TooMany { home, max }.into());
    }
    let new = state.departures.begin(home, user, state.time_ms);
    state.departures.end(home, user);
    Ok(noted(new))
}

/// The decision is the record. What is about a person is noted by whoever serves him.
fn note(
    state: &State,
    envelope: &Envelope,
    shard: &ShardId,
    user: Option<UserId>,
) -> Result<Changes, Refusal> {
    let unknown = || Refusal::UnknownShard(shard.clone());
    if !state.shards.contains_key(shard) {
        return Err(unknown());
    }
    if let Some(user) = user {
        is_of_whoever_serves(state, &envelope.author, shard.home().ok_or_else(unknown)?, user)?;
    }
    Ok(noted(true))
}

fn noted(hidden: bool) -> Changes {
    Changes {
        hidden,
        ..Changes::default()
    }
}

fn is_of_whoever_serves(state: &State, author: &Author, home: &HomeId, user: UserId) -> Result<(), Refusal> {
    let known = state.homes.get(home);
    let known = known.ok_or_else(|| Refusal::UnknownHome(home.clone()))?;
    let shard = ShardId::of_user(home, known.shard_count, user);
    let config = served(state, &shard)?;
    if matches!(author, Author::Node { id, .. } if *id == config.primary.node) {
        return Ok(());
    }
    Err(Refusal::NotYours {
        author: author.to_string(),
        subject: format!("shard {shard}"),
    })
}

/// The list forgets nobody, and anybody may register and erase himself: he fills only a part of it, and not fast. Takes one of
/// the day's places; whoever has one finds room on the list, too.
fn has_room_for_his_own(state: &mut State, home: &HomeId) -> Result<(), Refusal> {
    let (erasures, jurisdiction) = (&mut state.erasures, &home.jurisdiction);
    if erasures.count(home) >= OWN_ERASED_PER_HOME_MAX {
        let (home, max) = (home.clone(), OWN_ERASED_PER_HOME_MAX);
        return Err(BackupRefusal::OwnTooMany { home, max }.into());
    }
    if erasures.count_in(jurisdiction) >= OWN_ERASED_PER_JURISDICTION_MAX {
        let (jurisdiction, max) = (jurisdiction.clone(), OWN_ERASED_PER_JURISDICTION_MAX);
        return Err(BackupRefusal::OwnTooManyThere { jurisdiction, max }.into());
    }
    if !erasures.take_own(home, state.time_ms) {
        let (home, max) = (home.clone(), OWN_ERASURES_PER_DAY_MAX);
        return Err(BackupRefusal::OwnTooManyToday { home, max }.into());
    }
    Ok(())
}

/// What is listed must fit into one answer to whoever restores a directory shard.
fn has_room(state: &State, home: &HomeId) -> Result<(), Refusal> {
    if state.erasures.count(home) >= ERASED_PER_HOME_MAX {
        let (home, max) = (home.clone(), ERASED_PER_HOME_MAX);
        return Err(BackupRefusal::TooMany { home, max }.into());
    }
    let jurisdiction = &home.jurisdiction;
    if state.erasures.count_in(jurisdiction) >= ERASED_PER_JURISDICTION_MAX {
        let (jurisdiction, max) = (jurisdiction.clone(), ERASED_PER_JURISDICTION_MAX);
        return Err(BackupRefusal::TooManyThere { jurisdiction, max }.into());
    }
    Ok(())
}

/// Whether a node leads the shard, or could be given it: who was erased is told to no other. Who leads goes by that list in
/// each epoch, whatever the law has come to say of the place.
///
/// # Errors
/// The rule that keeps it out.
pub fn may_read_erased(state: &State, shard: &ShardId, node: &NodeId) -> Result<(), Refusal> {
    let leads = served(state, shard).is_ok_and(|config| config.primary.node == *node);
    if leads {
        return Ok(());
    }
    may_lead(state, shard, node)
}

/// People whose erasure was begun and has not come to its end, of every shard of that home of which `node` holds a copy; of no
/// node, all of them. Whoever serves a person ends his erasure, whatever the law has come to say of that place.
///
/// # Errors
/// Whoever holds no copy of the shard is told of nobody.
pub fn open_erasures_at<'a>(
    state: &'a State,
    shard: &ShardId,
    node: Option<&'a NodeId>,
) -> Result<impl Iterator<Item = UserId> + 'a, Refusal> {
    let unknown = || Refusal::UnknownShard(shard.clone());
    let home = shard.home().ok_or_else(unknown)?;
    let (home, known) = state.homes.get_key_value(home).ok_or_else(unknown)?;
    let holds = move |shard: &ShardId| {
        let record = state.shards.get(shard).and_then(|record| record.config.as_ref());
        let mut copies = record.into_iter().flat_map(ShardConfig::copies);
        node.is_none_or(|node| copies.any(|copy| copy.node == *node))
    };
    if !holds(shard) {
        return Err(Refusal::NotYours {
            author: node.map(ToString::to_string).unwrap_or_default(),
            subject: format!("shard {shard}"),
        });
    }
    let count = known.shard_count;
    let here = move |user: &UserId| holds(&ShardId::of_user(home, count, *user));
    Ok(state.erasures.open(home).filter(here))
}

fn restore(state: &mut State, envelope: &Envelope, spec: &RestoreSpec) -> Result<Changes, Refusal> {
    let config = served(state, &spec.shard)?;
    may_be_given_up(state, envelope, spec, config)?;
    may_take_copy(state, &spec.shard, &spec.node)?;
    may_lead(state, &spec.shard, &spec.node)?;
    list_was_applied(state, spec)?;
    let config = anew(config.clone(), spec)?;
    let since_ms = state.time_ms;
    if let Some(record) = state.shards.get_mut(&spec.shard) {
        record.follow(config, since_ms);
    }
    let mut changes = supersede(state, &spec.shard, "superseded by a restore".to_owned());
    changes.shards.insert(spec.shard.clone());
    Ok(changes)
}

/// Whether the configuration that stands may be left for another that shares no copy with it.
fn may_be_given_up(
    state: &State,
    envelope: &Envelope,
    spec: &RestoreSpec,
    config: &ShardConfig,
) -> Result<(), Refusal> {
    let shard = || spec.shard.clone();
    if config.generation != spec.expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("shard {}", spec.shard),
            have: config.generation,
            expected: spec.expected,
        });
    }
    if !spec.copies_are_lost || envelope.reason.trim().is_empty() {
        return Err(BackupRefusal::NoProof { shard: shard() }.into());
    }
    if config.unborn {
        return Err(BackupRefusal::Unborn { shard: shard() }.into());
    }
    // Since version 2 it ends with the copies that it was about.
    match state.operations.active_on(&spec.shard) {
        Some((operation, _)) if envelope.version < 2 => {
            let shard = shard();
            Err(BackupRefusal::UnderWay { shard, operation }.into())
        }
        _ => Ok(()),
    }
}

/// A backup knows nothing of who was erased since: the list as it is now was applied, or nothing is restored.
fn list_was_applied(state: &State, spec: &RestoreSpec) -> Result<(), Refusal> {
    let have = state.left_out_digest(&spec.shard);
    if have == spec.erased {
        return Ok(());
    }
    let (shard, given) = (spec.shard.clone(), spec.erased);
    Err(BackupRefusal::OtherList { shard, have, given }.into())
}

/// One copy, in an epoch of its own. All others are noted where they lie, so that they are erased if they come back.
fn anew(mut config: ShardConfig, spec: &RestoreSpec) -> Result<ShardConfig, Refusal> {
    let shard = || spec.shard.clone();
    // The next, and no other: a number far ahead would use up those that are left.
    if spec.epoch.0.checked_sub(1) != Some(config.epoch_max.0) {
        let (have, given) = (config.epoch_max, spec.epoch);
        let shard = shard();
        return Err(BackupRefusal::EpochGivenOut { shard, have, given }.into());
    }
    let gone = config.erased.contains(&spec.replica) || config.left.contains_key(&spec.replica);
    if config.names(spec.replica) || gone {
        let (shard, replica) = (shard(), spec.replica);
        return Err(BackupRefusal::NameTaken { shard, replica }.into());
    }
    let before: Vec<ShardCopy> = config.copies().cloned().collect();
    if config.left.len() + config.erasing.len() + before.len() > LEFT_COPIES_MAX {
        let (shard, max) = (shard(), LEFT_COPIES_MAX);
        return Err(BackupRefusal::TooManyLeft { shard, max }.into());
    }
    config
        .left
        .extend(before.into_iter().map(|copy| (copy.replica, copy.node)));
    config.primary = ShardCopy {
        node: spec.node.clone(),
        replica: spec.replica,
        state: CopyState::InSync,
    };
    config.standbys.clear();
    config.retiring = BTreeSet::new();
    config.phase = ConfigPhase::Steady;
    (config.epoch, config.epoch_max) = (spec.epoch, spec.epoch);
    config.generation = Generation(config.generation.0 + 1);
    Ok(config)
}
