//! Homes: made once, with a number of shards that never changes.

use std::collections::BTreeSet;

use platform_model::{HomeId, ShardId};

use crate::changes::Changes;
use crate::command::HomeSpec;
use crate::limits::{HOMES_MAX, HOST_BYTES_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, country, placement, text};
use crate::state::{HomeRecord, State, SurvivalGoal};

pub(crate) fn create(state: &mut State, spec: &HomeSpec) -> Result<Changes, Refusal> {
    if state.homes.contains_key(&spec.id) {
        return Err(Refusal::HomeExists(spec.id.clone()));
    }
    text(Text::Host, &spec.host, 1, HOST_BYTES_MAX)?;
    free_host(state, &spec.host)?;
    count(Counted::Homes, state.homes.len() + 1, HOMES_MAX)?;
    let shards = shards_of(&spec.id, spec.shard_count)?;
    placement::may_hold(
        state,
        &ShardId::Keys {
            home: spec.id.clone(),
        },
        &spec.cell,
    )?;
    placement::room_for(state, shards.len())?;
    let record = HomeRecord {
        shard_count: spec.shard_count,
        host: spec.host.clone(),
        token_keys: Vec::new(),
        admitted: BTreeSet::new(),
        survival: SurvivalGoal::default(),
    };
    state.homes.insert(spec.id.clone(), record);
    let mut changes = Changes {
        homes: [spec.id.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::add(state, shards, &spec.cell));
    changes.add(country::as_the_law_says(state));
    Ok(changes)
}

/// A home's name tells it from every other, so no two have one, and none has the common one.
fn free_host(state: &State, host: &str) -> Result<(), Refusal> {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !host.split('.').all(label) {
        return Err(Refusal::NotAHost(host.to_owned()));
    }
    let common = state.made.as_ref().is_some_and(|made| made.common_host == host);
    if common || state.homes.values().any(|home| home.host == host) {
        return Err(Refusal::HostTaken(host.to_owned()));
    }
    Ok(())
}

fn shards_of(home: &HomeId, count: u16) -> Result<Vec<ShardId>, Refusal> {
    if count == 0 {
        return Err(Refusal::NoShards(format!("home {home}")));
    }
    let roots = (0..count).map(|index| ShardId::Root {
        home: home.clone(),
        index,
    });
    Ok(roots.chain([ShardId::Keys { home: home.clone() }]).collect())
}
