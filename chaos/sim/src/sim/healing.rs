//! Healing, and what is judged at the end of a run.

use control_plane_state::shard_config::ConfigPhase;

use super::invariants::{erased, progress, serializable};
use super::parts::Happening;
use super::world::{PROGRESS_BOUND, World};

impl World {
    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.net.heal();
        self.control.down_until = 0;
        for node in 0..self.nodes.len() {
            self.wake(node);
            let state = &mut self.nodes[node];
            (state.paused_until, state.slow_until, state.full_until) = (0, 0, 0);
            self.restart(node);
            for shard in 0..self.shards.len() {
                self.restart_copy(node, shard);
            }
        }
        self.line(|| "healed".to_owned());
        self.queue.push(self.now + 100_000, Happening::Probe);
    }

    pub(crate) fn standing(&self, shard: usize) -> progress::Standing {
        let world = &self.shards[shard];
        let config = &world.config;
        progress::Standing {
            answered: world.answered_after_heal,
            all_in_sync: config.candidates().count() == config.copies().count()
                && config.copies().count() >= world.copies_wanted,
            steady: config.phase == ConfigPhase::Steady && !config.unborn,
            no_left_over: self.nodes.iter().all(|node| {
                let held = node.hosts[shard].disk.image.meta.replica;
                held.is_none_or(|replica| config.names(replica))
            }),
        }
    }

    /// Ends the run as soon as everything works again.
    pub(crate) fn probe(&mut self) {
        let healthy = (0..self.shards.len()).all(|shard| self.standing(shard).healthy());
        for shard in 0..self.shards.len() {
            self.crossing_committed(shard);
        }
        if healthy && self.crossing_unsettled().is_none() {
            self.check_nothing_erased_is_left();
            self.check_all_taken();
            self.finished = true;
        } else {
            for shard in 0..self.shards.len() {
                self.force_if_needed(shard);
            }
            self.queue.push(self.now + 100_000, Happening::Probe);
        }
    }

    /// No disk holds a row of before its erase.
    fn check_nothing_erased_is_left(&mut self) {
        for shard in 0..self.shards.len() {
            for node in 0..self.nodes.len() {
                let (host, world) = (&self.nodes[node].hosts[shard], &self.shards[shard]);
                if let Err(detail) = erased::at_the_end(&world.oracle, &world.ops, &host.disk.image) {
                    self.violated(erased::NAME, shard, format!("node {node}, at the end: {detail}"));
                }
            }
        }
    }

    pub(crate) fn check_progress(&mut self) {
        for shard in 0..self.shards.len() {
            if let Err(detail) = progress::check(self.standing(shard), PROGRESS_BOUND) {
                self.violated(progress::NAME, shard, detail);
            }
        }
        if let Some(detail) = self.crossing_unsettled() {
            self.violated(progress::NAME, 0, detail);
        }
    }

    pub(crate) fn judge_histories(&mut self) {
        for shard in 0..self.shards.len() {
            let world = &self.shards[shard];
            self.numbers.lost_async += world.oracle.lost_async.len() as u64;
            let may_lose = world.async_per_mille > 0 && world.config.epoch.0 > 1;
            match serializable::check(&world.ops, &world.oracle, may_lose) {
                Ok(judged) => self.numbers.judged += judged as u64,
                Err(detail) => self.violated(serializable::NAME, shard, detail),
            }
        }
    }
}
