//! A workout as every parser hands it over: sport, records as columns, timer spans, laps and the device's own figures.
//!
//! Pure: no file format, no storage, no JSON. Files become it in [`crate::import`]; [`crate::numbers`] reads it.

pub mod channel;
pub mod figures;
pub mod records;
pub mod sport;
pub mod workout;

pub use channel::Channel;
pub use figures::Figures;
pub use records::{Builder, Quality, Records, Sample, Unrecordable};
pub use sport::Sport;
pub use workout::{Format, LapMark, Span, Workout};
