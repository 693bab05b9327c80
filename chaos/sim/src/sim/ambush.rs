//! Faults that come one after another where a single draw would seldom put them: at the moment that a rule is for.

use cell_replica::Event;
use control_plane_state::shard_config::{CopyState, ProposedChange};

use super::faults::{FaultKind, JUST_WHOLE};
use super::world::{FAULTS_FROM, World};

/// `copying` in the coverage table.
const COPYING: usize = 3;

impl World {
    /// An even `pick`: only a copy that was told to leave is left when the primary is destroyed in the middle of
    /// making another. An odd one: who led alone at first comes back, later, as it was then.
    pub(crate) fn ambush(&mut self, pick: usize, until: u64) -> bool {
        let shard = (pick / 2) % self.shards.len();
        if pick.is_multiple_of(2) {
            self.strand(shard, until)
        } else {
            let node = u8::try_from(self.primary_of(shard)).expect("few nodes");
            let at = until + self.random.between(20_000, 400_000);
            self.follow_up(FaultKind::OldImage { node }, at, at + 1_000);
            self.hand_over(shard)
        }
    }

    fn strand(&mut self, shard: usize, until: u64) -> bool {
        let in_sync = |copy: &&control_plane_state::shard_config::ShardCopy| copy.state == CopyState::InSync;
        let standbys = self.shards[shard].config.standbys.iter().filter(in_sync);
        let nodes: Vec<usize> = standbys.map(|copy| usize::from(copy.node.ordinal)).collect();
        let [stays, goes] = nodes[..] else { return false };
        self.drive(stays, shard, Event::Leave);
        let at = self.now + self.random.between(15_000, 60_000);
        self.crash_at(stays, at, until.max(at + 200_000));
        let node = u8::try_from(goes).expect("few nodes");
        let at = at + self.random.between(20_000, 150_000);
        self.follow_up(FaultKind::LostDisk { node }, at, at + 10_000);
        self.ambushed = Some(shard);
        true
    }

    /// A copy of the shard has come into a state.
    pub(crate) fn spring_ambush(&mut self, shard: usize, state: usize) {
        if state != COPYING || self.now < FAULTS_FROM || self.healed {
            return;
        }
        if self.trap.is_none() && self.random.chance(400) {
            // When it is whole, and tells so, it crashes before that is durable.
            self.trap = Some((usize::from(JUST_WHOLE), self.now + 500_000));
        }
        if self.ambushed != Some(shard) {
            return;
        }
        self.ambushed = None;
        let pick = u8::try_from(shard).expect("few shards");
        let at = self.now + self.random.between(8_000, 50_000);
        let until = at + self.random.between(200_000, 1_500_000);
        self.follow_up(FaultKind::Destroy { pick }, at, until);
    }

    /// A change that a primary asked for is committed.
    pub(crate) fn after_proposal(&mut self, shard: usize, change: ProposedChange) {
        match change {
            ProposedChange::Born if self.random.chance(400) => {
                let node = self.primary_of(shard);
                let host = &mut self.nodes[node].hosts[shard];
                host.old = Some(Box::new(host.disk.image.clone()));
            }
            // Who has found out that a copy is damaged dies before it can say more.
            ProposedChange::Drop(replica) | ProposedChange::Damaged(replica)
                if self.control.truce == Some((shard, replica))
                    && self.shards[shard].found_damaged.contains(&replica)
                    && self.random.chance(500) =>
            {
                let node = self.primary_of(shard);
                let at = self.now + self.random.below(2_000);
                let long = self.random.between(5_000, 200_000);
                self.control.truce = None;
                self.crash_at(node, at, at + long);
            }
            _ => {}
        }
    }
}
