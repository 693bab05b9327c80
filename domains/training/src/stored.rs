//! The stored records (`proto/training.proto`) and how they come from what was computed.

use uuid::Uuid;

use crate::model::{self, Channel, Span, Workout};
use crate::numbers::{self, Numbers};

#[allow(
    clippy::match_single_binding,
    reason = "the generated code of a table without an index"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/training.rs"));
}

pub use generated::*;

/// Laps of one row.
pub const LAPS_PER_PAGE: usize = 200;

/// The file as it came, beside what was read from it.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub id: Uuid,
    pub sha256: [u8; 32],
    pub size_bytes: u64,
    pub gzip: bool,
}

impl Activity {
    /// The row of a workout; `uploaded_ms` is set when it is written.
    pub fn of(workout: &Workout, numbers: &Numbers, source: &Source) -> Self {
        Self {
            id: source.id.as_bytes().to_vec(),
            started_ms: workout.span.start_ms,
            ended_ms: workout.span.end_ms,
            sport: workout.sport as u32,
            name: workout.name.clone(),
            device_name: workout.device_name.clone(),
            figures: Some(numbers.figures.into()),
            device_figures: Some(workout.device.into()),
            distance_source: numbers.distance_source as u32,
            quality: Some(workout.quality.into()),
            record_count: workout.records.len() as u32,
            lap_count: numbers.laps.len() as u32,
            channels: workout.records.channels().map(|channel| channel as u32).collect(),
            original: Some(Original {
                format: workout.format as u32,
                gzip: source.gzip,
                size_bytes: source.size_bytes,
                sha256: source.sha256.to_vec(),
            }),
            uploaded_ms: 0,
        }
    }

    /// `None` for a row that no version of this crate wrote.
    pub fn uuid(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.id).ok()
    }

    pub fn has(&self, channel: Channel) -> bool {
        self.channels.contains(&(channel as u32))
    }

    /// How many rows its laps take.
    pub fn lap_pages(&self) -> u32 {
        self.lap_count.div_ceil(LAPS_PER_PAGE as u32)
    }
}

/// The rows of an activity's laps.
pub fn lap_pages(id: Uuid, laps: &[numbers::Lap]) -> Vec<LapPage> {
    let page = |(page, laps): (usize, &[numbers::Lap])| LapPage {
        activity: id.as_bytes().to_vec(),
        page: page as u32,
        laps: laps.iter().map(Lap::from).collect(),
    };
    laps.chunks(LAPS_PER_PAGE).enumerate().map(page).collect()
}

impl From<&numbers::Lap> for Lap {
    fn from(lap: &numbers::Lap) -> Self {
        let Span { start_ms, end_ms } = lap.span;
        Self {
            started_ms: start_ms,
            ended_ms: end_ms,
            figures: Some(lap.figures.into()),
            device_figures: Some(lap.device.into()),
        }
    }
}

impl From<model::Quality> for Quality {
    fn from(quality: model::Quality) -> Self {
        let model::Quality {
            truncated,
            checksum_failed,
            records_dropped,
            values_dropped,
            laps_dropped,
        } = quality;
        Self {
            truncated,
            checksum_failed,
            records_dropped,
            values_dropped,
            laps_dropped,
        }
    }
}

impl From<model::Figures> for Figures {
    fn from(figures: model::Figures) -> Self {
        Self {
            distance_m: figures.distance_m,
            elapsed_s: figures.elapsed_s,
            timer_s: figures.timer_s,
            moving_s: figures.moving_s,
            ascent_m: figures.ascent_m,
            descent_m: figures.descent_m,
            heart_rate_avg: figures.heart_rate_avg,
            heart_rate_max: figures.heart_rate_max,
            speed_avg: figures.speed_avg,
            speed_max: figures.speed_max,
            cadence_avg: figures.cadence_avg,
            power_avg: figures.power_avg,
            power_max: figures.power_max,
            energy_kcal: figures.energy_kcal,
        }
    }
}
