//! Nodes of the simulated world: processes that start and crash, disks that flush, clocks.

use super::parts::Happening;
use super::world::{TICK_MICROS, World, group};
use cell_replica::{Event, Moment, NodeKey, Replica};

use super::disk::Flaws;
use super::plant::SimPlant;

impl World {
    /// Process start: what is on disk, nothing else.
    pub(crate) fn restart(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        if state.up {
            return;
        }
        state.up = true;
        state.life += 1;
        let life = state.life;
        for shard in 0..self.shards.len() {
            self.restart_copy(node, shard);
        }
        let at = self.now + self.random.below(TICK_MICROS);
        self.queue.push(at, Happening::Tick { node, life });
        self.queue.push(at, Happening::Reports { node, life });
    }

    pub(crate) fn restart_copy(&mut self, node: usize, shard: usize) {
        if !self.nodes[node].up || self.nodes[node].hosts[shard].replica.is_some() {
            return;
        }
        let (now, plants) = (self.local(node), self.replica_plants());
        let host = &mut self.nodes[node].hosts[shard];
        host.life += 1;
        let planted = |plant| self.setting.plant == Some(plant);
        host.disk.flaws = Flaws {
            lies: planted(SimPlant::SkipAnFsync),
            takes_torn: planted(SimPlant::TornBatchIsTaken),
            replays_no_erase: planted(SimPlant::EraseNotReplayed),
        };
        let key = NodeKey(u16::try_from(node).expect("few nodes"));
        let (replica, actions) = Replica::start(now, key, group(shard), host.disk.durable(), plants);
        host.replica = Some(replica);
        self.perform(node, shard, actions);
    }

    /// Process gone, with what was not synced.
    pub(crate) fn crash(&mut self, node: usize) {
        if !self.nodes[node].up {
            return;
        }
        self.nodes[node].up = false;
        self.nodes[node].life += 1;
        for shard in 0..self.shards.len() {
            self.crash_copy(node, shard);
        }
    }

    pub(crate) fn crash_copy(&mut self, node: usize, shard: usize) {
        let host = &mut self.nodes[node].hosts[shard];
        host.life += 1;
        host.replica = None;
        host.waiting.clear();
        let under_way = host.disk.under_way() as u64;
        let survived = usize::try_from(self.disks.between(0, under_way)).unwrap_or(0);
        let torn = self.disks.number();
        if host.disk.crash(survived, torn) {
            self.see("torn-batch-dropped");
        }
        self.check_image(node, shard);
    }

    pub(crate) fn begin_flush(&mut self, node: usize, shard: usize) {
        if !self.nodes[node].hosts[shard].disk.begin_flush() {
            return;
        }
        let slow = self.nodes[node].slow_until > self.now;
        let micros = if slow {
            self.disks.between(20_000, 180_000)
        } else {
            self.disks.between(200, 2_500)
        };
        let life = self.nodes[node].hosts[shard].life;
        let happening = Happening::Flushed { node, shard, life };
        self.queue.push(self.now + micros, happening);
    }

    pub(crate) fn flushed(&mut self, node: usize, shard: usize, life: u32) {
        if self.nodes[node].hosts[shard].life != life {
            return;
        }
        let mut taken = Vec::new();
        let Some(ticket) = self.nodes[node].hosts[shard].disk.end_flush(&mut taken) else {
            return;
        };
        if let Some(replica) = self.nodes[node].hosts[shard].disk.image.meta.replica {
            // A copy in the making whose disk was lost begins again under its name.
            self.shards[shard].lost.retain(|lost| *lost != replica);
        }
        self.check_image(node, shard);
        self.drive(node, shard, Event::Persisted(ticket));
        for digest in taken {
            let event = Event::Digested {
                chunk: digest.chunk,
                position: digest.position,
                digest: digest.digest,
            };
            self.drive(node, shard, event);
        }
        self.begin_flush(node, shard);
    }

    pub(crate) fn node_ticks(&mut self, node: usize, life: u32) {
        if !self.nodes[node].up || self.nodes[node].life != life {
            return;
        }
        for shard in 0..self.shards.len() {
            self.drive(node, shard, Event::Tick);
            self.answer_what_waits(node, shard);
            self.cross_ticks(node, shard);
        }
        let at = self.now + TICK_MICROS + self.random.below(TICK_MICROS / 4);
        self.queue.push(at, Happening::Tick { node, life });
    }

    /// What the wall clock of a node shows: it drifts and jumps, and nothing but the times of entries goes by it.
    pub(crate) fn wall(&self, node: usize) -> u64 {
        let node = &self.nodes[node];
        let drift = i128::from(self.now) * i128::from(node.wall_ppm) / 1_000_000;
        u64::try_from(i128::from(node.wall_offset) + i128::from(self.now) + drift).unwrap_or(0)
    }

    pub(crate) fn jump_wall_clock(&mut self, node: usize) {
        let jump = self.random.below(7_200_000_000);
        let back = self.random.chance(600);
        let offset = &mut self.nodes[node].wall_offset;
        *offset = if back {
            offset.saturating_sub(jump)
        } else {
            *offset + jump
        };
    }

    /// The own clock of a node.
    pub(crate) fn local(&self, node: usize) -> Moment {
        let node = &self.nodes[node];
        let counted = node.suspended_from.unwrap_or(self.now) - node.suspended;
        let drift = i128::from(counted) * i128::from(node.rate_ppm) / 1_000_000;
        let local = i128::from(node.offset) + i128::from(counted) + drift;
        Moment(u64::try_from(local).unwrap_or(0))
    }
}
