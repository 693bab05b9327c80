//! The one model into which each format is read.

use super::{Figures, Quality, Records, Sport};

/// The format of the file, after unpacking. The number is part of the stored format and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    Fit = 1,
    Gpx = 2,
    Tcx = 3,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Gpx => "gpx",
            Self::Tcx => "tcx",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Fit => "application/vnd.ant.fit",
            Self::Gpx => "application/gpx+xml",
            Self::Tcx => "application/vnd.garmin.tcx+xml",
        }
    }

    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Fit, Self::Gpx, Self::Tcx]
            .into_iter()
            .find(|format| *format as u32 == number)
    }
}

/// A stretch of time, both ends in milliseconds since 1970, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start_ms: i64,
    pub end_ms: i64,
}

impl Span {
    pub fn length_s(self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1_000.0
    }

    pub fn holds(self, time_ms: i64) -> bool {
        self.start_ms <= time_ms && time_ms <= self.end_ms
    }

    /// What both spans share, if that is more than a moment.
    pub fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            start_ms: self.start_ms.max(other.start_ms),
            end_ms: self.end_ms.min(other.end_ms),
        };
        (both.start_ms < both.end_ms).then_some(both)
    }
}

/// A lap as the file marks it, with the device's own figures of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LapMark {
    pub span: Span,
    pub device: Figures,
}

/// What was read from one file. Records are in order of time; laps too; timer spans do not overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Workout {
    pub format: Format,
    pub sport: Sport,
    pub name: Option<String>,
    /// Maker or product of the recorder, as the file says.
    pub device_name: Option<String>,
    /// From the start (of the timer where the file says so) to the last record or stop.
    pub span: Span,
    pub records: Records,
    /// When the timer ran. Never empty.
    pub timer: Vec<Span>,
    pub laps: Vec<LapMark>,
    /// What the file says of the whole: the FIT session, the sums of TCX laps, GPX track statistics.
    pub device: Figures,
    pub quality: Quality,
}
