//! Samples: long columns of numbers, one for each channel of a series (an activity), coded with pco in chunks.
//!
//! A series has a sealed directory with its channels and where their chunks begin; a chunk holds consecutive values,
//! the missing ones as run lengths beside the present ones. Channel names stand in no key.
//!
//! Keys: `(domain, "#samples", 0, series)` the directory, `(.., 1, series, channel number, chunk)` chunks.
//!
//! Not here: what a channel means, resolution, units.

mod codec;
mod series;
#[cfg(test)]
mod tests;

pub use codec::{CodecError, decode, encode};
pub use series::{ChannelInfo, channels, delete, read, write};

pub(crate) const LAYER: &str = "#samples";

/// Values of one column, at most: 139 hours at one a second.
pub const VALUES_MAX: usize = 500_000;
/// Channels of one series, at most.
pub const CHANNELS_MAX: usize = 64;
/// Chunks of one series, at most: what one transaction removes.
pub const CHUNKS_MAX: usize = 900;
/// Values of a chunk, at least, where the column has that many; less than twice that, at most.
pub const CHUNK_VALUES: usize = 12_288;

/// A column. `None` is a value that the device did not give.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    I64(Vec<Option<i64>>),
    F64(Vec<Option<f64>>),
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Self::I64(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<Option<i64>>> for Column {
    fn from(values: Vec<Option<i64>>) -> Self {
        Self::I64(values)
    }
}

impl From<Vec<Option<f64>>> for Column {
    fn from(values: Vec<Option<f64>>) -> Self {
        Self::F64(values)
    }
}
