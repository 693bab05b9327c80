//! Metres climbed and descended: altitudes are averaged over a window of time, then only swings of a certain height count
//! (hysteresis), so that the noise of a sensor at rest climbs nothing.

use super::mean::within;
use crate::model::{Channel, Records, Span};

/// Altitudes this far before and after a record are averaged with its own.
const WINDOW_HALF_MS: i64 = 15_000;
/// A swing lower than this is noise, metres.
const SWING_M_MIN: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Climb {
    pub up_m: f64,
    pub down_m: f64,
}

/// `None` without an altitude in the span.
pub fn over(records: &Records, span: Span) -> Option<Climb> {
    let points: Vec<(i64, f64)> = within(records, Channel::Altitude, span).collect();
    (!points.is_empty()).then(|| swings(&smoothed(&points), SWING_M_MIN))
}

/// Mean of all altitudes within the window around each point; linear in the points.
fn smoothed(points: &[(i64, f64)]) -> Vec<f64> {
    let (mut from, mut to, mut sum) = (0, 0, 0.0);
    points
        .iter()
        .map(|(time, _)| {
            while to < points.len() && points[to].0 <= time + WINDOW_HALF_MS {
                sum += points[to].1;
                to += 1;
            }
            while points[from].0 < time - WINDOW_HALF_MS {
                sum -= points[from].1;
                from += 1;
            }
            sum / (to - from) as f64
        })
        .collect()
}

/// Sums the heights between turning points; a turn counts once the altitude has come back by `swing_min`.
fn swings(altitudes: &[f64], swing_min: f64) -> Climb {
    let mut climb = Climb::default();
    let Some(&first) = altitudes.first() else {
        return climb;
    };
    // The last turning point, and the furthest from it in the present direction.
    let (mut turn, mut furthest) = (first, first);
    for &altitude in altitudes {
        let rising = furthest >= turn;
        let onward = if rising {
            altitude >= furthest
        } else {
            altitude <= furthest
        };
        if onward {
            furthest = altitude;
        } else if (altitude - furthest).abs() >= swing_min {
            climb.add(furthest - turn, swing_min);
            (turn, furthest) = (furthest, altitude);
        }
    }
    climb.add(furthest - turn, swing_min);
    climb
}

impl Climb {
    fn add(&mut self, swing: f64, swing_min: f64) {
        if swing >= swing_min {
            self.up_m += swing;
        } else if swing <= -swing_min {
            self.down_m -= swing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_climbs_nothing_and_hills_count_whole() {
        let noise: Vec<f64> = (0..1_000).map(|i| 100.0 + f64::from(i % 3) * 0.4).collect();
        assert_eq!(swings(&noise, 1.0), Climb::default());
        let hills = swings(&[10.0, 12.0, 40.0, 39.5, 41.0, 20.0, 20.5, 30.0], 1.0);
        assert!((hills.up_m - 41.0).abs() < 1e-9, "{hills:?}");
        assert!((hills.down_m - 21.0).abs() < 1e-9, "{hills:?}");
    }

    #[test]
    fn a_descent_first_is_a_descent() {
        let climb = swings(&[50.0, 49.9, 30.0, 35.0], 1.0);
        assert!(
            (climb.down_m - 20.0).abs() < 1e-9 && (climb.up_m - 5.0).abs() < 1e-9,
            "{climb:?}"
        );
    }
}
