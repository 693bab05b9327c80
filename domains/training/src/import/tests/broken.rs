//! Real files that break off or are damaged: what stands before the break is kept, and nothing panics or hangs.

use proptest::prelude::*;

use crate::fixtures;
use crate::import::{ImportError, import};
use crate::model::{Channel, Workout};
use crate::numbers::compute;

/// Files small enough to be read some thousand times.
const SMALL_BYTES_MAX: usize = 100_000;
/// Offsets at which one file is cut.
const CUTS: usize = 60;

/// What must hold of everything that was taken.
fn check(workout: &Workout) {
    let times = workout.records.time_ms();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(workout.span.start_ms <= workout.span.end_ms);
    assert!(!workout.timer.is_empty());
    for channel in Channel::ALL {
        let column = workout.records.column(channel);
        assert!(column.is_empty() || column.len() == times.len());
        assert!(column.iter().flatten().all(|value| channel.believes(*value)));
    }
    let numbers = compute(workout);
    assert!(!numbers.laps.is_empty());
    let figures = numbers.figures;
    for value in [
        figures.distance_m,
        figures.elapsed_s,
        figures.timer_s,
        figures.moving_s,
        figures.ascent_m,
    ] {
        assert!(value.is_none_or(|value| value.is_finite() && value >= 0.0));
    }
}

#[test]
fn a_file_cut_anywhere_is_kept_up_to_the_break() {
    for (name, bytes) in fixtures::all() {
        let Ok(whole) = import(bytes) else { continue };
        check(&whole);
        let mut records = 0;
        for cut in (0..bytes.len()).step_by((bytes.len() / CUTS).max(1)) {
            match import(&bytes[..cut]) {
                Ok(part) => {
                    check(&part);
                    assert!(
                        part.quality.truncated || part.records == whole.records,
                        "{name} cut at {cut}"
                    );
                    assert!(
                        part.records.len() >= records,
                        "{name}: fewer records at {cut} than before"
                    );
                    records = part.records.len();
                    let kept = &whole.records.time_ms()[..records];
                    assert_eq!(part.records.time_ms(), kept, "{name} cut at {cut}");
                }
                Err(error) => {
                    assert!(records == 0, "{name} cut at {cut}: {error}");
                    assert!(
                        !matches!(error, ImportError::TooLarge { .. }),
                        "{name} cut at {cut}: {error}"
                    );
                }
            }
        }
        if whole.records.len() > 20 {
            assert!(
                records > whole.records.len() / 2,
                "{name}: only {records} records kept"
            );
        }
    }
}

#[test]
fn a_checksum_that_fails_is_told() {
    let mut bytes = fixtures::get("hrv-activity.fit").to_vec();
    let end = bytes.len() - 1;
    bytes[end] ^= 0xff;
    let workout = import(&bytes).expect("the records are whole");
    assert!(workout.quality.checksum_failed && !workout.quality.truncated);
    assert!(
        !import(fixtures::get("hrv-activity.fit"))
            .expect("whole")
            .quality
            .checksum_failed
    );
}

#[test]
fn a_recorder_that_never_wrote_its_header_loses_nothing() {
    let whole = import(fixtures::get("hrv-activity.fit")).expect("whole");
    let mut bytes = fixtures::get("hrv-activity.fit").to_vec();
    bytes[4..8].fill(0);
    let workout = import(&bytes).expect("a workout");
    assert!(workout.quality.truncated);
    assert_eq!(workout.records, whole.records);
}

/// A small real file with some of its bytes changed, removed or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let small: Vec<&'static [u8]> = fixtures::all()
        .iter()
        .map(|file| file.1.as_slice())
        .filter(|bytes| bytes.len() < SMALL_BYTES_MAX)
        .collect();
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_usize..4, 0_usize..64);
    (prop::sample::select(small), prop::collection::vec(change, 1..24)).prop_map(|(bytes, changes)| {
        let mut bytes = bytes.to_vec();
        for (at, byte, kind, count) in changes {
            let at = at.index(bytes.len());
            let end = (at + count).min(bytes.len());
            match kind {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.extend_from_within(at..end),
                _ => bytes[at] = byte,
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    })
}

/// A FIT file whose messages are noise behind a good header.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..2_000).prop_map(|data| {
        let mut bytes = vec![14, 0x20, 0, 0];
        bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
        bytes.extend_from_slice(b".FIT\0\0");
        bytes.extend_from_slice(&data);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics_and_what_is_kept_is_sound(bytes in damaged()) {
        if let Ok(workout) = import(&bytes) {
            check(&workout);
        }
    }

    #[test]
    fn noise_in_a_fit_file_never_panics(bytes in noise()) {
        if let Ok(workout) = import(&bytes) {
            check(&workout);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = import(&bytes);
    }
}
