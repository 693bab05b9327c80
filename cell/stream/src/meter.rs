//! What the streams count. Labels are lanes and reasons, never nodes or shards: they stay few however large the world.

use crate::lane::Lane;
use crate::queue::Full;

/// Frames that were not sent on, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The peer's queue, or the shard's part of it, was full.
    Full,
    /// The peer could not be reached.
    Unreachable,
    /// The table names no copy of the shard on the peer.
    NotInSet,
    /// Longer than a frame may be.
    TooLong,
}

impl From<Full> for Lost {
    fn from(full: Full) -> Self {
        match full {
            Full::Queue => Self::Full,
            Full::Unreachable => Self::Unreachable,
        }
    }
}

impl Lost {
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unreachable => "unreachable",
            Self::NotInSet => "not-in-set",
            Self::TooLong => "too-long",
        }
    }
}

pub(crate) fn lost(lane: Lane, why: Lost, frames: usize) {
    metrics::counter!("celld_stream_frames_lost_total", "lane" => lane.as_str(), "reason" => why.as_str())
        .increment(frames as u64);
}

pub(crate) fn sent(lane: Lane, frames: usize, bytes: usize) {
    let lane = lane.as_str();
    metrics::counter!("celld_stream_frames_sent_total", "lane" => lane).increment(frames as u64);
    metrics::counter!("celld_stream_bytes_sent_total", "lane" => lane).increment(bytes as u64);
}

pub(crate) fn broken(lane: Lane) {
    metrics::counter!("celld_streams_broken_total", "lane" => lane.as_str()).increment(1);
}

pub(crate) fn received(frames: usize) {
    metrics::counter!("celld_stream_frames_received_total").increment(frames as u64);
}

pub(crate) fn refused(reason: &'static str) {
    metrics::counter!("celld_stream_refused_total", "reason" => reason).increment(1);
}
