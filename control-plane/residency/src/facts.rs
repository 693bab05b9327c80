//! What Cedar is told of the world: places, who attests them, mechanisms; and the requests that ask at a point.
//!
//! Everything here comes from the law itself. A fact may be changed to ask what would be ([`Facts::attest`],
//! [`Facts::add_mechanism`]); the law is not changed by it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use platform_model::matrix::{Action, Point, Purpose};
use platform_model::{CountryCode, DataClass, Jurisdiction, RegionId};

use crate::document::{Document, MechanismSet};
use crate::rules::schema;

/// A point by the places of its words in their lists, with what else a rule may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coordinates {
    pub jurisdiction: usize,
    pub region: usize,
    pub action: Action,
    pub class: DataClass,
    pub purpose: Purpose,
    pub mechanisms: MechanismSet,
    pub consent: bool,
}

#[derive(Debug, Clone)]
pub struct Facts {
    /// In the order of their names.
    pub jurisdictions: Vec<Jurisdiction>,
    /// In the order of their names.
    pub regions: Vec<RegionId>,
    countries: Vec<CountryCode>,
    attested: Vec<bool>,
    /// By jurisdiction, then region.
    mechanisms: Vec<MechanismSet>,
    /// Each country that the law names, and its jurisdiction.
    areas: Vec<(CountryCode, Option<Jurisdiction>)>,
    entities: Entities,
}

impl Facts {
    pub(crate) fn of(document: &Document) -> Self {
        let jurisdictions: Vec<_> = document.jurisdictions.keys().cloned().collect();
        let regions: Vec<_> = document.regions.keys().cloned().collect();
        let places = jurisdictions
            .iter()
            .flat_map(|j| regions.iter().map(move |r| (j, r)));
        let area = |country| (country, document.jurisdiction_of(country).cloned());
        let mut facts = Self {
            mechanisms: places.map(|(j, r)| document.mechanisms(j, r)).collect(),
            countries: document.regions.values().map(|region| region.country).collect(),
            attested: document
                .regions
                .values()
                .map(|region| region.attested.is_some())
                .collect(),
            areas: document.countries().into_iter().map(area).collect(),
            entities: Entities::empty(),
            jurisdictions,
            regions,
        };
        facts.entities = facts.entities_now();
        facts
    }

    /// As if somebody attested the region.
    pub(crate) fn attest(&mut self, region: usize) {
        self.attested[region] = true;
        self.entities = self.entities_now();
    }

    /// As if every region were attested, or none, and the same mechanisms carried data everywhere.
    pub(crate) fn everywhere(&self, attested: bool, mechanisms: MechanismSet) -> Self {
        let mut facts = self.clone();
        facts.attested.fill(attested);
        facts.mechanisms.fill(mechanisms);
        facts.entities = facts.entities_now();
        facts
    }

    /// As if there were such mechanisms besides.
    pub(crate) fn add_mechanisms(&mut self, jurisdiction: usize, region: usize, more: MechanismSet) {
        let place = jurisdiction * self.regions.len() + region;
        self.mechanisms[place] = self.mechanisms[place].union(more);
    }

    pub(crate) fn mechanisms_at(&self, jurisdiction: usize, region: usize) -> MechanismSet {
        self.mechanisms[jurisdiction * self.regions.len() + region]
    }

    pub(crate) fn is_attested(&self, region: usize) -> bool {
        self.attested[region]
    }

    /// Where a point lies; `None` if the law does not know one of its places.
    pub(crate) fn locate(&self, point: &Point, consent: bool) -> Option<Coordinates> {
        let jurisdiction = self.jurisdictions.binary_search(&point.jurisdiction).ok()?;
        let region = self.regions.binary_search(&point.region).ok()?;
        Some(Coordinates {
            jurisdiction,
            region,
            action: point.action,
            class: point.class,
            purpose: point.purpose,
            mechanisms: self.mechanisms_at(jurisdiction, region),
            consent,
        })
    }

    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    pub(crate) fn request(&self, at: &Coordinates) -> Request {
        let word = |kind, name: &str| RestrictedExpression::new_entity_uid(uid(kind, name));
        let mechanisms = at.mechanisms.iter().map(|kind| word("Mechanism", kind.as_str()));
        let context = Context::from_pairs([
            ("class".to_owned(), word("DataClass", at.class.as_str())),
            ("purpose".to_owned(), word("Purpose", at.purpose.as_str())),
            ("mechanisms".to_owned(), RestrictedExpression::new_set(mechanisms)),
            ("consent".to_owned(), RestrictedExpression::new_bool(at.consent)),
        ]);
        Request::new(
            uid("Jurisdiction", self.jurisdictions[at.jurisdiction].as_str()),
            uid("Action", at.action.as_str()),
            uid("Region", self.regions[at.region].as_str()),
            context.expect("four names, all different"),
            None,
        )
        .expect("without a schema nothing is refused")
    }

    fn entities_now(&self) -> Entities {
        let jurisdictions = self
            .jurisdictions
            .iter()
            .map(|j| alone("Jurisdiction", j.as_str(), None));
        let countries = self.areas.iter().map(|(country, jurisdiction)| {
            let parent = jurisdiction.as_ref().map(|j| uid("Jurisdiction", j.as_str()));
            alone("Country", &country.to_string(), parent)
        });
        let regions = self.regions.iter().zip(&self.countries).zip(&self.attested);
        let regions = regions.map(|((region, country), attested)| {
            let attributes =
                HashMap::from([("attested".to_owned(), RestrictedExpression::new_bool(*attested))]);
            let parents = HashSet::from([uid("Country", &country.to_string())]);
            Entity::new(uid("Region", region.as_str()), attributes, parents).expect("a bool is a value")
        });
        let all = jurisdictions.chain(countries).chain(regions).collect::<Vec<_>>();
        Entities::from_entities(all, Some(&schema::schema())).expect("the law's facts fit its schema")
    }
}

fn alone(kind: &str, name: &str, parent: Option<EntityUid>) -> Entity {
    Entity::new_no_attrs(uid(kind, name), parent.into_iter().collect())
}

/// Parsed once: a request is made at every point that is asked.
static KINDS: LazyLock<HashMap<&str, EntityTypeName>> = LazyLock::new(|| {
    let kinds = [
        "Jurisdiction",
        "Country",
        "Region",
        "Action",
        "DataClass",
        "Purpose",
        "Mechanism",
    ];
    kinds
        .into_iter()
        .map(|kind| (kind, kind.parse().expect("a plain name")))
        .collect()
});

fn uid(kind: &str, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(KINDS[kind].clone(), EntityId::new(name))
}
