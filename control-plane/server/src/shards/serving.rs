//! Whether the primary of a shard has just told that it serves. Only then does a copy leave by the controllers' own
//! order: it may hold all that was acknowledged. And whether a copy is lost, so that another may be restored.

use control_plane_state::shard_config::{CopyState, ShardConfig, ShardCopy};
use platform_model::ShardId;
use platform_model::thresholds::MISSING_MS;

use super::leader::Leader;

impl Leader {
    /// In the newest report of its node that lists its copies, of late, in the epoch that is given out. That the node
    /// reports is not enough: it may have come back without the copy.
    pub(super) fn serves(&self, now_micros: u64, shard: &ShardId, config: &ShardConfig) -> bool {
        let primary = &config.primary;
        let seen = self
            .shards
            .get(shard)
            .and_then(|watched| watched.copy(primary.replica));
        let listed = self.heard.listed_age_micros(now_micros, &primary.node);
        let (Some(seen), Some(listed)) = (seen, listed) else {
            return false;
        };
        let age = now_micros.saturating_sub(seen.at_micros);
        let is_fresh = age <= listed && age < MISSING_MS * 1_000;
        is_fresh && seen.report.serves && seen.report.term.epoch == config.epoch
    }

    /// A copy that may live and could lead, by force if it must: nothing is restored over it. One that is half made, or
    /// was found to differ, never leads, and keeps nobody from it.
    pub fn alive<'a>(
        &self,
        now_micros: u64,
        shard: &ShardId,
        config: &'a ShardConfig,
    ) -> Option<&'a ShardCopy> {
        let mut whole = config.copies().filter(|copy| copy.state >= CopyState::CatchingUp);
        whole.find(|copy| self.may_live(now_micros, shard, copy))
    }

    /// Whether a copy may be where it is said to be: its node reports, and does not tell that it is gone.
    pub fn may_live(&self, now_micros: u64, shard: &ShardId, copy: &ShardCopy) -> bool {
        let watched = self.shards.get(shard);
        let gone = watched.and_then(|watched| watched.gone_micros(copy.replica));
        let is_gone = gone.is_some_and(|at| now_micros.saturating_sub(at) < 2 * MISSING_MS * 1_000);
        self.is_heard(now_micros, &copy.node) && !is_gone
    }
}
