//! Records as columns, and the one place that decides which values of a file are believed.

use std::sync::Arc;

use super::Channel;

/// More records than a week at one a second are no workout.
pub const RECORDS_MAX: usize = 300_000;
/// 1990-01-01 and 2100-01-01: no workout starts outside of them.
pub const TIME_MS_MIN: i64 = 631_152_000_000;
pub const TIME_MS_MAX: i64 = 4_102_444_800_000;
/// A record further than this from the middle one belongs to a broken clock, not to the workout.
pub const DISTANCE_FROM_MIDDLE_MS_MAX: i64 = 31 * 24 * 3_600_000;

/// One moment as a parser reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Milliseconds since 1970.
    pub time_ms: Option<i64>,
    pub values: [Option<f64>; Channel::COUNT],
}

impl Sample {
    pub fn set(&mut self, channel: Channel, value: f64) {
        self.values[channel.index()] = Some(value);
    }
}

/// What had to be left out of a file, and whether it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// The file broke off or was damaged: what stands before the break was kept.
    pub truncated: bool,
    /// The checksum in the file does not match its bytes.
    pub checksum_failed: bool,
    /// Records without a believable time.
    pub records_dropped: u32,
    /// Values outside of what their channel believes.
    pub values_dropped: u32,
    /// Laps without a believable time, or more than are taken.
    pub laps_dropped: u32,
}

/// Columns of equal length, in order of time; a time stands once. A channel that the file lacks is an empty column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    time_ms: Arc<[i64]>,
    columns: [Arc<[Option<f64>]>; Channel::COUNT],
}

impl Records {
    pub fn len(&self) -> usize {
        self.time_ms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.time_ms.is_empty()
    }

    /// Milliseconds since 1970, rising.
    pub fn time_ms(&self) -> &[i64] {
        &self.time_ms
    }

    /// The column, empty where the file has none.
    pub fn column(&self, channel: Channel) -> &[Option<f64>] {
        &self.columns[channel.index()]
    }

    pub fn has(&self, channel: Channel) -> bool {
        !self.column(channel).is_empty()
    }

    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        Channel::ALL.into_iter().filter(|channel| self.has(*channel))
    }

    /// `(time, value)` of the records that have the value.
    pub fn points(&self, channel: Channel) -> impl Iterator<Item = (i64, f64)> + '_ {
        self.time_ms
            .iter()
            .zip(self.column(channel))
            .filter_map(|(time, value)| value.map(|v| (*time, v)))
    }
}

/// The file holds more records than are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {RECORDS_MAX} records")]
pub struct Unrecordable;

/// Collects samples; what cannot be real is dropped and counted.
#[derive(Debug, Default)]
pub struct Builder {
    rows: Vec<(i64, [Option<f64>; Channel::COUNT])>,
    pub quality: Quality,
}

impl Builder {
    /// # Errors
    /// When there are more than [`RECORDS_MAX`].
    pub fn push(&mut self, sample: Sample) -> Result<(), Unrecordable> {
        let Some(time_ms) = sample
            .time_ms
            .filter(|time| (TIME_MS_MIN..TIME_MS_MAX).contains(time))
        else {
            self.quality.records_dropped += 1;
            return Ok(());
        };
        if self.rows.len() >= RECORDS_MAX {
            return Err(Unrecordable);
        }
        let values = self.believed(sample.values);
        self.rows.push((time_ms, values));
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The columns, in order of time, two records of one time made one (the later value of a channel stands).
    pub fn finish(mut self) -> (Records, Quality) {
        self.rows.sort_by_key(|row| row.0);
        self.drop_far_from_middle();
        self.rows.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                for (slot, value) in kept.1.iter_mut().zip(later.1) {
                    *slot = value.or(*slot);
                }
            }
            same
        });
        let columns = Channel::ALL.map(|channel| self.column(channel));
        let time_ms = self.rows.iter().map(|row| row.0).collect();
        (Records { time_ms, columns }, self.quality)
    }

    fn believed(&mut self, mut values: [Option<f64>; Channel::COUNT]) -> [Option<f64>; Channel::COUNT] {
        for channel in Channel::ALL {
            let slot = &mut values[channel.index()];
            if slot.is_some_and(|value| !channel.believes(value)) {
                *slot = None;
                self.quality.values_dropped += 1;
            }
        }
        let (latitude, longitude) = (Channel::Latitude.index(), Channel::Longitude.index());
        if values[latitude].is_none() || values[longitude].is_none() {
            (values[latitude], values[longitude]) = (None, None);
        }
        values
    }

    fn drop_far_from_middle(&mut self) {
        let Some(middle) = self.rows.get(self.rows.len() / 2).map(|row| row.0) else {
            return;
        };
        let before = self.rows.len();
        self.rows
            .retain(|row| (row.0 - middle).abs() <= DISTANCE_FROM_MIDDLE_MS_MAX);
        self.quality.records_dropped += (before - self.rows.len()) as u32;
    }

    fn column(&self, channel: Channel) -> Arc<[Option<f64>]> {
        let values = || self.rows.iter().map(|row| row.1[channel.index()]);
        if values().any(|value| value.is_some()) {
            values().collect()
        } else {
            Arc::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_600_000_000_000;

    fn sample(time_ms: i64, channel: Channel, value: f64) -> Sample {
        let mut sample = Sample {
            time_ms: Some(time_ms),
            ..Sample::default()
        };
        sample.set(channel, value);
        sample
    }

    #[test]
    fn what_cannot_be_real_is_dropped_and_counted() {
        let mut builder = Builder::default();
        for (time, rate) in [(START, 60.0), (START + 1_000, f64::NAN), (START + 2_000, 900.0)] {
            builder
                .push(sample(time, Channel::HeartRate, rate))
                .expect("room");
        }
        builder
            .push(sample(0, Channel::HeartRate, 60.0))
            .expect("dropped");
        builder
            .push(sample(i64::MAX, Channel::HeartRate, 60.0))
            .expect("dropped");
        builder
            .push(sample(TIME_MS_MAX - 1, Channel::HeartRate, 60.0))
            .expect("room");
        let (records, quality) = builder.finish();
        assert_eq!(records.column(Channel::HeartRate), [Some(60.0), None, None]);
        assert_eq!((quality.records_dropped, quality.values_dropped), (3, 2));
    }

    #[test]
    fn records_of_one_time_become_one() {
        let mut builder = Builder::default();
        builder
            .push(sample(START + 1_000, Channel::Power, 200.0))
            .expect("room");
        builder.push(sample(START, Channel::Power, 100.0)).expect("room");
        builder
            .push(sample(START + 1_000, Channel::HeartRate, 150.0))
            .expect("room");
        let (records, _) = builder.finish();
        assert_eq!(records.time_ms(), [START, START + 1_000]);
        assert_eq!(records.column(Channel::Power), [Some(100.0), Some(200.0)]);
        assert_eq!(records.column(Channel::HeartRate), [None, Some(150.0)]);
    }

    #[test]
    fn a_latitude_without_a_longitude_is_no_place() {
        let mut builder = Builder::default();
        builder
            .push(sample(START, Channel::Latitude, 47.0))
            .expect("room");
        assert!(!builder.finish().0.has(Channel::Latitude));
    }
}
