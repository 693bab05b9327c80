//! Numbers that only grow: epochs, positions, generations, and the pairs made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

macro_rules! counter {
    ($(#[$doc:meta])* $type:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $type(pub u64);

        impl $type {
            /// The number after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

counter!(
    /// The term of ownership of a shard; grows with every change of primary. Written `e12`.
    Epoch, "e"
);
counter!(
    /// Compare-and-set version of a record or a table. Written `g4`.
    Generation, "g"
);
counter!(
    /// Sequence number in a shard's change log. Outside the shard always paired: [`EpochPosition`].
    Position, ""
);
counter!(
    /// How often a process has started on its data; raised durably before it serves.
    Incarnation, "i"
);

/// What a primary raises when it starts. Ordered: epoch first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Term {
    pub epoch: Epoch,
    pub incarnation: Incarnation,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.incarnation)
    }
}

/// A position as it is spoken of outside its shard: compared epoch first. Written `e12:345`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EpochPosition {
    pub epoch: Epoch,
    pub position: Position,
}

impl fmt::Display for EpochPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.position)
    }
}

impl FromStr for EpochPosition {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("a position", "epoch and position, such as `e12:345`", text);
        let (epoch, position) = text.split_once(':').ok_or_else(invalid)?;
        let epoch = epoch.strip_prefix('e').ok_or_else(invalid)?;
        Ok(Self {
            epoch: Epoch(epoch.parse().map_err(|_| invalid())?),
            position: Position(position.parse().map_err(|_| invalid())?),
        })
    }
}

/// The random name of one copy of a shard; a copy made anew has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplicaId(pub u128);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_is_later_whatever_the_position() {
        let old: EpochPosition = "e1:900".parse().expect("a pair");
        let new: EpochPosition = "e2:3".parse().expect("a pair");
        assert!(new > old);
        assert_eq!(new.to_string(), "e2:3");
        assert!("2:3".parse::<EpochPosition>().is_err());
    }
}
