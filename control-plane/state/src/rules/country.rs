//! To which jurisdiction residents of a country belong.

use platform_model::{CountryCode, Jurisdiction};

use crate::changes::Changes;
use crate::limits::COUNTRIES_MAX;
use crate::refusal::{Counted, Refusal};
use crate::rules::count;
use crate::state::State;

pub(crate) fn set(state: &mut State, country: CountryCode, to: &Jurisdiction) -> Result<Changes, Refusal> {
    if !state.homes.keys().any(|home| home.jurisdiction == *to) {
        return Err(Refusal::NoHomeInJurisdiction {
            country,
            jurisdiction: to.clone(),
        });
    }
    if state.countries.get(&country) == Some(to) {
        return Ok(Changes::default());
    }
    let new = usize::from(!state.countries.contains_key(&country));
    count(Counted::Countries, state.countries.len() + new, COUNTRIES_MAX)?;
    state.countries.insert(country, to.clone());
    Ok(Changes {
        countries: [country].into(),
        ..Changes::default()
    })
}
