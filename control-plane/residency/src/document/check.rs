//! From `law.toml` as written to a [`Document`] whose names all stand for something.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use platform_model::matrix::{
    CATALOGUES_MAX, ID_BYTES_MAX, JURISDICTIONS_MAX, LawVersion, REGIONS_MAX, SINKS_MAX,
};
use platform_model::{Jurisdiction, RegionId};
use toml::Spanned;

use super::raw::{RawArea, RawGrant, RawLaw, RawRegion};
use super::{Area, Attestation, Document, Grant, Region, SinkEntry, TEXT_BYTES_MAX};
use crate::fault::{Fault, FaultKind};
use crate::position::Position;
use crate::source::LAW_FILE;

/// Most grants of one law.
const GRANTS_MAX: usize = 1_024;
/// Most countries of one jurisdiction; ISO 3166-1 has 249.
const COUNTRIES_MAX: usize = 249;

pub(super) fn document(text: &str, raw: RawLaw) -> Result<Document, Vec<Fault>> {
    let mut check = Check {
        text,
        faults: Vec::new(),
        regions: BTreeSet::new(),
        jurisdictions: BTreeSet::new(),
    };
    check
        .regions
        .extend(raw.regions.keys().map(|name| name.get_ref().clone()));
    check
        .jurisdictions
        .extend(raw.jurisdictions.keys().map(|name| name.get_ref().clone()));
    check.counts(&raw);
    check.countries_once(&raw);
    let document = Document {
        version: LawVersion(raw.version),
        date: raw.date,
        title: check.text_of("the title", raw.title),
        catalogues: raw
            .catalogues
            .into_iter()
            .map(|digest| digest.into_inner().0)
            .collect(),
        regions: raw
            .regions
            .into_iter()
            .map(|(name, raw)| (name.into_inner(), check.region(raw)))
            .collect(),
        jurisdictions: raw
            .jurisdictions
            .into_iter()
            .map(|(name, raw)| (name.get_ref().clone(), check.area(name.get_ref(), raw)))
            .collect(),
        grants: raw.mechanisms.into_iter().map(|raw| check.grant(raw)).collect(),
        sinks: check.sinks(raw.sinks),
    };
    if check.faults.is_empty() {
        Ok(document)
    } else {
        Err(check.faults)
    }
}

struct Check<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    regions: BTreeSet<RegionId>,
    jurisdictions: BTreeSet<Jurisdiction>,
}

