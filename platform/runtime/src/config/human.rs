//! Durations and sizes as people write them: `30s`, `250ms`, `64KiB`.
//!
//! One number and one unit; no fractions, no sums, so that a value has one meaning.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A text that is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct InvalidQuantity {
    pub text: String,
    /// What was expected, with examples.
    pub what: &'static str,
}

/// A duration: a whole number of `us`, `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(pub Duration);

/// A number of bytes: a whole number of `B`, `KiB`, `MiB`, `GiB` or `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanSize(pub u64);

/// Units from small to large, in microseconds.
const DURATIONS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Units from small to large, in bytes.
const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

const A_DURATION: &str = "a duration, such as `250ms`, `30s` or `5m`";
const A_SIZE: &str = "a size, such as `512B`, `64KiB` or `1GiB`";

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl fmt::Display for HumanDuration {
    /// In the largest unit that says it exactly; below a microsecond is cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        write_in(f, microseconds, &DURATIONS, "s")
    }
}

impl fmt::Display for HumanSize {
    /// In the largest unit that says it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(f, self.0, &SIZES, "B")
    }
}

impl FromStr for HumanDuration {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        parse(text, &DURATIONS, A_DURATION).map(|us| Self(Duration::from_micros(us)))
    }
}

impl FromStr for HumanSize {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        parse(text, &SIZES, A_SIZE).map(Self)
    }
}

macro_rules! as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = InvalidQuantity;
            fn try_from(text: String) -> Result<Self, InvalidQuantity> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(quantity: $type) -> Self {
                quantity.to_string()
            }
        }
    };
}
as_text!(HumanDuration);
as_text!(HumanSize);

fn parse(text: &str, units: &[(&str, u64)], what: &'static str) -> Result<u64, InvalidQuantity> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .map(|(_, factor)| *factor);
    let value = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    value.ok_or_else(|| InvalidQuantity {
        text: text.chars().take(64).collect(),
        what,
    })
}

fn write_in(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)], of_zero: &str) -> fmt::Result {
    if value == 0 {
        return write!(f, "0{of_zero}");
    }
    let (unit, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value.is_multiple_of(*factor))
        .expect("the first unit divides all");
    write!(f, "{}{unit}", value / factor)
}
