//! Numbers of workouts whose answers are known.

use super::*;
use crate::model::{Builder, Format, Quality, Sample, Sport};

const START: i64 = 1_600_000_000_000;

/// `(second, [(channel, value)])` rows as a workout with one timer span.
fn workout(rows: &[(i64, &[(Channel, f64)])]) -> Workout {
    let mut builder = Builder::default();
    for (second, values) in rows {
        let mut sample = Sample {
            time_ms: Some(START + second * 1_000),
            ..Sample::default()
        };
        for (channel, value) in *values {
            sample.set(*channel, *value);
        }
        builder.push(sample).expect("room");
    }
    let (records, _) = builder.finish();
    let span = Span {
        start_ms: START,
        end_ms: *records.time_ms().last().expect("a record"),
    };
    Workout {
        format: Format::Gpx,
        sport: Sport::Running,
        name: None,
        device_name: None,
        span,
        timer: vec![span],
        records,
        laps: Vec::new(),
        device: Figures::default(),
        quality: Quality::default(),
    }
}

#[test]
fn distance_is_the_devices_before_the_positions() {
    use Channel::{Distance, Latitude, Longitude};
    let with = workout(&[
        (0, &[(Distance, 5.0), (Latitude, 0.0), (Longitude, 0.0)]),
        (100, &[(Distance, 300.0), (Latitude, 0.0), (Longitude, 0.01)]),
    ]);
    let numbers = compute(&with);
    assert_eq!(numbers.distance_source, DistanceSource::Device);
    assert_eq!(numbers.figures.distance_m, Some(300.0));
}

#[test]
fn distance_between_positions_is_a_great_circle() {
    use Channel::{Latitude, Longitude};
    let with = workout(&[
        (0, &[(Latitude, 0.0), (Longitude, 0.0)]),
        (1_000, &[(Latitude, 0.0), (Longitude, 0.1)]),
        (1_001, &[(Latitude, 40.0), (Longitude, 0.1)]),
    ]);
    let numbers = compute(&with);
    assert_eq!(numbers.distance_source, DistanceSource::Positions);
    let metres = numbers.figures.distance_m.expect("positions");
    assert!(
        (metres - 11_119.5).abs() < 1.0,
        "the jump to 40° does not count: {metres}"
    );
}

#[test]
fn standing_is_not_moving_and_a_pause_is_not_timer_time() {
    let mut with = workout(&[
        (0, &[(Channel::Distance, 0.0)]),
        (100, &[(Channel::Distance, 300.0)]),
        (160, &[(Channel::Distance, 301.0)]),
        (260, &[(Channel::Distance, 601.0)]),
    ]);
    let numbers = compute(&with);
    assert_eq!(numbers.figures.moving_s, Some(200.0));
    assert_eq!(numbers.figures.timer_s, Some(260.0));
    with.timer = vec![
        Span {
            start_ms: START,
            end_ms: START + 100_000,
        },
        Span {
            start_ms: START + 160_000,
            end_ms: START + 260_000,
        },
    ];
    let numbers = compute(&with);
    assert_eq!(numbers.figures.timer_s, Some(200.0));
    assert_eq!(numbers.figures.elapsed_s, Some(260.0));
}

#[test]
fn heart_rate_weighs_by_time() {
    let with = workout(&[
        (0, &[(Channel::HeartRate, 100.0)]),
        (9, &[(Channel::HeartRate, 200.0)]),
        (10, &[(Channel::HeartRate, 150.0)]),
    ]);
    let figures = compute(&with).figures;
    assert_eq!(figures.heart_rate_avg, Some(110.0));
    assert_eq!(figures.heart_rate_max, Some(200.0));
    assert_eq!(figures.distance_m, None);
    assert_eq!(figures.moving_s, None);
}
