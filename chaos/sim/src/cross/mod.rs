//! What crosses shards, in the world of [`crate::sim`]: events to roots elsewhere, people who change home, claims.
//!
//! Each shard is a replicated shard of that world, with all its faults. Its log carries the transactions of people and
//! directories as it carries those of clients, and its rows hold what the log makes of them; so a new primary knows what
//! its own copy knows, and nothing else. The rules are the real ones, of `cell_relay`; [`judge`] puts them over a state,
//! [`host`] over a replica, [`ticks`] is what a node does unasked; [`driver`] has people and operators, [`check`] the
//! invariants, [`plant`] the planted bugs.

mod check;
mod driver;
mod host;
mod judge;
mod judge_claim;
mod judge_place;
mod messages;
pub(crate) mod parts;
mod plant;
mod ticks;
pub(crate) mod values;

pub use plant::CrossPlant;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Run, Setting, SimPlant, Total, run, run_seed};

    fn crossing(seed: u64) -> Run {
        run(Setting::crossing(seed))
    }

    #[test]
    fn pinned_seeds_break_nothing() {
        let mut total = Total::default();
        for seed in 0..32 {
            let run = crossing(seed);
            assert_eq!(run.violation, None, "seed {seed}");
            total.add(run);
        }
        let seen = |name| total.numbers.seen.get(name).copied().unwrap_or(0);
        assert!(seen("event-took-effect") > 1_000, "events are delivered");
        assert!(seen("event-parked") > 20, "some are parked");
        assert!(seen("range-arrived") > 50, "people move");
        assert!(seen("claim-activated") > 20, "values are claimed");
    }

    /// A mending standby had lost a whole window of entries and was only asked how it stands, for ever.
    #[test]
    fn a_window_that_was_lost_is_sent_again_to_a_standby_that_mends() {
        assert_eq!(crossing(788).violation, None);
    }

    #[test]
    fn a_seed_gives_one_run() {
        let (first, second) = (crossing(7), crossing(7));
        assert_eq!(first.numbers.fingerprint, second.numbers.fingerprint);
        assert_eq!(first.numbers.seen, second.numbers.seen);
    }

    #[test]
    fn every_planted_bug_is_found() {
        for plant in CrossPlant::ALL {
            let planted = Some(SimPlant::Cross(plant));
            let found = (0..1_000).find(|seed| run_seed(*seed, planted).violation.is_some());
            assert!(found.is_some(), "{}", plant.name());
        }
    }
}
