//! What a leader remembers of one shard: its driver, how its copies stand, what was compared.

use std::collections::BTreeMap;

use control_plane_state::shard_config::{Driver, DriverSettings, ShardConfig};
use platform_model::{Position, ReplicaId, Term};
use platform_wire::replicas::CopyReport;

use super::gray::Suspicion;

/// The volatile part of a leader for one shard.
#[derive(Debug)]
pub struct Watched {
    pub driver: Driver,
    copies: BTreeMap<ReplicaId, SeenCopy>,
    certified: BTreeMap<ReplicaId, Certified>,
    pub suspicion: Suspicion,
    /// When its primary was asked to compare, and when it told something of it last.
    pub verify_asked_micros: Option<u64>,
    /// Since when a command for this shard is on its way.
    pub busy_since_micros: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCopy {
    pub at_micros: u64,
    pub report: CopyReport,
}

/// How much of a copy was found equal to its primary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certified {
    pub term: Term,
    pub chunks: u32,
    pub of: u32,
    pub at_micros: u64,
}

impl Certified {
    pub fn is_whole(&self) -> bool {
        self.chunks == self.of
    }
}

impl Watched {
    pub fn new(settings: DriverSettings, since_micros: u64) -> Self {
        Self {
            driver: Driver::new(settings, since_micros),
            copies: BTreeMap::new(),
            certified: BTreeMap::new(),
            suspicion: Suspicion::default(),
            verify_asked_micros: None,
            busy_since_micros: None,
        }
    }

    /// Forgets copies that the configuration does not name: what is kept is bounded by it.
    pub fn keep_to(&mut self, config: &ShardConfig) {
        self.copies.retain(|replica, _| config.names(*replica));
        self.certified.retain(|replica, _| config.names(*replica));
    }

    pub fn see(&mut self, now_micros: u64, report: CopyReport) {
        let seen = SeenCopy {
            at_micros: now_micros,
            report,
        };
        self.copies.insert(seen.report.replica, seen);
    }

    /// Every copy that was seen.
    pub fn seen(&self) -> impl Iterator<Item = &SeenCopy> {
        self.copies.values()
    }

    pub fn copy(&self, replica: ReplicaId) -> Option<&SeenCopy> {
        self.copies.get(&replica)
    }

    /// Entries that a copy is behind its primary, as both were last seen.
    pub fn lag(&self, primary: ReplicaId, replica: ReplicaId) -> Option<u64> {
        let last = |replica| self.copies.get(&replica).map(|seen| seen.report.last);
        let (Position(head), Position(own)) = (last(primary)?, last(replica)?);
        Some(head.saturating_sub(own))
    }

    /// A later term's certificate stands for the copy; within a term, more chunks.
    pub fn certify(&mut self, replica: ReplicaId, certified: Certified) {
        let known = self.certified.get(&replica);
        let newer =
            known.is_none_or(|known| (known.term, known.chunks) <= (certified.term, certified.chunks));
        if newer {
            self.certified.insert(replica, certified);
        }
    }

    pub fn certified(&self, replica: ReplicaId) -> Option<&Certified> {
        self.certified.get(&replica)
    }

    /// What was compared before counts no more: it is compared again.
    pub fn forget_certificates(&mut self) {
        self.certified.clear();
    }
}
