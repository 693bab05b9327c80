//! Where regions stand, said by a person who answers for it. Nothing joins in a region of which nobody did.

use platform_model::{CountryCode, RegionId};
use serde::{Deserialize, Serialize};

use super::hidden;
use crate::changes::Changes;
use crate::command::Author;
use crate::limits::{PLACE_BYTES_MAX, REGIONS_MAX};
use crate::refusal::{Counted, Refusal, Text};
use crate::rules::{count, text};
use crate::state::State;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestedRegion {
    pub country: CountryCode,
    pub place: String,
    /// SPIFFE id.
    pub by: String,
    pub attested_ms: u64,
}

pub(super) fn attest(
    state: &mut State,
    author: &Author,
    region: &RegionId,
    country: CountryCode,
    place: &str,
) -> Result<Changes, Refusal> {
    text(Text::Place, place, 1, PLACE_BYTES_MAX)?;
    let known = state.trust.regions.get(region);
    if known.is_some_and(|known| known.country == country && known.place == place) {
        return Ok(Changes::default());
    }
    if known.is_none() {
        count(Counted::Regions, state.trust.regions.len() + 1, REGIONS_MAX)?;
    }
    let record = AttestedRegion {
        country,
        place: place.to_owned(),
        by: author.spiffe_id(&state.world),
        attested_ms: state.time_ms,
    };
    state.trust.regions.insert(region.clone(), record);
    Ok(hidden())
}
