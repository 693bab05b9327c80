//! What a leader remembers of one shard: its driver, how its copies stand, what was compared.

use std::collections::BTreeMap;

use control_plane_state::operation::OperationId;
use control_plane_state::shard_config::{Driver, DriverSettings, ShardConfig};
use platform_model::{Generation, ReplicaId, Term};
use platform_wire::replicas::CopyReport;

use super::gray::Suspicion;

/// The volatile part of a leader for one shard.
#[derive(Debug)]
pub struct Watched {
    pub driver: Driver,
    copies: BTreeMap<ReplicaId, SeenCopy>,
    certified: BTreeMap<ReplicaId, Certified>,
    pub suspicion: Suspicion,
    /// For which operation, and which stay of it at that step, its primary was asked to compare, and when it was asked
    /// or told something of it last.
    verify: Option<((OperationId, u64), u64)>,
    /// A copy that was found to differ since, and the chunk.
    differs: Option<(ReplicaId, u32)>,
    /// Since when a command for this shard is on its way.
    pub busy_since_micros: Option<u64>,
    /// As it was looked over last.
    generation: Generation,
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

/// What a comparison that was asked for has brought so far.
pub struct Compared<'a> {
    pub certified: &'a BTreeMap<ReplicaId, Certified>,
    pub differs: Option<(ReplicaId, u32)>,
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
            verify: None,
            differs: None,
            busy_since_micros: None,
            generation: Generation(0),
        }
    }

    /// Forgets copies that the configuration does not name: what is kept is bounded by it. A command that changed it has
    /// its outcome, whoever is told of it later: what follows from it may be at once.
    pub fn keep_to(&mut self, config: &ShardConfig) {
        if self.generation != config.generation {
            self.generation = config.generation;
            self.busy_since_micros = None;
        }
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

    /// A later term's certificate stands for the copy; within a term, more chunks.
    pub fn certify(&mut self, replica: ReplicaId, certified: Certified) {
        let known = self.certified.get(&replica);
        let newer =
            known.is_none_or(|known| (known.term, known.chunks) <= (certified.term, certified.chunks));
        if newer {
            self.certified.insert(replica, certified);
        }
        if let Some((_, heard)) = &mut self.verify {
            *heard = certified.at_micros;
        }
    }

    pub fn differ(&mut self, replica: ReplicaId, chunk: u32) {
        self.differs = Some((replica, chunk));
    }

    pub fn certified(&self, replica: ReplicaId) -> Option<&Certified> {
        self.certified.get(&replica)
    }

    /// What was compared since the primary was asked for this very stay: nothing else counts for it.
    pub fn compared(&self, stay: (OperationId, u64)) -> Option<Compared<'_>> {
        let (asked, _) = self.verify.as_ref()?;
        (*asked == stay).then_some(Compared {
            certified: &self.certified,
            differs: self.differs,
        })
    }

    /// Whether the primary is to be asked now to compare: at first, when what was compared before counts no more, and
    /// again when nothing was told for a while.
    pub fn asks(&mut self, now_micros: u64, stay: (OperationId, u64), again_micros: u64) -> bool {
        match &mut self.verify {
            Some((known, heard)) if *known == stay => {
                let due = now_micros.saturating_sub(*heard) >= again_micros;
                if due {
                    *heard = now_micros;
                }
                due
            }
            other => {
                *other = Some((stay, now_micros));
                self.certified.clear();
                self.differs = None;
                true
            }
        }
    }
}
