//! What the shards of a home are to survive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// The loss after which every shard of a home goes on without having lost what was acknowledged as sync. Each includes
/// those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Survival {
    /// Of nothing: one copy.
    #[default]
    None,
    /// Of a cell: a standby in another cell of the region.
    Zone,
    /// Of a region: a standby in another region.
    Region,
}

impl Survival {
    pub const ALL: [Self; 3] = [Self::None, Self::Zone, Self::Region];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zone => "zone",
            Self::Region => "region",
        }
    }
}

impl fmt::Display for Survival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Survival {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let found = Self::ALL.into_iter().find(|goal| goal.as_str() == text);
        found.ok_or_else(|| InvalidId::new("a survival goal", "`none`, `zone` or `region`", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_read_as_it_is_written() {
        for goal in Survival::ALL {
            assert_eq!(goal.to_string().parse(), Ok(goal));
        }
        assert!("Zone".parse::<Survival>().is_err());
        assert!(Survival::ALL.is_sorted());
    }
}
