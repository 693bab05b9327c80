//! When the log is trimmed: as today's limits say, but what a standby still needs is kept up to a larger bound, so that one
//! that was away for a moment need not be copied anew.

use cell_replica::{Event, PeerPhase, Role};
use platform_model::Position;

use super::core::Core;
use super::index::Index;

/// How much more is kept for a standby than without one.
const KEPT_FOR_STANDBYS: usize = 4;

impl Core {
    /// The log would have to go up to `surplus` by the limits.
    pub(crate) fn trim(&mut self, surplus: Option<Position>, index: &Index) {
        let Some(surplus) = surplus else { return };
        let upto = self.not_past_standbys(surplus, index);
        let begun = self.machine.log().base().position;
        if upto > begun && self.term.is_some() {
            // Refused while no lease is held; the next batch asks again.
            let _ = self.step(Event::MayTrim { upto });
            if let Some(term) = &self.term {
                let base = self.machine.log().base().position;
                term.trimmed.store(base.0, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    fn not_past_standbys(&self, surplus: Position, index: &Index) -> Position {
        let Role::Primary(primary) = self.machine.role() else {
            return surplus;
        };
        let usable = primary
            .peers
            .iter()
            .filter(|peer| peer.phase != PeerPhase::Unusable);
        let Some(needed) = usable.map(|peer| peer.acked).min() else {
            return surplus;
        };
        let limits = &self.settings.limits;
        let (entries, bytes) = (
            limits.log_entries_kept * KEPT_FOR_STANDBYS,
            limits.log_bytes_kept * KEPT_FOR_STANDBYS,
        );
        let bound = index.surplus(entries, bytes).unwrap_or_default();
        surplus.min(needed).max(bound)
    }
}
