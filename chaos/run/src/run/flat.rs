//! Whether what a process takes stays the same: the slope of its samples once it is warm, against a bound.
//!
//! The slope is the median of those between every two samples (Theil and Sen), so that a restart, or a store that has just
//! cleaned up, does not make one.

use std::time::Duration;

use super::samples::Sample;

/// The part of a run in which a process warms up: one of so many.
const WARM_ONE_IN: u32 = 3;
/// A run that is shorter says nothing.
pub const RUN_MIN: Duration = Duration::from_secs(20 * 60);
/// Growth over all that is judged, of the median, that is none.
const GROWTH_OF_MEDIAN: f64 = 0.10;
/// The same, of whatever is small.
const MEMORY_MIB: f64 = 8.0;
const DISK_MIB: f64 = 16.0;
/// What each acknowledged write leaves for seven days by design, the answer to its idempotency key, on the two nodes
/// that may hold it and before the store compacts.
const KEPT_BYTES_PER_WRITE: f64 = 1_024.0;

/// One quantity of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    pub median_mib: f64,
    pub per_hour_mib: f64,
    /// Over all that is judged.
    pub grown_mib: f64,
    pub bound_mib: f64,
}

impl Trend {
    pub fn is_flat(&self) -> bool {
        self.grown_mib <= self.bound_mib
    }
}

/// Memory and disk of one process.
#[derive(Debug, Clone)]
pub struct Flat {
    pub seat: String,
    pub memory: Trend,
    pub disk: Trend,
}

/// Every process of a run that was long enough; none otherwise.
pub fn judge(samples: &[Sample]) -> Vec<Flat> {
    let end = samples.iter().map(|sample| sample.at).max().unwrap_or_default();
    if end < RUN_MIN {
        return Vec::new();
    }
    let warm: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.at >= end / WARM_ONE_IN)
        .collect();
    let mut seats: Vec<&str> = warm.iter().map(|sample| sample.seat.as_str()).collect();
    seats.sort_unstable();
    seats.dedup();
    seats.into_iter().filter_map(|seat| flat(seat, &warm)).collect()
}

fn flat(seat: &str, warm: &[&Sample]) -> Option<Flat> {
    let own: Vec<&Sample> = warm
        .iter()
        .copied()
        .filter(|sample| sample.seat == seat)
        .collect();
    let (first, last) = (own.first()?, own.last()?);
    let memory: Vec<(f64, f64)> = own
        .iter()
        .filter_map(|sample| Some((sample.at.as_secs_f64(), sample.memory_mib?)))
        .collect();
    let disk: Vec<(f64, f64)> = own
        .iter()
        .map(|sample| (sample.at.as_secs_f64(), sample.disk_mib))
        .collect();
    let kept = last.written.saturating_sub(first.written) as f64 * KEPT_BYTES_PER_WRITE;
    Some(Flat {
        seat: seat.to_owned(),
        memory: trend(&memory, MEMORY_MIB)?,
        disk: trend(&disk, DISK_MIB + kept / f64::from(1 << 20))?,
    })
}

/// `more`: growth that is none, beside the part of the median.
fn trend(points: &[(f64, f64)], more: f64) -> Option<Trend> {
    let took = points.last()?.0 - points.first()?.0;
    let median_mib = median(points.iter().map(|point| point.1).collect())?;
    let slopes = points.iter().enumerate().flat_map(|(index, from)| {
        let later = points[index + 1..].iter();
        later.map(move |to| (to.1 - from.1) / (to.0 - from.0))
    });
    let slope = median(slopes.filter(|slope| slope.is_finite()).collect())?;
    let round = |mib: f64| (mib * 10.0).round() / 10.0;
    Some(Trend {
        median_mib: round(median_mib),
        per_hour_mib: round(slope * 3_600.0),
        grown_mib: round(slope * took),
        bound_mib: round(median_mib * GROWTH_OF_MEDIAN + more),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process for 90 minutes: its memory and disk by the minute.
    fn samples(minutes: u64, memory: impl Fn(f64) -> f64, disk: impl Fn(f64) -> f64) -> Vec<Sample> {
        let one = |minute: u64| Sample {
            at: Duration::from_secs(minute * 60),
            seat: "celld-eu-central-1".into(),
            memory_mib: Some(memory(minute as f64)),
            disk_mib: disk(minute as f64),
            log_mib: 0.0,
            written: 0,
        };
        (0..=minutes).map(one).collect()
    }

    /// Fills up in 20 minutes; a restart every 7, after which it fills up again; no two samples alike.
    fn sound(minute: f64) -> f64 {
        let filling = (minute % 7.0).min(4.0) * 10.0;
        100.0 + minute.min(20.0) * 3.0 + filling + (minute * 37.0) % 5.0
    }

    #[test]
    fn what_warms_up_and_restarts_is_flat_and_what_leaks_is_not() {
        let judged = judge(&samples(90, sound, sound));
        assert!(
            judged[0].memory.is_flat() && judged[0].disk.is_flat(),
            "{judged:?}"
        );
        // Less than half a MiB a minute.
        let leaks = |minute: f64| sound(minute) + minute * 0.6;
        let judged = judge(&samples(90, leaks, sound));
        assert!(
            !judged[0].memory.is_flat() && judged[0].disk.is_flat(),
            "{judged:?}"
        );
        let judged = judge(&samples(90, sound, |minute| sound(minute) + minute * 0.8));
        assert!(
            judged[0].memory.is_flat() && !judged[0].disk.is_flat(),
            "{judged:?}"
        );
    }

    #[test]
    fn what_every_write_leaves_by_design_is_no_growth_and_more_is() {
        let mut samples = samples(90, sound, |minute| 100.0 + minute);
        assert!(!judge(&samples)[0].disk.is_flat());
        for sample in &mut samples {
            sample.written = sample.at.as_secs() * 20;
        }
        assert!(judge(&samples)[0].disk.is_flat());
    }

    #[test]
    fn a_short_run_says_nothing() {
        assert!(judge(&samples(19, sound, sound)).is_empty());
        assert!(judge(&[]).is_empty());
    }
}
