//! Our reading beside that of others: the session inside a FIT file, the crates `gpx` and `tcx`.

use crate::fixtures;
use crate::import::import;
use crate::model::{Channel, Figures, Format};
use crate::numbers::compute;

fn near(ours: Option<f64>, told: Option<f64>, share: f64, absolute: f64) -> bool {
    match (ours, told) {
        (Some(ours), Some(told)) => (ours - told).abs() <= (told * share).max(absolute),
        (_, None) => true,
        (None, Some(told)) => told.abs() < f64::EPSILON,
    }
}

/// What of ours is not near what the device says.
fn differences(ours: &Figures, told: &Figures) -> Vec<String> {
    let rows = [
        ("distance", ours.distance_m, told.distance_m, 0.005, 1.0),
        ("elapsed", ours.elapsed_s, told.elapsed_s, 0.005, 2.0),
        ("timer", ours.timer_s, told.timer_s, 0.005, 2.0),
        ("ascent", ours.ascent_m, told.ascent_m, 0.1, 10.0),
        ("descent", ours.descent_m, told.descent_m, 0.1, 10.0),
        (
            "average heart rate",
            ours.heart_rate_avg,
            told.heart_rate_avg,
            0.02,
            1.5,
        ),
        (
            "highest heart rate",
            ours.heart_rate_max,
            told.heart_rate_max,
            0.01,
            1.0,
        ),
        ("average speed", ours.speed_avg, told.speed_avg, 0.02, 0.1),
        ("highest speed", ours.speed_max, told.speed_max, 0.05, 0.1),
        ("average power", ours.power_avg, told.power_avg, 0.02, 1.0),
        ("highest power", ours.power_max, told.power_max, 0.01, 1.0),
    ];
    let far = rows
        .into_iter()
        .filter(|(_, ours, told, share, absolute)| !near(*ours, *told, *share, *absolute));
    far.map(|(name, ours, told, ..)| format!("{name}: ours {ours:?}, device {told:?}"))
        .collect()
}

#[test]
fn our_numbers_are_near_the_devices_own() {
    let mut compared = 0;
    for (name, bytes) in fixtures::all() {
        let Ok(workout) = import(bytes) else { continue };
        let numbers = compute(&workout);
        let far = differences(&numbers.figures, &workout.device);
        assert!(far.is_empty(), "{name}: {far:#?}");
        for (at, lap) in numbers.laps.iter().enumerate() {
            // Laps begin and end between records: a second of way is theirs or their neighbours'.
            let second_m = lap.device.speed_max.or(numbers.figures.speed_max).unwrap_or(0.0);
            let far = near(
                lap.figures.distance_m,
                lap.device.distance_m,
                0.005,
                second_m + 1.0,
            );
            let up = near(lap.figures.ascent_m, lap.device.ascent_m, 0.1, 10.0);
            let down = near(lap.figures.descent_m, lap.device.descent_m, 0.1, 10.0);
            assert!(
                far && up && down,
                "{name}, lap {at}: {:#?}",
                (lap.figures, lap.device)
            );
        }
        compared += usize::from(!workout.device.is_empty());
    }
    assert!(compared >= 7, "only {compared} files have figures of the device");
}

#[test]
fn positions_are_those_that_the_crate_gpx_reads() {
    for (name, bytes) in fixtures::all().iter().filter(|(name, _)| name.ends_with(".gpx")) {
        let Ok(theirs) = gpx::read(bytes.as_slice()) else {
            continue;
        };
        let points: Vec<_> = theirs
            .tracks
            .iter()
            .flat_map(|track| &track.segments)
            .flat_map(|s| &s.points)
            .collect();
        let timed = points.iter().filter(|point| point.time.is_some()).count();
        let Ok(ours) = import(bytes) else {
            assert_eq!(timed, 0, "{name} has timed points and was not taken");
            continue;
        };
        assert_eq!(ours.format, Format::Gpx);
        let mut expected: Vec<(f64, f64)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for point in points.iter().rev().filter(|point| point.time.is_some()) {
            let time = point.time.expect("filtered").format().expect("a time");
            if seen.insert(time) {
                expected.push((point.point().y(), point.point().x()));
            }
        }
        expected.reverse();
        let column = |channel| {
            ours.records
                .column(channel)
                .iter()
                .map(|value| value.expect("a position"))
        };
        let read: Vec<(f64, f64)> = column(Channel::Latitude)
            .zip(column(Channel::Longitude))
            .collect();
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn points_are_those_that_the_crate_tcx_reads() {
    for (name, bytes) in fixtures::all().iter().filter(|(name, _)| name.ends_with(".tcx")) {
        let theirs = tcx::read(&mut std::io::BufReader::new(bytes.as_slice())).expect(name);
        let activities = theirs.activities.expect("activities").activities;
        let laps = activities.iter().flat_map(|activity| &activity.laps);
        let points: Vec<_> = laps
            .flat_map(|lap| &lap.tracks)
            .flat_map(|track| &track.trackpoints)
            .collect();
        let ours = import(bytes).expect(name);
        assert_eq!(ours.records.len(), points.len(), "{name}");
        let rates = ours.records.column(Channel::HeartRate);
        for (at, point) in points.iter().enumerate() {
            assert_eq!(
                ours.records.time_ms()[at],
                point.time.timestamp_millis(),
                "{name}, point {at}"
            );
            assert_eq!(
                rates[at],
                point.heart_rate.as_ref().map(|rate| rate.value),
                "{name}, point {at}"
            );
            let watts = point
                .extensions
                .as_ref()
                .and_then(|e| e.tpx.as_ref())
                .and_then(|tpx| tpx.watts);
            let power = ours.records.column(Channel::Power).get(at).copied().flatten();
            assert_eq!(power, watts.map(f64::from), "{name}, point {at}");
        }
    }
}
