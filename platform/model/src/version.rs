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

/// The random name of one copy of a shard; a copy made anew has a new one. Written as 32 hex digits, stored so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicaId(pub u128);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ReplicaId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let digits = text.len() == 32 && text.bytes().all(digit);
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| InvalidId::new("the name of a copy", "32 lower-case hex digits", text))
    }
}

impl TryFrom<String> for ReplicaId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ReplicaId> for String {
    fn from(id: ReplicaId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_copy_is_read_as_it_is_written() {
        let id = ReplicaId(u128::MAX - 7);
        assert_eq!(id.to_string().parse(), Ok(id));
        let other = [
            "7",
            "+0000000000000000000000000000000",
            &"F".repeat(32),
            &"0".repeat(33),
        ];
        assert!(other.iter().all(|text| text.parse::<ReplicaId>().is_err()));
    }

    #[test]
    fn a_later_epoch_is_later_whatever_the_position() {
        let old: EpochPosition = "e1:900".parse().expect("a pair");
        let new: EpochPosition = "e2:3".parse().expect("a pair");
        assert!(new > old);
        assert_eq!(new.to_string(), "e2:3");
        assert!("2:3".parse::<EpochPosition>().is_err());
    }
}
