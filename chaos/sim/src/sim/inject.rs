//! Faults as they begin and end, and healing.

use cell_replica::Event;
use control_plane_state::shard_config::{ConfigPhase, CopyState};
use platform_model::ReplicaId;

use super::content::KEYS;
use super::disk::Image;
use super::faults::{FaultKind, JUST_WHOLE};
use super::parts::Happening;
use super::world::{HEAL_AT, World};

impl World {
    pub(crate) fn fault_begins(&mut self, index: usize) {
        let fault = self.faults[index];
        let harmless = matches!(fault.kind, FaultKind::Verify | FaultKind::Trim);
        if self.healed || (self.control.truce.is_some() && !harmless) {
            return;
        }
        let long = fault.long.min(HEAL_AT.saturating_sub(self.now)).max(1_000);
        let took_place = self.break_something(fault.kind, long);
        self.line(|| {
            format!(
                "fault {}: {:?} for {} ms",
                fault.kind.name(),
                fault.kind,
                long / 1000
            )
        });
        if took_place {
            self.active += 1;
            *self.numbers.faults.entry(fault.kind.name()).or_default() += 1;
            self.queue.push(self.now + long, Happening::FaultEnds(index));
        }
    }

    pub(crate) fn break_something(&mut self, kind: FaultKind, long: u64) -> bool {
        let until = self.now + long;
        let control = self.nodes.len();
        match kind {
            FaultKind::Cut { .. } | FaultKind::OneWay { .. } | FaultKind::Isolate { .. } => {
                self.cut(kind, true);
            }
            FaultKind::CutControl { node } => {
                self.net.cut(usize::from(node), control, true);
                self.net.cut(control, usize::from(node), true);
            }
            FaultKind::Loss => self.net.loss_per_mille += 150,
            FaultKind::Duplicates => self.net.duplicate_per_mille += 200,
            FaultKind::Spikes => {
                self.net.spike_per_mille += 250;
                self.net.spike_micros = 400_000;
            }
            FaultKind::Crash { node } => self.crash(usize::from(node)),
            FaultKind::PowerCut => (0..self.nodes.len()).for_each(|node| self.crash(node)),
            FaultKind::Pause { node } => self.nodes[usize::from(node)].paused_until = until,
            FaultKind::Suspend { node } => {
                let clock_stops = self.setting.plant == Some(super::plant::SimPlant::LeaseByAClockThatStops);
                let node = &mut self.nodes[usize::from(node)];
                if node.paused_until > self.now {
                    return false;
                }
                node.paused_until = until;
                if clock_stops {
                    // As long as it sleeps its clock stands: what it will have missed is known now.
                    node.suspended_from = Some(self.now);
                }
            }
            FaultKind::SlowDisk { node } => self.nodes[usize::from(node)].slow_until = until,
            FaultKind::FullQueues { node } => self.nodes[usize::from(node)].full_until = until,
            FaultKind::FailedFlush { node } => return self.fail_a_flush(usize::from(node), until),
            FaultKind::LostDisk { node } => return self.lose_disk(usize::from(node), until),
            FaultKind::OldImage { node } => return self.bring_back_an_old_image(usize::from(node)),
            FaultKind::FlippedBits { node } => return self.flip_bits(usize::from(node)),
            FaultKind::ControlDown => self.control.down_until = until,
            FaultKind::NewLeader => self.change_leader(),
            FaultKind::Handover { pick } => return self.hand_over(usize::from(pick)),
            FaultKind::Leave { node } => self.leave(usize::from(node), until),
            FaultKind::Verify => self.verify_all(),
            FaultKind::Trim => self.trim_all(),
            FaultKind::Reshape { pick } => return self.reshape(usize::from(pick)),
            FaultKind::Destroy { pick } => return self.destroy(usize::from(pick), until),
            FaultKind::ClockJump { node } => self.jump_wall_clock(usize::from(node)),
            FaultKind::Ambush { pick } => return self.ambush(usize::from(pick), until),
            FaultKind::FailOver { pick } => return self.fail_over(usize::from(pick), until),
            FaultKind::Trap { state } => self.trap = Some((usize::from(state), until)),
        }
        true
    }

