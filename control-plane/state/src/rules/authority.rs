//! Directory authorities: one per jurisdiction, with a number of shards that never changes.

use platform_model::ShardId;

use crate::changes::Changes;
use crate::command::AuthoritySpec;
use crate::refusal::Refusal;
use crate::rules::placement;
use crate::state::{AuthorityRecord, State};

pub(crate) fn create(state: &mut State, spec: &AuthoritySpec) -> Result<Changes, Refusal> {
    let authority = &spec.jurisdiction;
    if state.authorities.contains_key(authority) {
        return Err(Refusal::AuthorityExists(authority.clone()));
    }
    if spec.shard_count == 0 {
        return Err(Refusal::NoShards(format!("the authority of {authority}")));
    }
    let shard = |index| ShardId::Directory {
        authority: authority.clone(),
        index,
    };
    let shards: Vec<ShardId> = (0..spec.shard_count).map(shard).collect();
    placement::may_hold(state, &shard(0), &spec.cell)?;
    placement::room_for(state, shards.len())?;
    state.authorities.insert(
        authority.clone(),
        AuthorityRecord {
            shard_count: spec.shard_count,
        },
    );
    let mut changes = Changes {
        authorities: [authority.clone()].into(),
        ..Changes::default()
    };
    changes.add(placement::add(state, shards, &spec.cell));
    Ok(changes)
}
