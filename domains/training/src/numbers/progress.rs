//! Metres along the way: from the device's distance column, else from positions.

use super::timer::Timer;
use crate::model::{Channel, Records, Span};

/// Mean radius of the earth (IUGG), metres.
const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// A step between positions faster than this is a jump of the receiver, metres a second.
const STEP_SPEED_MAX: f64 = 140.0;
/// A distance that falls below this share of the one before began anew (the next file of a chain).
const RESTART_SHARE: f64 = 0.5;
/// What stands in the first record was done before it, unless it is more than this: then the file was cut.
const FIRST_M_MAX: f64 = 100.0;
/// The speed of a step is measured from this long before it to this long after.
const GATE_AROUND_MS: i64 = 2_000;
/// The fastest stretch is looked for over at least this time.
const FASTEST_OVER_S: f64 = 5.0;

/// Where the distance comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DistanceSource {
    None = 0,
    Device = 1,
    Positions = 2,
}

impl DistanceSource {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Device => "device",
            Self::Positions => "positions",
        }
    }

    pub fn from_number(number: u32) -> Self {
        [Self::Device, Self::Positions]
            .into_iter()
            .find(|s| *s as u32 == number)
            .unwrap_or(Self::None)
    }
}

/// Metres done at each time at which they are known; both rising.
#[derive(Debug)]
pub struct Progress {
    source: DistanceSource,
    times: Vec<i64>,
    metres: Vec<f64>,
}

impl Progress {
    pub fn of(records: &Records) -> Self {
        let device = Self::from_device(records);
        if device.metres.last().is_some_and(|metres| *metres > 0.0) || !records.has(Channel::Latitude) {
            return device;
        }
        Self::from_positions(records)
    }

    pub fn source(&self) -> DistanceSource {
        self.source
    }

    fn from_device(records: &Records) -> Self {
        let (mut times, mut metres) = (Vec::new(), Vec::new());
        let (mut total, mut last) = (0.0_f64, 0.0_f64);
        for (time, told) in records.points(Channel::Distance) {
            let restarted = told < last * RESTART_SHARE;
            if times.is_empty() && told > FIRST_M_MAX {
                last = told;
            } else if told > last || restarted {
                total += if restarted { told } else { told - last };
                last = told;
            }
            times.push(time);
            metres.push(total);
        }
        let source = if times.is_empty() {
            DistanceSource::None
        } else {
            DistanceSource::Device
        };
        Self {
            source,
            times,
            metres,
        }
    }

    fn from_positions(records: &Records) -> Self {
        let (mut times, mut metres) = (Vec::new(), Vec::new());
        let mut total = 0.0;
        let mut last: Option<(i64, f64, f64)> = None;
        let longitudes = records.column(Channel::Longitude);
        for ((time, latitude), longitude) in records
            .time_ms()
            .iter()
            .zip(records.column(Channel::Latitude))
            .zip(longitudes)
        {
            let (Some(latitude), Some(longitude)) = (*latitude, *longitude) else {
                continue;
            };
            if let Some((before, from_latitude, from_longitude)) = last {
                let step = haversine_m((from_latitude, from_longitude), (latitude, longitude));
                if step > STEP_SPEED_MAX * ((time - before) as f64 / 1_000.0) {
                    continue;
                }
                total += step;
            }
            last = Some((*time, latitude, longitude));
            times.push(*time);
            metres.push(total);
        }
        Self {
            source: DistanceSource::Positions,
            times,
            metres,
        }
    }

    /// Metres done at a time, between two known ones in proportion; 0 until the first.
    fn at(&self, time_ms: i64) -> f64 {
        if self.times.first().is_none_or(|first| time_ms <= *first) {
            return 0.0;
        }
        let after = self.times.partition_point(|time| *time <= time_ms);
        match (after.checked_sub(1), self.times.get(after)) {
            (None, _) => 0.0,
            (Some(before), None) => self.metres[before],
            (Some(before), Some(next)) => {
                let share = (time_ms - self.times[before]) as f64 / (next - self.times[before]) as f64;
                self.metres[before] + share * (self.metres[after] - self.metres[before])
            }
        }
    }

    /// Metres within a span; `None` where none are known.
    pub fn between_m(&self, span: Span) -> Option<f64> {
        (self.source != DistanceSource::None)
            .then(|| (self.at(span.end_ms) - self.at(span.start_ms)).max(0.0))
    }

    /// Seconds of timer time within the span at `gate` metres a second or faster; `None` without distances. The speed of a
    /// short step is that over some seconds around it, because devices write distances in coarse steps.
    pub fn moving_s(&self, timer: &Timer<'_>, span: Span, gate: f64) -> Option<f64> {
        if self.times.len() < 2 {
            return None;
        }
        let steps = self.range(span);
        let (times, metres) = (&self.times[steps.clone()], &self.metres[steps]);
        let (mut from, mut to, mut moving_s) = (0, 0, 0.0);
        for step in 1..times.len() {
            while times[from] < times[step - 1] - GATE_AROUND_MS {
                from += 1;
            }
            while to + 1 < times.len() && times[to + 1] <= times[step] + GATE_AROUND_MS {
                to += 1;
            }
            let long = times[step] - times[step - 1] > 2 * GATE_AROUND_MS;
            let (first, last) = if long { (step - 1, step) } else { (from, to) };
            let around_s = timer.between_s(times[first], times[last]);
            if around_s > 0.0 && (metres[last] - metres[first]) / around_s >= gate {
                moving_s += timer.between_s(times[step - 1], times[step]);
            }
        }
        Some(moving_s)
    }

    /// The highest mean speed over [`FASTEST_OVER_S`] or the shortest longer stretch.
    pub fn fastest(&self, timer: &Timer<'_>, span: Span) -> Option<f64> {
        let steps = self.range(span);
        let (times, metres) = (&self.times[steps.clone()], &self.metres[steps]);
        let mut from = 0;
        let mut fastest: Option<f64> = None;
        for to in 1..times.len() {
            while from + 1 < to && timer.between_s(times[from + 1], times[to]) >= FASTEST_OVER_S {
                from += 1;
            }
            let run_s = timer.between_s(times[from], times[to]);
            if run_s >= FASTEST_OVER_S {
                let speed = (metres[to] - metres[from]) / run_s;
                fastest = Some(fastest.map_or(speed, |so_far| so_far.max(speed)));
            }
        }
        fastest
    }

    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let start = self.times.partition_point(|time| *time < span.start_ms);
        let end = self.times.partition_point(|time| *time <= span.end_ms);
        start..end.max(start)
    }
}

/// Length of the great circle between two positions in degrees (haversine formula, Sinnott 1984).
pub fn haversine_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (latitude_a, latitude_b) = (from.0.to_radians(), to.0.to_radians());
    let across = ((to.0 - from.0).to_radians() / 2.0).sin().powi(2);
    let along = ((to.1 - from.1).to_radians() / 2.0).sin().powi(2);
    let a = across + latitude_a.cos() * latitude_b.cos() * along;
    2.0 * EARTH_RADIUS_M * a.sqrt().min(1.0).asin()
}