    pub(crate) fn fault_ends(&mut self, index: usize) {
        self.active = self.active.saturating_sub(1);
        let control = self.nodes.len();
        if self.healed {
            return;
        }
        match self.faults[index].kind {
            kind @ (FaultKind::Cut { .. } | FaultKind::OneWay { .. } | FaultKind::Isolate { .. }) => {
                self.cut(kind, false);
            }
            FaultKind::CutControl { node } => {
                self.net.cut(usize::from(node), control, false);
                self.net.cut(control, usize::from(node), false);
            }
            FaultKind::Loss => self.net.loss_per_mille = self.net.loss_per_mille.saturating_sub(150),
            FaultKind::Duplicates => {
                self.net.duplicate_per_mille = self.net.duplicate_per_mille.saturating_sub(200);
            }
            FaultKind::Spikes => self.net.spike_per_mille = self.net.spike_per_mille.saturating_sub(250),
            FaultKind::Crash { node } => self.restart(usize::from(node)),
            FaultKind::PowerCut => (0..self.nodes.len()).for_each(|node| self.restart(node)),
            FaultKind::Suspend { node } => self.wake(usize::from(node)),
            _ => {}
        }
    }

    /// A suspended machine goes on.
    pub(crate) fn wake(&mut self, node: usize) {
        let now = self.now;
        let node = &mut self.nodes[node];
        if let Some(from) = node.suspended_from.take() {
            node.suspended += now - from;
        }
    }