impl Check<'_> {
    fn fault(&mut self, span: Range<usize>, kind: FaultKind) {
        self.faults
            .push(Fault::at(Position::of(LAW_FILE, self.text, span.start), kind));
    }

    fn counts(&mut self, raw: &RawLaw) {
        let counts = [
            ("regions", raw.regions.len(), 1, REGIONS_MAX),
            ("jurisdictions", raw.jurisdictions.len(), 1, JURISDICTIONS_MAX),
            ("catalogues", raw.catalogues.len(), 1, CATALOGUES_MAX),
            ("mechanisms", raw.mechanisms.len(), 0, GRANTS_MAX),
            ("sinks", raw.sinks.len(), 0, SINKS_MAX),
        ];
        for (what, count, least, most) in counts {
            if !(least..=most).contains(&count) {
                self.faults.push(Fault::nowhere(FaultKind::Count {
                    what,
                    count,
                    least,
                    most,
                }));
            }
        }
    }

    fn countries_once(&mut self, raw: &RawLaw) {
        let mut seen = BTreeSet::new();
        for (jurisdiction, area) in &raw.jurisdictions {
            let count = area.countries.len();
            if !(1..=COUNTRIES_MAX).contains(&count) {
                let what = "countries for each jurisdiction";
                self.fault(
                    jurisdiction.span(),
                    FaultKind::Count {
                        what,
                        count,
                        least: 1,
                        most: COUNTRIES_MAX,
                    },
                );
            }
            for country in &area.countries {
                if !seen.insert(*country.get_ref()) {
                    self.fault(country.span(), FaultKind::CountryTwice(*country.get_ref()));
                }
            }
        }
    }

    fn text_of(&mut self, what: &str, text: Spanned<String>) -> String {
        self.short(what, text, TEXT_BYTES_MAX)
    }

    fn short(&mut self, what: &str, text: Spanned<String>, max: usize) -> String {
        let (span, text) = (text.span(), text.into_inner());
        let bytes = text.trim().len();
        if !(1..=max).contains(&bytes) {
            let what = what.to_owned();
            self.fault(span, FaultKind::Length { what, bytes, max });
        }
        text
    }

    fn region(&mut self, raw: RawRegion) -> Region {
        let attested = raw.attested.map(|attested| Attestation {
            by: self.text_of("who attests a region", attested.by),
            on: attested.on,
        });
        Region {
            country: raw.country,
            attested,
        }
    }

    fn area(&mut self, name: &Jurisdiction, raw: RawArea) -> Area {
        let what = format!("the authority of {name}");
        Area {
            name: self.text_of(&format!("the name of {name}"), raw.name),
            countries: raw.countries.into_iter().map(Spanned::into_inner).collect(),
            authority: self.known_regions(&what, raw.authority),
        }
    }

    fn grant(&mut self, raw: RawGrant) -> Grant {
        let what = format!("a mechanism ({})", raw.kind);
        let (span, jurisdiction) = (raw.jurisdiction.span(), raw.jurisdiction.into_inner());
        if !self.jurisdictions.contains(&jurisdiction) {
            let nearest = nearest(
                jurisdiction.as_str(),
                self.jurisdictions.iter().map(Jurisdiction::as_str),
            );
            let name = format!("jurisdiction {jurisdiction}");
            self.fault(
                span,
                FaultKind::Unknown {
                    what: what.clone(),
                    name,
                    nearest,
                },
            );
        }
        Grant {
            kind: raw.kind,
            jurisdiction,
            regions: self.known_regions(&what, raw.regions),
            article: self.text_of(&format!("the article of {what}"), raw.article),
            evidence: self.text_of(&format!("the evidence of {what}"), raw.evidence),
        }
    }

    fn known_regions(&mut self, what: &str, regions: Vec<Spanned<RegionId>>) -> BTreeSet<RegionId> {
        regions
            .into_iter()
            .map(|region| self.known_region(what, region))
            .collect()
    }

    fn known_region(&mut self, what: &str, region: Spanned<RegionId>) -> RegionId {
        let (span, region) = (region.span(), region.into_inner());
        if !self.regions.contains(&region) {
            let nearest = nearest(region.as_str(), self.regions.iter().map(RegionId::as_str));
            let (what, name) = (what.to_owned(), format!("region {region}"));
            self.fault(span, FaultKind::Unknown { what, name, nearest });
        }
        region
    }

    fn sinks(&mut self, raw: BTreeMap<Spanned<String>, super::raw::RawSink>) -> BTreeMap<String, SinkEntry> {
        let mut sinks = BTreeMap::new();
        for (name, raw) in raw {
            let (what, name) = (
                format!("the sink {}", name.get_ref()),
                self.short("the name of a sink", name, ID_BYTES_MAX),
            );
            let entry = SinkEntry {
                kind: raw.kind,
                region: self.known_region(&what, raw.region),
                operator: self.text_of(&format!("the operator of {what}"), raw.operator),
            };
            sinks.insert(name, entry);
        }
        sinks
    }
}

/// The known name that is written most alike, if one is alike at all (edit distance up to a third of its length).
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = known.map(|known| (distance(name, known), known));
    let (far, known) = near.min()?;
    (far * 3 <= known.len().max(3)).then(|| known.to_owned())
}

/// Levenshtein's distance, in bytes: names are ASCII and short.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_written_nearly_right_is_recognised() {
        let known = || ["eu-central", "eu-west", "us-east"].into_iter();
        assert_eq!(nearest("eu-centrl", known()).as_deref(), Some("eu-central"));
        assert_eq!(nearest("us-eats", known()).as_deref(), Some("us-east"));
        assert_eq!(nearest("ru-west-1", known()).as_deref(), None);
        assert_eq!(nearest("xy", known()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
