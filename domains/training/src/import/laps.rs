//! Laps as files mark them: those that cannot be are dropped and counted.

use super::{LAPS_MAX, sane};
use crate::model::{LapMark, Quality, Span};

/// In order of start, about `whole`, at most [`LAPS_MAX`]. A lap ends where the next begins, so that each record is in one
/// lap (or two, at a boundary) however a file overlaps them.
pub(crate) fn believed(mut laps: Vec<LapMark>, whole: Span, quality: &mut Quality) -> Vec<LapMark> {
    let before = laps.len();
    laps.retain(|lap| {
        sane(lap.span) && lap.span.start_ms <= whole.end_ms && lap.span.end_ms >= whole.start_ms
    });
    laps.sort_by_key(|lap| lap.span.start_ms);
    laps.truncate(LAPS_MAX);
    quality.laps_dropped += (before - laps.len()) as u32;
    for at in 0..laps.len() {
        laps[at].device = laps[at].device.believed();
        if let Some(next) = laps.get(at + 1).map(|next| next.span.start_ms) {
            laps[at].span.end_ms = laps[at].span.end_ms.min(next);
        }
    }
    laps
}