    pub(crate) fn cut(&mut self, kind: FaultKind, on: bool) {
        match kind {
            FaultKind::Cut { a, b } => {
                self.net.cut(usize::from(a), usize::from(b), on);
                self.net.cut(usize::from(b), usize::from(a), on);
            }
            FaultKind::OneWay { from, to } => self.net.cut(usize::from(from), usize::from(to), on),
            FaultKind::Isolate { node } => {
                let node = usize::from(node);
                for other in (0..=self.nodes.len()).filter(|other| *other != node) {
                    self.net.cut(node, other, on);
                    self.net.cut(other, node, on);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn fail_a_flush(&mut self, node: usize, until: u64) -> bool {
        let shard = self.random.pick(self.shards.len());
        if !self.nodes[node].up || self.nodes[node].hosts[shard].replica.is_none() {
            return false;
        }
        self.drive(node, shard, Event::DiskFailed);
        self.crash_copy(node, shard);
        let shard = Some(shard);
        self.queue.push(until, Happening::Restart { node, shard });
        true
    }

    /// Whether another candidate of the shard has everything, so that this one may be lost.
    pub(crate) fn is_covered(&self, node: usize, shard: usize) -> bool {
        let world = &self.shards[shard];
        let here = world
            .config
            .copies()
            .find(|copy| usize::from(copy.node.ordinal) == node);
        let Some(here) = here else { return true };
        let named_lost =
            |copy: &&control_plane_state::shard_config::ShardCopy| world.lost.contains(&copy.replica);
        if world.config.copies().any(|copy| named_lost(&copy)) {
            return false;
        }
        let others = world
            .config
            .candidates()
            .filter(|copy| copy.replica != here.replica);
        !world.config.is_candidate(here.replica) || others.count() > 0
    }

    pub(crate) fn lose_disk(&mut self, node: usize, until: u64) -> bool {
        let covered = (0..self.shards.len()).all(|shard| self.is_covered(node, shard));
        if !covered || !self.nodes[node].up || self.control.truce.is_some() {
            return false;
        }
        self.crash(node);
        for shard in 0..self.shards.len() {
            self.wipe(node, shard);
        }
        self.queue.push(until, Happening::Restart { node, shard: None });
        true
    }

    pub(crate) fn wipe(&mut self, node: usize, shard: usize) {
        let disk = &mut self.nodes[node].hosts[shard].disk;
        if let Some(replica) = disk.image.meta.replica {
            self.shards[shard].lost.push(replica);
        }
        disk.image = Image::default();
    }

    /// The in-sync standby on this node, if the shard is led elsewhere and all is quiet.
    pub(crate) fn quiet_standby(&self, node: usize) -> Option<(usize, ReplicaId)> {
        let quiet = self.active == 0 && self.control.truce.is_none() && self.nodes.iter().all(|node| node.up);
        (0..self.shards.len()).filter(|_| quiet).find_map(|shard| {
            let world = &self.shards[shard];
            let serves = |node: usize| {
                let replica = self.nodes[node].hosts[shard].replica.as_ref();
                replica.is_some_and(|replica| replica.may_answer(self.local(node)))
            };
            let primary = usize::from(world.config.primary.node.ordinal);
            let settled =
                world.config.phase == ConfigPhase::Steady && serves(primary) && world.lost.is_empty();
            let here = |copy: &&control_plane_state::shard_config::ShardCopy| {
                usize::from(copy.node.ordinal) == node && copy.state == CopyState::InSync
            };
            let standby = world.config.standbys.iter().find(here)?;
            settled.then_some((shard, standby.replica))
        })
    }

    pub(crate) fn bring_back_an_old_image(&mut self, node: usize) -> bool {
        let Some((shard, replica)) = self.quiet_standby(node) else {
            return false;
        };
        let Some(old) = self.nodes[node].hosts[shard].old.take() else {
            return false;
        };
        let newer = self.nodes[node].hosts[shard].disk.image.log.end() > old.log.end();
        if !newer || old.meta.replica != Some(replica) {
            return false;
        }
        self.control.truce = Some((shard, replica));
        self.crash_copy(node, shard);
        self.nodes[node].hosts[shard].disk.image = *old;
        self.restart_copy(node, shard);
        true
    }

    pub(crate) fn flip_bits(&mut self, node: usize) -> bool {
        let Some((shard, replica)) = self.quiet_standby(node) else {
            return false;
        };
        self.control.truce = Some((shard, replica));
        let key = self.random.pick(KEYS);
        let host = &mut self.nodes[node].hosts[shard];
        host.flipped = Some(replica);
        host.disk.image.rows[key] ^= 1 << 40;
        self.verify_all();
        true
    }

    pub(crate) fn change_leader(&mut self) {
        let fresh = self.new_drivers();
        let drivers = std::mem::replace(&mut self.control.drivers, fresh);
        let configs = self.shards.iter().map(|shard| shard.config.clone()).collect();
        let until = self.now + self.random.between(200_000, 1_500_000);
        self.control.deposed.push((until, drivers, configs));
    }

    /// Somebody has come into a state that a trap waits for.
    pub(crate) fn spring_trap(&mut self, node: usize, state: usize) {
        let Some((waits_for, until)) = self.trap else {
            return;
        };
        if waits_for != state || self.now > until || self.healed {
            return;
        }
        self.trap = None;
        let just_whole = state == usize::from(JUST_WHOLE);
        let (soon, back) = if just_whole {
            (2_500, 20_000)
        } else {
            (8_000, 300_000)
        };
        let at = self.now + self.random.below(soon);
        let long = self.random.between(2_000, back);
        self.crash_at(node, at, at + long);
    }

    pub(crate) fn crash_at(&mut self, node: usize, at: u64, until: u64) {
        let node = u8::try_from(node).expect("few nodes");
        self.follow_up(FaultKind::Crash { node }, at, until);
    }

    /// A fault that another one leads to.
    pub(crate) fn follow_up(&mut self, kind: FaultKind, at: u64, until: u64) {
        let long = until.saturating_sub(at);
        self.faults.push(super::faults::Fault {
            micros: at,
            long,
            kind,
        });
        self.queue.push(at, Happening::FaultBegins(self.faults.len() - 1));
    }
}
