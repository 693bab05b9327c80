//! What a leader remembers of one shard: its driver, how its copies stand, what was compared.

use std::collections::BTreeMap;

use control_plane_state::operation::OperationId;
use control_plane_state::shard_config::{CopyState, Driver, DriverSettings, ShardConfig};
use platform_model::{Generation, ReplicaId, Term};
use platform_wire::replicas::CopyReport;

use super::gray::Suspicion;

/// The volatile part of a leader for one shard.
#[derive(Debug)]
pub struct Watched {
    pub driver: Driver,
    copies: BTreeMap<ReplicaId, SeenCopy>,
    certified: BTreeMap<ReplicaId, Certified>,
    /// Copies whose own node told that they are not there any more, and when last.
    gone: BTreeMap<ReplicaId, u64>,
    pub suspicion: Suspicion,
    /// For which operation, and which stay of it at that step, its primary was asked to compare, and when it was asked
    /// or told something of it last.
    verify: Option<((OperationId, u64), u64)>,
    /// A copy that was found to differ since, and the chunk.
    differs: Option<(ReplicaId, u32)>,
    /// Since when a command for this shard is on its way.
    pub busy_since_micros: Option<u64>,
    /// When what is left of a copy was last given to another node, if nothing has come of it.
    pub remains_given_micros: Option<u64>,
    /// The newest that was looked over.
    generation: Generation,
    /// The newest operation on the shard, as it was looked over; none: not yet.
    operation: Option<(OperationId, Generation)>,
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
            gone: BTreeMap::new(),
            suspicion: Suspicion::default(),
            verify: None,
            differs: None,
            busy_since_micros: None,
            remains_given_micros: None,
            generation: Generation(0),
            operation: None,
        }
    }

    /// Forgets copies that the configuration does not name: what is kept is bounded by it. A command that changed it has
    /// its outcome, whoever is told of it later: what follows from it may be at once.
    pub fn keep_to(&mut self, config: &ShardConfig) {
        // One that comes late from another thread shows nothing that was not seen.
        if self.generation < config.generation {
            self.generation = config.generation;
            self.busy_since_micros = None;
            self.remains_given_micros = None;
        }
        self.copies.retain(|replica, _| config.names(*replica));
        self.gone.retain(|replica, _| config.names(*replica));
        let made_anew = |replica| {
            let copy = config.standby(replica);
            copy.is_some_and(|copy| matches!(copy.state, CopyState::Copying | CopyState::Damaged))
        };
        self.certified
            .retain(|replica, _| config.names(*replica) && !made_anew(*replica));
    }

    /// The same of the newest operation on the shard: by a command that changed its record nothing is on its way any more.
    pub fn keep_to_operation(&mut self, newest: (OperationId, Generation)) {
        let before = *self.operation.get_or_insert(newest);
        if before < newest {
            self.operation = Some(newest);
            self.busy_since_micros = None;
        }
    }

    /// Whether no newer configuration was looked over before this one.
    pub fn is_newest(&self, config: &ShardConfig) -> bool {
        self.generation <= config.generation
    }

    /// A certificate is void after a rewind, or when the copy is made anew; and a primary of another term knows nothing
    /// of what was compared before it.
    pub fn see(&mut self, now_micros: u64, report: CopyReport) {
        if report.leads {
            self.certified
                .retain(|_, certified| certified.term >= report.term);
        } else if matches!(report.state.as_str(), "copying" | "rewinding") {
            self.certified.remove(&report.replica);
        }
        let seen = SeenCopy {
            at_micros: now_micros,
            report,
        };
        self.copies.insert(seen.report.replica, seen);
    }

    /// Its own node tells that the copy is not there any more.
    pub fn note_gone(&mut self, now_micros: u64, replica: ReplicaId) {
        self.gone.insert(replica, now_micros);
    }

    /// When its own node told that last.
    pub fn gone_micros(&self, replica: ReplicaId) -> Option<u64> {
        self.gone.get(&replica).copied()
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

    /// What was compared since the primary was asked for this operation: nothing else counts for it. A copy that was out of
    /// sync for a moment, and came back by its log, has not lost what was found equal before: else a move whose standby
    /// comes and goes would never see the end of a comparison.
    pub fn compared(&self, by: OperationId) -> Option<Compared<'_>> {
        let ((asked, _), _) = self.verify.as_ref()?;
        (*asked == by).then_some(Compared {
            certified: &self.certified,
            differs: self.differs,
        })
    }

    /// Whether the primary is to be asked now to compare: at first and at each new stay, when what was compared for another
    /// operation counts no more; and again when nothing was told for a while.
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
                if other.is_none_or(|((operation, _), _)| operation != stay.0) {
                    self.certified.clear();
                }
                *other = Some((stay, now_micros));
                self.differs = None;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Incarnation, Position, ShardId};

    use super::*;

    const COPY: ReplicaId = ReplicaId(7);
    const AGAIN_MICROS: u64 = 1_000_000;

    fn term(incarnation: u64) -> Term {
        Term {
            epoch: Epoch(3),
            incarnation: Incarnation(incarnation),
        }
    }

    fn report(replica: ReplicaId, leads: bool, incarnation: u64, state: &str) -> CopyReport {
        CopyReport {
            shard: "eu/eu-central/007".parse::<ShardId>().expect("a shard"),
            replica,
            generation: Generation(1),
            term: term(incarnation),
            last: Position(9),
            chain: 1,
            committed: Position(9),
            leads,
            serves: leads,
            silent_micros: 0,
            state: state.to_owned(),
            copied_bytes: 0,
            copy_bytes_per_second: 0,
            copy_left_bytes: 0,
            commits_per_second: 0,
            p99_micros: 0,
            stalled_micros: 0,
            bytes: 0,
        }
    }

    /// A leader that asked for operation 1, stay 10, and has the whole certificate of a copy.
    fn compared() -> Watched {
        let mut watched = Watched::new(super::super::leader::SETTINGS, 0);
        assert!(watched.asks(0, (OperationId(1), 10), AGAIN_MICROS));
        let whole = Certified {
            term: term(1),
            chunks: 4,
            of: 4,
            at_micros: 5,
        };
        watched.certify(COPY, whole);
        watched
    }

    fn counts(watched: &Watched, by: u64) -> bool {
        let compared = watched.compared(OperationId(by));
        compared.is_some_and(|compared| compared.certified.contains_key(&COPY))
    }

    #[test]
    fn what_was_compared_counts_for_its_operation_though_its_step_begins_again() {
        let mut watched = compared();
        assert!(counts(&watched, 1));
        assert!(
            watched.asks(9, (OperationId(1), 20), AGAIN_MICROS),
            "asked anew at a new stay"
        );
        assert!(counts(&watched, 1));
        watched.see(10, report(COPY, false, 1, "mending"));
        watched.see(10, report(ReplicaId(1), true, 1, "serving"));
        assert!(counts(&watched, 1));
    }

    #[test]
    fn another_operation_begins_without_a_certificate() {
        let mut watched = compared();
        assert!(!counts(&watched, 2));
        assert!(watched.asks(9, (OperationId(2), 20), AGAIN_MICROS));
        assert!(!counts(&watched, 2));
    }

    #[test]
    fn a_certificate_is_void_after_a_copy_a_rewind_or_a_new_term() {
        for state in ["copying", "rewinding"] {
            let mut watched = compared();
            watched.see(10, report(COPY, false, 1, state));
            assert!(!counts(&watched, 1), "{state}");
        }
        let mut watched = compared();
        watched.see(10, report(ReplicaId(1), true, 2, "serving"));
        assert!(!counts(&watched, 1), "another term");
    }
}
