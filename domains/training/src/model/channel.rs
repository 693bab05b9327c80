//! What a record can carry, with the unit and the range in which a value is believed.

/// One measured quantity of a record. The number is part of the stored format and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Channel {
    Latitude = 1,
    Longitude = 2,
    Altitude = 3,
    Distance = 4,
    Speed = 5,
    HeartRate = 6,
    Cadence = 7,
    Power = 8,
    Temperature = 9,
}

/// `(name, unit, lowest, highest, resolution)` of a channel.
type Row = (&'static str, &'static str, f64, f64, f64);

impl Channel {
    pub const COUNT: usize = 9;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Latitude,
        Self::Longitude,
        Self::Altitude,
        Self::Distance,
        Self::Speed,
        Self::HeartRate,
        Self::Cadence,
        Self::Power,
        Self::Temperature,
    ];

    fn row(self) -> Row {
        match self {
            Self::Latitude => ("latitude", "deg", -90.0, 90.0, 1e-7),
            Self::Longitude => ("longitude", "deg", -180.0, 180.0, 1e-7),
            Self::Altitude => ("altitude", "m", -1_000.0, 12_000.0, 0.01),
            Self::Distance => ("distance", "m", 0.0, 10_000_000.0, 0.01),
            Self::Speed => ("speed", "m/s", 0.0, 150.0, 0.001),
            Self::HeartRate => ("heart_rate", "bpm", 20.0, 260.0, 1.0),
            Self::Cadence => ("cadence", "rpm", 0.0, 300.0, 0.5),
            Self::Power => ("power", "W", 0.0, 4_000.0, 1.0),
            Self::Temperature => ("temperature", "degC", -80.0, 80.0, 0.1),
        }
    }

    /// The name in the API: `heart_rate`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    pub fn unit(self) -> &'static str {
        self.row().1
    }

    /// Whether a value can be real. NaN and infinities never are.
    pub fn believes(self, value: f64) -> bool {
        let (_, _, lowest, highest, _) = self.row();
        value >= lowest && value <= highest
    }

    /// The step in which values of this channel are shown.
    pub fn resolution(self) -> f64 {
        self.row().4
    }

    /// Place in a row of all channels, from 0.
    pub fn index(self) -> usize {
        self as usize - 1
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_believed() {
        for channel in Channel::ALL {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
                assert!(!channel.believes(value), "{} believed {value}", channel.name());
            }
            assert_eq!(Channel::from_name(channel.name()), Some(channel));
        }
    }
}
