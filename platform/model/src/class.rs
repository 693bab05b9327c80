//! Data classes: what kind of data a field is. The law speaks of classes, never of fields.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// Every stored field has exactly one. The numbers are those of the proto option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DataClass {
    PublicProfile = 1,
    Contact = 2,
    Credential = 3,
    Health = 4,
    Location = 5,
    Payment = 6,
    Social = 7,
    Behaviour = 8,
    Operational = 9,
}

impl DataClass {
    pub const ALL: [Self; 9] = [
        Self::PublicProfile,
        Self::Contact,
        Self::Credential,
        Self::Health,
        Self::Location,
        Self::Payment,
        Self::Social,
        Self::Behaviour,
        Self::Operational,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicProfile => "public-profile",
            Self::Contact => "contact",
            Self::Credential => "credential",
            Self::Health => "health",
            Self::Location => "location",
            Self::Payment => "payment",
            Self::Social => "social",
            Self::Behaviour => "behaviour",
            Self::Operational => "operational",
        }
    }

    /// Whether a value of this class says something about a person. All do but `operational`.
    pub fn is_personal(self) -> bool {
        self != Self::Operational
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DataClass {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| InvalidId::new("a data class", "one of the nine, such as `health`", text))
    }
}
