//! Averages by time and maxima of one channel within a span.

use super::timer::Timer;
use crate::model::{Channel, Records, Span};

/// A value stands for at most this long after it was recorded, seconds.
const STANDS_S_MAX: f64 = 30.0;

/// The average, each value weighing as long as it stood while the timer ran.
pub fn over(records: &Records, timer: &Timer<'_>, channel: Channel, span: Span) -> Option<f64> {
    let (mut weighted, mut weights) = (0.0, 0.0);
    let (mut plain, mut count) = (0.0, 0.0);
    let mut last: Option<(i64, f64)> = None;
    for (time, value) in within(records, channel, span) {
        if let Some((before, value_before)) = last {
            let stood = timer.between_s(before, time).min(STANDS_S_MAX);
            weighted += value_before * stood;
            weights += stood;
        }
        plain += value;
        count += 1.0;
        last = Some((time, value));
    }
    if weights > 0.0 {
        return Some(weighted / weights);
    }
    (count > 0.0).then(|| plain / count)
}

pub fn highest(records: &Records, channel: Channel, span: Span) -> Option<f64> {
    within(records, channel, span)
        .map(|point| point.1)
        .reduce(f64::max)
}

/// The points of a channel inside a span; jumps to its start.
pub fn within(records: &Records, channel: Channel, span: Span) -> impl Iterator<Item = (i64, f64)> + '_ {
    let times = records.time_ms();
    let start = times.partition_point(|time| *time < span.start_ms);
    let end = times.partition_point(|time| *time <= span.end_ms).max(start);
    let column = records.column(channel);
    let (times, column) = if column.is_empty() {
        (&[][..], column)
    } else {
        (&times[start..end], &column[start..end])
    };
    times
        .iter()
        .zip(column)
        .filter_map(|(time, value)| value.map(|value| (*time, value)))
}
