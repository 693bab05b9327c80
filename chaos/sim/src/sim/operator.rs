//! What operators do, in the middle of faults too: handovers, promotions by hand, verification, other places for copies,
//! and force where nothing else is left.

use cell_replica::{Event, Role};
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase, CopyState, Proof};
use platform_model::{Position, ReplicaId};

use super::content::CHUNKS;
use super::faults::FaultKind;
use super::parts::Happening;
use super::world::World;

impl World {
    pub(crate) fn hand_over(&mut self, pick: usize) -> bool {
        let shard = pick % self.shards.len();
        let config = &self.shards[shard].config;
        let in_sync: Vec<ReplicaId> = config.candidates().skip(1).map(|copy| copy.replica).collect();
        if in_sync.is_empty() {
            return false;
        }
        let command = ConfigCommand::BeginHandover {
            target: in_sync[pick % in_sync.len()],
            certificate: None,
            needs_certificate: false,
        };
        let generation = config.generation;
        self.propose(shard, generation, command);
        if pick.is_multiple_of(3) {
            // In the middle of it the old primary is cut off.
            let node = u8::try_from(self.primary_of(shard)).expect("few nodes");
            let at = self.now + self.random.between(8_000, 40_000);
            self.follow_up(FaultKind::Isolate { node }, at, at + 300_000);
        }
        true
    }

    /// A promotion that nothing but an operator's word began.
    pub(crate) fn fail_over(&mut self, pick: usize, until: u64) -> bool {
        let shard = pick % self.shards.len();
        let config = &self.shards[shard].config;
        let Some(standby) = config.candidates().nth(1).map(|copy| copy.node.ordinal) else {
            return false;
        };
        let generation = config.generation;
        self.propose(shard, generation, ConfigCommand::BeginPromote);
        if pick & 4 != 0 {
            let node = u8::try_from(self.primary_of(shard)).expect("few nodes");
            self.follow_up(FaultKind::CutControl { node }, self.now, until);
        }
        if pick & 8 != 0 {
            let at = self.now + self.random.between(8_000, 60_000);
            self.crash_at(usize::from(standby), at, at + 15_000);
        }
        true
    }

    pub(crate) fn leave(&mut self, node: usize, until: u64) {
        for shard in 0..self.shards.len() {
            self.drive(node, shard, Event::Leave);
        }
        // The process stops a moment later, dropped or not.
        self.crash_at(node, self.now + 40_000, until + 60_000);
    }

    pub(crate) fn verify_all(&mut self) {
        for shard in 0..self.shards.len() {
            let node = self.primary_of(shard);
            for chunk in 0..CHUNKS {
                self.drive(node, shard, Event::Verify { chunk });
            }
        }
    }

    pub(crate) fn trim_all(&mut self) {
        for shard in 0..self.shards.len() {
            let node = self.primary_of(shard);
            let end = self.shards[shard].oracle.end();
            let upto = Position(end.saturating_sub(self.random.below(20)));
            self.drive(node, shard, Event::MayTrim { upto });
        }
    }

    /// A standby that is not counted on leaves for another place; one that is, is asked to leave first.
    pub(crate) fn reshape(&mut self, pick: usize) -> bool {
        let shard = pick % self.shards.len();
        let config = &self.shards[shard].config;
        // Nobody takes copies out while the primary's own is gone.
        let gone = self.lost(shard, config.primary.replica);
        if config.standbys.is_empty() || config.phase != ConfigPhase::Steady || gone {
            return false;
        }
        let copy = config.standbys[pick % config.standbys.len()].clone();
        if copy.state == CopyState::InSync {
            self.drive(usize::from(copy.node.ordinal), shard, Event::Leave);
            return true;
        }
        let command = ConfigCommand::RemoveCopy {
            replica: copy.replica,
        };
        let generation = config.generation;
        self.propose(shard, generation, command);
        true
    }

    /// The primary's volume is gone for good. Where nobody else has everything, the operator forces what is left.
    pub(crate) fn destroy(&mut self, pick: usize, until: u64) -> bool {
        let shard = pick % self.shards.len();
        let config = self.shards[shard].config.clone();
        let node = self.primary_of(shard);
        if config.candidates().count() > 1 {
            return self.lose_disk(node, until);
        }
        // What a forced promotion loses by somebody's word breaks promises between shards.
        let Some(target) = self.force_target(shard).filter(|_| self.cross.is_none()) else {
            return false;
        };
        let proof = Proof::ProviderGone {
            replica: config.primary.replica,
        };
        let command = ConfigCommand::BeginForce {
            target,
            proof,
            loss_entries_max: 1_000_000,
        };
        self.crash(node);
        self.wipe(node, shard);
        self.queue.push(until, Happening::Restart { node, shard: None });
        self.propose(shard, config.generation, command);
        true
    }

    /// Where the primary's disk is gone and nobody else is in-sync, only an operator can help: he forces the copy with
    /// the longest log, and what it lacks is lost by his word.
    pub(crate) fn force_if_needed(&mut self, shard: usize) {
        let config = &self.shards[shard].config;
        let forced = matches!(&config.phase, ConfigPhase::Promoting { forced: Some(_), .. });
        let alone = config.candidates().count() == 1;
        if forced || !alone || !self.lost(shard, config.primary.replica) {
            return;
        }
        let Some(target) = self.force_target(shard) else {
            return;
        };
        let command = ConfigCommand::BeginForce {
            target,
            proof: Proof::ProviderGone {
                replica: config.primary.replica,
            },
            loss_entries_max: 1_000_000,
        };
        let generation = config.generation;
        self.propose(shard, generation, command);
    }

    /// The consistent copy with the longest log that is not in-sync.
    pub(crate) fn force_target(&self, shard: usize) -> Option<ReplicaId> {
        let whole = |copy: &&control_plane_state::shard_config::ShardCopy| {
            let host = &self.nodes[usize::from(copy.node.ordinal)].hosts[shard];
            let image = &host.disk.image;
            // One that says it has forgotten is no copy, whatever lies on its disk.
            let remembers = host
                .replica
                .as_ref()
                .is_none_or(|replica| *replica.role() != Role::Amnesiac);
            copy.state == CopyState::CatchingUp
                && remembers
                && image.is_whole()
                && image.meta.replica == Some(copy.replica)
        };
        let length = |copy: &&control_plane_state::shard_config::ShardCopy| {
            let last = self.nodes[usize::from(copy.node.ordinal)].hosts[shard]
                .disk
                .image
                .log
                .last();
            (last.term.epoch, last.position)
        };
        let standbys = &self.shards[shard].config.standbys;
        standbys
            .iter()
            .filter(whole)
            .max_by_key(length)
            .map(|copy| copy.replica)
    }

    pub(crate) fn primary_of(&self, shard: usize) -> usize {
        usize::from(self.shards[shard].config.primary.node.ordinal)
    }
}
