//! Places: regions, jurisdictions, homes, cells, nodes, countries.
//!
//! All are short texts of lower-case letters, digits and hyphens, cheap to clone (shared), ordered as text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// Longest name of a place, in bytes.
pub const NAME_BYTES_MAX: usize = 40;

fn is_name(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= NAME_BYTES_MAX
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// # Errors
            /// Refuses anything but lower-case letters, digits and inner hyphens, 40 bytes at most.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidId::new($what, $rule, text)) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// A place with data centres, in one country: `eu-central`.
    RegionId, "a region", "lower-case letters, digits and hyphens, such as `eu-central`"
);
name!(
    /// A legal area whose rules bind the data of its residents: `eu`.
    Jurisdiction, "a jurisdiction", "lower-case letters, digits and hyphens, such as `eu`"
);
name!(
    /// A self-contained deployment in one region that runs every domain: `eu-central-1`.
    CellId, "a cell", "lower-case letters, digits and hyphens, such as `eu-central-1`"
);

/// Writes an id as text in serde, and reads it back through `FromStr`.
macro_rules! serde_as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(id: $type) -> Self {
                id.to_string()
            }
        }
    };
}
pub(crate) use serde_as_text;

/// Where a user's data lives: jurisdiction and home region, `eu/eu-central`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HomeId {
    pub jurisdiction: Jurisdiction,
    pub region: RegionId,
}
serde_as_text!(HomeId);

impl HomeId {
    /// The label of the home's host name, below the world's domain: `eu-central.eu`.
    pub fn host_label(&self) -> String {
        format!("{}.{}", self.region, self.jurisdiction)
    }
}

impl fmt::Display for HomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.jurisdiction, self.region)
    }
}

impl FromStr for HomeId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("a home", "jurisdiction/region, such as `eu/eu-central`", text);
        let (jurisdiction, region) = text.split_once('/').ok_or_else(invalid)?;
        Ok(Self {
            jurisdiction: jurisdiction.parse().map_err(|_| invalid())?,
            region: region.parse().map_err(|_| invalid())?,
        })
    }
}

/// One `celld` process of a cell: `eu-central-1/0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId {
    pub cell: CellId,
    pub ordinal: u16,
}
serde_as_text!(NodeId);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cell, self.ordinal)
    }
}

impl FromStr for NodeId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("a node", "cell/ordinal, such as `eu-central-1/0`", text);
        let (cell, ordinal) = text.split_once('/').ok_or_else(invalid)?;
        let node = Self {
            cell: cell.parse().map_err(|_| invalid())?,
            ordinal: ordinal.parse().map_err(|_| invalid())?,
        };
        // One identity, one text: `00` and `+0` are numbers, too.
        if node.to_string() == text {
            Ok(node)
        } else {
            Err(invalid())
        }
    }
}

/// A country, as ISO 3166-1 alpha-2, upper case: `DE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);
serde_as_text!(CountryCode);

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

impl FromStr for CountryCode {
    type Err = InvalidId;
    /// Takes either case: `de` and `DE` are the same country.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(InvalidId::new(
                "a country",
                "two letters of ISO 3166-1, such as `DE`",
                text,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_as_written() {
        for text in ["eu/eu-central", "us/us-east"] {
            assert_eq!(text.parse::<HomeId>().expect("a home").to_string(), text);
        }
        assert_eq!(
            "eu-central-1/0".parse::<NodeId>().expect("a node").to_string(),
            "eu-central-1/0"
        );
        assert_eq!("de".parse::<CountryCode>().expect("a country").to_string(), "DE");
    }

    #[test]
    fn a_node_has_one_spelling() {
        for text in [
            "eu-central-1/00",
            "eu-central-1/0107",
            "eu-central-1/+0",
            "eu-central-1/",
        ] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_no_place_is_refused_with_its_rule() {
        for text in ["", "Eu", "eu_central", "-eu", "eu-", "ä", &"a".repeat(41)] {
            assert!(text.parse::<RegionId>().is_err(), "{text}");
        }
        let error = "eu".parse::<HomeId>().expect_err("no region");
        assert_eq!(
            error.to_string(),
            "`eu` is not a home: jurisdiction/region, such as `eu/eu-central`"
        );
    }
}
