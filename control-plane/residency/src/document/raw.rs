//! `law.toml` as it is written: shapes and texts, each with its place.

use std::collections::BTreeMap;
use std::str::FromStr;

use platform_model::matrix::{LawDate, SinkKind};
use platform_model::{CountryCode, Jurisdiction, RegionId};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;

use super::Mechanism;
use crate::fault::{Fault, FaultKind};
use crate::position::Position;
use crate::source::{Digest, LAW_FILE};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLaw {
    pub version: u64,
    #[serde(deserialize_with = "from_text")]
    pub date: LawDate,
    pub title: Spanned<String>,
    pub catalogues: Vec<Spanned<RawDigest>>,
    pub regions: BTreeMap<Spanned<RegionId>, RawRegion>,
    pub jurisdictions: BTreeMap<Spanned<Jurisdiction>, RawArea>,
    #[serde(default)]
    pub mechanisms: Vec<RawGrant>,
    #[serde(default)]
    pub sinks: BTreeMap<Spanned<String>, RawSink>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegion {
    pub country: CountryCode,
    pub attested: Option<RawAttestation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAttestation {
    pub by: Spanned<String>,
    #[serde(deserialize_with = "from_text")]
    pub on: LawDate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArea {
    pub name: Spanned<String>,
    pub countries: Vec<Spanned<CountryCode>>,
    pub authority: Vec<Spanned<RegionId>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrant {
    pub kind: Mechanism,
    pub jurisdiction: Spanned<Jurisdiction>,
    pub regions: Vec<Spanned<RegionId>>,
    pub article: Spanned<String>,
    pub evidence: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSink {
    pub kind: SinkKind,
    pub region: Spanned<RegionId>,
    pub operator: Spanned<String>,
}

#[derive(Debug)]
pub(super) struct RawDigest(pub Digest);

impl<'de> Deserialize<'de> for RawDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer).map(Self)
    }
}

fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

pub(super) fn read(text: &str) -> Result<RawLaw, Vec<Fault>> {
    toml::from_str(text).map_err(|error| vec![not_toml(LAW_FILE, text, &error)])
}

pub(crate) fn not_toml(file: &str, text: &str, error: &toml::de::Error) -> Fault {
    let kind = FaultKind::NotToml(error.message().to_owned());
    match error.span() {
        Some(span) => Fault::at(Position::of(file, text, span.start), kind),
        None => Fault::at(Position::of(file, text, 0), kind),
    }
}
