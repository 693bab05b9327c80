//! The figures of some real files, pinned.

use std::fmt::Write as _;

use crate::fixtures;
use crate::import::import;
use crate::model::{Figures, Workout};
use crate::numbers::compute;

const FILES: [&str; 8] = [
    "Activity.fit",
    "garmin-fenix-5-bike.fit",
    "hrv-activity.fit",
    "sample_mulitple_header.fit",
    "garmin-activity.gpx",
    "garmin_with_extensions.gpx",
    "20210119_run_garmin_fenix6.tcx",
    "20210308_virtual_ride_with_power.tcx",
];

const PINNED: &str = "\
Activity.fit: running, 14 records, 1 laps, distance of device
  ours   5.7 m, 13.7 s, timer 13.0 s, moving 6.0 s, +0.0 -0.0 m, hr -/-, 0.4 m/s, - W
  device 5.7 m, 13.7 s, timer 13.7 s, moving - s, +0.0 -0.0 m, hr -/-, 0.4 m/s, - W
garmin-fenix-5-bike.fit: cycling, 19 records, 1 laps, distance of device
  ours   459.5 m, 61.0 s, timer 61.0 s, moving 61.0 s, +0.0 -1.5 m, hr 99.9/114.0, 7.5 m/s, - W
  device 459.5 m, 60.4 s, timer 60.4 s, moving - s, +0.0 -4.0 m, hr 101.0/114.0, 7.6 m/s, - W
hrv-activity.fit: cycling, 1072 records, 15 laps, distance of device
  ours   6873.6 m, 1072.5 s, timer 1070.0 s, moving 1070.0 s, +- -- m, hr 156.0/185.0, 6.4 m/s, 183.9 W
  device 6873.6 m, 1072.5 s, timer 1071.2 s, moving - s, +- -- m, hr 156.0/185.0, 6.4 m/s, 184.0 W
sample_mulitple_header.fit: multisport, 1773 records, 5 laps, distance of device
  ours   52533.7 m, 9491.0 s, timer 9491.0 s, moving 9271.0 s, +37.4 -47.2 m, hr 173.3/187.0, 5.5 m/s, - W
  device 52533.7 m, 9491.3 s, timer 9491.3 s, moving - s, +32.0 -41.0 m, hr 171.8/187.0, 5.5 m/s, - W
garmin-activity.gpx: running, 988 records, 1 laps, distance of positions
  ours   12821.2 m, 5498.0 s, timer 5498.0 s, moving 5485.0 s, +201.5 -207.5 m, hr 145.9/171.0, 2.3 m/s, - W
garmin_with_extensions.gpx: other, 3540 records, 1 laps, distance of positions
  ours   18189.1 m, 36624.0 s, timer 36624.0 s, moving 23933.0 s, +1345.1 -1391.9 m, hr -/-, 0.5 m/s, - W
20210119_run_garmin_fenix6.tcx: running, 1232 records, 1 laps, distance of device
  ours   5124.8 m, 1231.0 s, timer 1231.0 s, moving 1230.0 s, +46.4 -50.8 m, hr 156.9/189.0, 4.2 m/s, - W
  device 5124.8 m, - s, timer 1230.5 s, moving - s, +- -- m, hr 157.0/189.0, 4.2 m/s, - W
20210308_virtual_ride_with_power.tcx: cycling, 1434 records, 1 laps, distance of device
  ours   16189.8 m, 1434.0 s, timer 1434.0 s, moving 1430.0 s, +62.9 -60.9 m, hr 168.7/181.0, 11.3 m/s, 209.7 W
  device 16189.8 m, - s, timer 1434.0 s, moving - s, +- -- m, hr 168.0/181.0, 11.3 m/s, 210.0 W
";

fn line(figures: &Figures) -> String {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    format!(
        "{} m, {} s, timer {} s, moving {} s, +{} -{} m, hr {}/{}, {} m/s, {} W",
        show(figures.distance_m),
        show(figures.elapsed_s),
        show(figures.timer_s),
        show(figures.moving_s),
        show(figures.ascent_m),
        show(figures.descent_m),
        show(figures.heart_rate_avg),
        show(figures.heart_rate_max),
        show(figures.speed_avg),
        show(figures.power_avg),
    )
}

fn show(name: &str, workout: &Workout) -> String {
    let numbers = compute(workout);
    let (sport, records, laps) = (workout.sport.name(), workout.records.len(), numbers.laps.len());
    let source = numbers.distance_source.name();
    let mut text = format!("{name}: {sport}, {records} records, {laps} laps, distance of {source}\n");
    let _ = writeln!(text, "  ours   {}", line(&numbers.figures));
    if !workout.device.is_empty() {
        let _ = writeln!(text, "  device {}", line(&workout.device));
    }
    text
}

#[test]
fn figures_of_real_files_stay_as_they_are() {
    let text: String = FILES
        .iter()
        .map(|name| show(name, &import(fixtures::get(name)).expect(name)))
        .collect();
    assert_eq!(text, PINNED, "\n{text}");
}

#[test]
fn heart_rate_cadence_and_power_of_extensions_are_read() {
    let gpx = import(fixtures::get("garmin-activity.gpx")).expect("a workout");
    let names: Vec<_> = gpx.records.channels().map(crate::model::Channel::name).collect();
    assert_eq!(
        names,
        ["latitude", "longitude", "altitude", "heart_rate", "cadence"]
    );
    let ride = import(fixtures::get("20210308_virtual_ride_with_power.tcx")).expect("a workout");
    assert!(ride.records.has(crate::model::Channel::Power));
    let run = import(fixtures::get("20210119_run_garmin_fenix6.tcx")).expect("a workout");
    assert!(
        run.records.has(crate::model::Channel::Cadence),
        "run cadence is an extension"
    );
}

#[test]
fn statistics_of_a_gpx_track_are_the_devices_figures() {
    let text = "<gpx><trk><extensions><x:TrackStatsExtension><x:Distance>1234</x:Distance><x:Ascent>56</x:Ascent>\
                </x:TrackStatsExtension></extensions><trkseg><trkpt lat='47.0' lon='11.0'>\
                <time>2020-05-05T10:00:00Z</time></trkpt></trkseg></trk></gpx>";
    let device = import(text.as_bytes()).expect("a workout").device;
    assert_eq!((device.distance_m, device.ascent_m), (Some(1234.0), Some(56.0)));
}

#[test]
fn laps_that_overlap_are_cut_so_that_work_stays_linear() {
    let lap = "<Lap StartTime='2020-05-05T10:00:00Z'><TotalTimeSeconds>3000</TotalTimeSeconds></Lap>";
    let point = "<Lap StartTime='2020-05-05T10:00:01Z'><Track><Trackpoint><Time>2020-05-05T10:00:02Z</Time></Trackpoint></Track></Lap>";
    let text = format!(
        "<TrainingCenterDatabase><Activities><Activity Sport='Running'>{}{point}</Activity></Activities></TrainingCenterDatabase>",
        lap.repeat(3_000)
    );
    let workout = import(text.as_bytes()).expect("a workout");
    assert_eq!(workout.laps.len(), crate::import::LAPS_MAX);
    assert!(workout.quality.laps_dropped > 0);
    assert!(
        workout
            .laps
            .windows(2)
            .all(|pair| pair[0].span.end_ms <= pair[1].span.start_ms)
    );
}
