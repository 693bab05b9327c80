//! Which fault comes when, at which node, for how long: by seed alone.

use std::time::Duration;

use chaos::synthetic::Random;
use cli_world::Seat;
use cli_world::seats::seat_named;

use crate::faults::{Fault, Strike};
use crate::load::{COUNTRIES, OTHER_NODE};

/// A fault lasts at least so long.
const LASTS_MIN: Duration = Duration::from_millis(2_000);
/// A slow disk lasts at least so long: it is seen to be slow, and whoever is led there has gone elsewhere meanwhile.
const SLOW_DISK_MIN: Duration = Duration::from_secs(8);
/// And so much longer at most: past the time for which a client waits for an answer.
const LONGER_MS_MAX: u64 = 4_000;

/// An endless row of strikes: each of the faults once in every pass, in an order of its own.
pub struct Schedule {
    random: Random,
    faults: Vec<Fault>,
    left: Vec<Fault>,
    /// The only node whose disk can be struck.
    disk_at: Option<Seat>,
    /// Nodes that are struck.
    nodes: Vec<Seat>,
}

impl Schedule {
    pub fn new(seed: u64, faults: Vec<Fault>, disk_at: Option<Seat>, copied: bool) -> Self {
        let homes = COUNTRIES.iter().map(|(_, node)| *node);
        let names = homes.chain(copied.then_some(OTHER_NODE));
        Self {
            random: Random::new(seed),
            faults,
            left: Vec::new(),
            disk_at,
            nodes: names.filter_map(seat_named).collect(),
        }
    }

    /// How many faults there are: so many strikes are a pass.
    pub fn faults(&self) -> usize {
        self.faults.len()
    }

    /// The next strike and how long it lasts; none where there are no faults.
    pub fn next(&mut self) -> Option<(Strike, Duration)> {
        if self.left.is_empty() {
            self.left = self.faults.clone();
        }
        let bound = u64::try_from(self.left.len()).ok().filter(|count| *count > 0)?;
        let fault = self
            .left
            .swap_remove(usize::try_from(self.random.below(bound)).ok()?);
        let drawn = usize::try_from(self.random.below(self.nodes.len() as u64)).ok()?;
        let node = match fault {
            fault if fault.is_at_a_disk() => self.disk_at.clone(),
            fault if fault.is_at_a_node() => self.nodes.get(drawn).cloned(),
            _ => None,
        };
        let least = if fault == Fault::SlowDisk {
            SLOW_DISK_MIN
        } else {
            LASTS_MIN
        };
        let more = self.random.below(LONGER_MS_MAX);
        let mut strike = Strike::new(fault, node);
        strike.is_forward = self.random.below(2) == 0;
        Some((strike, least + Duration::from_millis(more)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(seed: u64) -> Vec<(Strike, Duration)> {
        let faults = vec![Fault::KillCell, Fault::KillRouter, Fault::CutAnswers];
        let mut schedule = Schedule::new(seed, faults, None, false);
        (0..6).filter_map(|_| schedule.next()).collect()
    }

    #[test]
    fn a_seed_gives_one_schedule_and_every_fault_has_its_turn() {
        assert_eq!(passes(7), passes(7));
        assert_ne!(passes(7), passes(8));
        for pass in passes(7).chunks(3) {
            let mut names: Vec<String> = pass.iter().map(|(strike, _)| strike.fault.name()).collect();
            names.sort();
            assert_eq!(names, ["cut-answers", "kill-cell", "kill-router"]);
        }
        assert!(Schedule::new(1, Vec::new(), None, false).next().is_none());
    }

    #[test]
    fn no_fault_strikes_twice_before_all_have_struck() {
        for seed in 0..20 {
            let mut schedule =
                Schedule::new(seed, Fault::all().to_vec(), seat_named("celld-eu-west-1"), true);
            let pass = schedule.faults();
            for _ in 0..2 {
                let struck: std::collections::BTreeSet<Fault> =
                    (0..pass).filter_map(|_| Some(schedule.next()?.0.fault)).collect();
                assert_eq!(struck.len(), Fault::all().len(), "seed {seed}");
            }
        }
    }
}
