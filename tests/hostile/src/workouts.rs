//! Workout files: whatever the bytes are, what is taken is in order, believed and bounded.

use domains_training::import::unpack::gunzip;
use domains_training::import::{
    FILE_BYTES_MAX, ImportError, LAPS_MAX, NAME_CHARS_MAX, clock_text, import, sniff, xml,
};
use domains_training::import::{fit as fit_file, gpx as gpx_file, tcx as tcx_file};
use domains_training::model::{Channel, Workout};
use domains_training::numbers::compute;

use crate::texts;

/// Most that an unpacked file may be here, in bytes.
const UNPACKED_BYTES_MAX: usize = 1 << 20;

fn check(read: Result<Workout, ImportError>) {
    let workout = match read {
        Ok(workout) => workout,
        Err(error) => {
            // Reasons are ours, never the file's words.
            assert!(error.to_string().len() < 200 && !error.retryable());
            return;
        }
    };
    let times = workout.records.time_ms();
    assert!(
        times.windows(2).all(|pair| pair[0] < pair[1]),
        "records out of order"
    );
    assert!(workout.span.start_ms <= workout.span.end_ms);
    assert!(!workout.timer.is_empty() && workout.laps.len() <= LAPS_MAX);
    for name in [&workout.name, &workout.device_name].into_iter().flatten() {
        assert!(name.chars().count() <= NAME_CHARS_MAX);
    }
    for channel in Channel::ALL {
        let column = workout.records.column(channel);
        assert!(column.is_empty() || column.len() == times.len());
        assert!(column.iter().flatten().all(|value| channel.believes(*value)));
    }
    let figures = compute(&workout).figures;
    for value in [
        figures.distance_m,
        figures.elapsed_s,
        figures.timer_s,
        figures.moving_s,
        figures.ascent_m,
    ] {
        assert!(
            value.is_none_or(|value| value.is_finite() && value >= 0.0),
            "{value:?}"
        );
    }
}

/// Sniffed, unpacked, read.
pub fn any(bytes: &[u8]) {
    assert!(bytes.len() <= FILE_BYTES_MAX);
    let _ = sniff::kind(bytes);
    let _ = xml::root_name(bytes);
    if let Ok(unpacked) = gunzip(bytes, UNPACKED_BYTES_MAX) {
        assert!(unpacked.bytes.len() <= UNPACKED_BYTES_MAX);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = clock_text::unix_ms(text);
        assert!(xml::number(text).is_none_or(f64::is_finite));
    }
    check(import(bytes));
}

pub fn fit(bytes: &[u8]) {
    check(fit_file::read(bytes));
}

pub fn gpx(bytes: &[u8]) {
    check(gpx_file::read(bytes));
}

pub fn tcx(bytes: &[u8]) {
    check(tcx_file::read(bytes));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "<gpx version=\"1.1\" creator=\"x\"><trk><name>n</name><trkseg>\
         <trkpt lat=\"48.1\" lon=\"11.5\"><ele>500</ele><time>2026-05-01T08:00:00Z</time>\
         <extensions><hr>120</hr></extensions></trkpt>\
         <trkpt lat=\"48.2\" lon=\"11.6\"><time>2026-05-01T08:00:09.5+02:00</time></trkpt></trkseg></trk></gpx>",
        "<TrainingCenterDatabase><Activities><Activity Sport=\"Biking\"><Id>2026-05-02T08:00:00Z</Id>\
         <Lap StartTime=\"2026-05-02T08:00:00Z\"><TotalTimeSeconds>10</TotalTimeSeconds><Track>\
         <Trackpoint><Time>2026-05-02T08:00:01Z</Time><Position><LatitudeDegrees>48.1</LatitudeDegrees>\
         <LongitudeDegrees>11.5</LongitudeDegrees></Position><HeartRateBpm><Value>120</Value></HeartRateBpm>\
         </Trackpoint></Track></Lap><Notes>n</Notes></Activity></Activities></TrainingCenterDatabase>",
        "2026-05-01T08:00:00.123Z",
    ]);
    seeds.push(include_bytes!("../corpus/workout-fit/small.fit").to_vec());
    seeds
}
