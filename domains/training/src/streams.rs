//! Streams: some channels of an activity, all records or averaged into buckets of time. Pure.

use crate::model::Channel;

/// Points of one answer; past them it says where to go on.
pub const POINTS_MAX: usize = 20_000;
/// The longest bucket: a day.
pub const RESOLUTION_S_MAX: u32 = 86_400;

/// Values of channels at some times: columns of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Points {
    /// Milliseconds since the start of the activity; of a bucket, its beginning.
    pub time_ms: Vec<i64>,
    pub columns: Vec<(Channel, Vec<Option<f64>>)>,
}

impl Points {
    /// Averages into buckets of `resolution_ms`, counted from the start of the activity. Empty buckets are left out.
    ///
    /// A distance is the last of its bucket, a position the first; other channels are means of the values that are there.
    #[must_use]
    pub fn bucketed(&self, resolution_ms: i64) -> Self {
        let mut time_ms = Vec::new();
        let mut bounds = Vec::new();
        for (at, time) in self.time_ms.iter().enumerate() {
            let bucket = time.div_euclid(resolution_ms) * resolution_ms;
            if time_ms.last() != Some(&bucket) {
                time_ms.push(bucket);
                bounds.push(at);
            }
        }
        bounds.push(self.time_ms.len());
        let columns = self.columns.iter().map(|(channel, values)| {
            let buckets = bounds
                .windows(2)
                .map(|bound| one(*channel, &values[bound[0]..bound[1]]));
            (*channel, buckets.collect())
        });
        Self {
            columns: columns.collect(),
            time_ms,
        }
    }

    /// Cuts to [`POINTS_MAX`]; the time of the first point that was cut off.
    pub fn cut(&mut self) -> Option<i64> {
        let next = self.time_ms.get(POINTS_MAX).copied();
        self.time_ms.truncate(POINTS_MAX);
        for (_, values) in &mut self.columns {
            values.truncate(POINTS_MAX);
        }
        next
    }
}

fn one(channel: Channel, values: &[Option<f64>]) -> Option<f64> {
    let mut there = values.iter().flatten().copied();
    match channel {
        Channel::Distance => there.next_back(),
        Channel::Latitude | Channel::Longitude => there.next(),
        _ => {
            let (sum, count) = there.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_average_what_is_there() {
        let points = Points {
            time_ms: vec![0, 1_000, 4_000, 5_000, 21_000],
            columns: vec![
                (
                    Channel::HeartRate,
                    vec![Some(100.0), None, Some(120.0), None, Some(90.0)],
                ),
                (
                    Channel::Distance,
                    vec![Some(1.0), Some(2.0), Some(3.0), Some(4.0), None],
                ),
            ],
        };
        let bucketed = points.bucketed(5_000);
        assert_eq!(bucketed.time_ms, [0, 5_000, 20_000]);
        assert_eq!(bucketed.columns[0].1, [Some(110.0), None, Some(90.0)]);
        assert_eq!(bucketed.columns[1].1, [Some(3.0), Some(4.0), None]);
    }

    #[test]
    fn an_answer_is_cut_and_says_where_to_go_on() {
        let count = POINTS_MAX as i64 + 5;
        let values = vec![Some(1.0); POINTS_MAX + 5];
        let mut points = Points {
            time_ms: (0..count).collect(),
            columns: vec![(Channel::Power, values)],
        };
        assert_eq!(points.cut(), Some(POINTS_MAX as i64));
        assert_eq!(
            (points.time_ms.len(), points.columns[0].1.len()),
            (POINTS_MAX, POINTS_MAX)
        );
        assert_eq!(points.cut(), None);
    }
}
