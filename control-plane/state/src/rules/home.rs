//! Homes: made once, with a number of shards that never changes.

use platform_model::{HomeId, ShardId};

use crate::changes::Changes;
use crate::command::HomeSpec;
use crate::limits::{HOMES_MAX, HOST_BYTES_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, placement, text};
use crate::state::{HomeRecord, State};

pub(crate) fn create(state: &mut State, spec: &HomeSpec) -> Result<Changes, Refusal> {
    if state.homes.contains_key(&spec.id) {
        return Err(Refusal::HomeExists(spec.id.clone()));
    }
    text(Text::Host, &spec.host, 1, HOST_BYTES_MAX)?;
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
    };
    state.homes.insert(spec.id.clone(), record);
    let mut changes = Changes {
        homes: [spec.id.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::add(state, shards, &spec.cell));
    Ok(changes)
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
