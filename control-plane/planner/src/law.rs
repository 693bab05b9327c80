//! The law in force, asked for whole copies of a shard.

use control_plane_state::State;
use platform_model::matrix::{Action, Denied};
use platform_model::{RegionId, ShardId};

/// The rules that let a primary of `shard` be in `region`.
///
/// # Errors
/// `None` inside: no law is in force.
pub(crate) fn may_lead(
    state: &State,
    shard: &ShardId,
    region: &RegionId,
) -> Result<Vec<String>, Option<Denied>> {
    let matrix = state.law.matrix().ok_or(None)?;
    let rules = matrix.may_serve(shard, region).map_err(Some)?;
    Ok(rules.into_iter().map(ToOwned::to_owned).collect())
}

/// Whether a standby may be there that could lead: one that could not counts for nothing.
///
/// # Errors
/// As [`may_lead`].
pub(crate) fn may_stand_by(state: &State, shard: &ShardId, region: &RegionId) -> Result<(), Option<Denied>> {
    may_lie(state, shard, region)?;
    may_lead(state, shard, region).map(|_| ())
}

/// Whether a copy of any use may be there at all.
///
/// # Errors
/// As [`may_lead`].
pub(crate) fn may_lie(state: &State, shard: &ShardId, region: &RegionId) -> Result<(), Option<Denied>> {
    let matrix = state.law.matrix().ok_or(None)?;
    let allowed = match shard.home() {
        Some(home) => matrix.may_keep_shard(Action::StoreStandby, &home.jurisdiction, region),
        None => matrix.may_hold_claims(shard.jurisdiction(), region),
    };
    allowed.map(|_| ()).map_err(Some)
}
