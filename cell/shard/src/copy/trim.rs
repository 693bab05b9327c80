//! When the log is trimmed: as today's limits say, but what a standby still needs is kept up to a larger bound, so that one
//! that was away for a moment need not be copied anew; so is what somebody keeps elsewhere and has not taken yet.

use std::sync::atomic::Ordering;

use cell_replica::{Event, PeerPhase, Role};
use platform_model::Position;

use super::core::Core;
use super::index::Index;

/// How much more is kept for a standby, or whoever keeps the log elsewhere, than without one.
const KEPT_FOR_READERS: usize = 4;

/// That many times a limit.
fn for_readers(limit: usize) -> usize {
    limit.saturating_mul(KEPT_FOR_READERS)
}

impl Core {
    /// Asks for an entry that trims the log, once it is larger than the limits say by a step.
    pub(crate) fn trim(&mut self, index: &Index) {
        if self.term.is_none() {
            return;
        }
        let limits = self.settings.limits;
        let (entries, bytes) = index.kept();
        if entries <= limits.log_entries_kept + limits.log_step_entries && bytes <= limits.log_bytes_kept {
            return;
        }
        let bytes_kept = limits.log_bytes_kept - limits.log_bytes_kept / 16;
        let Some(surplus) = index.surplus(limits.log_entries_kept, bytes_kept) else {
            return;
        };
        let upto = self.not_past_readers(surplus, index);
        let begun = self.machine.log().base().position;
        // Each trim is an entry itself: one that moves by less would be followed by the next at once. What readers
        // want is more than the usual bytes by itself.
        let enough = begun.0 + (limits.log_step_entries as u64).min(16);
        let bytes_max = if upto == surplus {
            limits.log_bytes_kept
        } else {
            for_readers(limits.log_bytes_kept)
        };
        if upto <= begun || (upto.0 < enough && bytes <= bytes_max) {
            return;
        }
        // Refused while no lease is held; the next batch asks again.
        let _ = self.step(Event::MayTrim { upto });
        if let Some(term) = &self.term {
            let base = self.machine.log().base().position;
            term.trimmed.store(base.0, Ordering::Relaxed);
        }
    }

    /// Not past what a standby lacks, nor past what whoever keeps the log elsewhere wants still.
    fn not_past_readers(&self, surplus: Position, index: &Index) -> Position {
        let wanted = self
            .term
            .as_ref()
            .map_or(u64::MAX, |term| term.wanted.load(Ordering::Relaxed));
        let needed = self.acked_by_all().map_or(wanted, |acked| acked.0.min(wanted));
        let limits = &self.settings.limits;
        let (entries, bytes) = (
            for_readers(limits.log_entries_kept),
            for_readers(limits.log_bytes_kept),
        );
        // By steps as at the usual bounds, or the trim's own entry would pass the bound again.
        let (entries_now, bytes_now) = index.kept();
        let entries_kept = if entries_now > entries.saturating_add(limits.log_step_entries) {
            entries
        } else {
            entries_now
        };
        let bytes_kept = if bytes_now > bytes {
            bytes - bytes / 16
        } else {
            bytes
        };
        let bound = index.surplus(entries_kept, bytes_kept).unwrap_or_default();
        surplus.min(Position(needed)).max(bound)
    }

    /// What every standby has that follows; none where none does.
    fn acked_by_all(&self) -> Option<Position> {
        let Role::Primary(primary) = self.machine.role() else {
            return None;
        };
        let usable = primary
            .peers
            .iter()
            .filter(|peer| peer.phase != PeerPhase::Unusable);
        usable.map(|peer| peer.acked).min()
    }
}
