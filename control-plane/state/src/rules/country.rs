//! To which jurisdiction residents of a country belong. Once a law is in force, it says so.

use std::collections::{BTreeMap, BTreeSet};

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
    if let Some(matrix) = state.law.matrix() {
        let by_law = matrix.countries().get(&country);
        if by_law != Some(to) {
            let by_law = by_law.cloned();
            return Err(Refusal::LawSaysCountry { country, by_law });
        }
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

/// Makes the map of countries that of the law in force, as far as there are homes. Nothing without a law.
pub(crate) fn as_the_law_says(state: &mut State) -> Changes {
    let Some(matrix) = state.law.matrix() else {
        return Changes::default();
    };
    let served: BTreeSet<&Jurisdiction> = state.homes.keys().map(|home| &home.jurisdiction).collect();
    let countries = matrix.countries().iter();
    let next: BTreeMap<CountryCode, Jurisdiction> = countries
        .filter(|(_, jurisdiction)| served.contains(jurisdiction))
        .map(|(country, jurisdiction)| (*country, jurisdiction.clone()))
        .collect();
    let all: BTreeSet<CountryCode> = state.countries.keys().chain(next.keys()).copied().collect();
    let other = |country: &CountryCode| state.countries.get(country) != next.get(country);
    let countries = all.into_iter().filter(other).collect();
    state.countries = next;
    Changes {
        countries,
        ..Changes::default()
    }
}
