//! Records as the sample layer stores them: whole numbers in the resolution of each channel, which code small.

use cell_layers::samples::Column;

use crate::model::{Channel, Records};

/// The column of times, milliseconds since 1970.
pub const TIME: &str = "time";

/// `(name, column)` of the times and of each channel that the records have.
pub fn of(records: &Records) -> Vec<(&'static str, Column)> {
    let times: Vec<Option<i64>> = records.time_ms().iter().copied().map(Some).collect();
    let mut columns = vec![(TIME, Column::from(times))];
    for channel in records.channels() {
        let steps = records
            .column(channel)
            .iter()
            .map(|value| value.map(|value| to_steps(channel, value)));
        columns.push((channel.name(), Column::from(steps.collect::<Vec<_>>())));
    }
    columns
}

fn to_steps(channel: Channel, value: f64) -> i64 {
    (value / channel.resolution()).round() as i64
}

/// A stored value in the channel's unit.
pub fn from_steps(channel: Channel, steps: i64) -> f64 {
    // Division by the whole number of steps in a unit gives the nearest double to the decimal number.
    let steps_per_unit = (1.0 / channel.resolution()).round();
    steps as f64 / steps_per_unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_within_half_a_step() {
        for (channel, value) in [
            (Channel::Latitude, 47.123_456_78),
            (Channel::Altitude, -3.337),
            (Channel::Cadence, 87.5),
            (Channel::Speed, 4.0),
        ] {
            let back = from_steps(channel, to_steps(channel, value));
            assert!(
                (back - value).abs() <= channel.resolution() / 2.0 + 1e-12,
                "{}: {value} {back}",
                channel.name()
            );
        }
    }
}
