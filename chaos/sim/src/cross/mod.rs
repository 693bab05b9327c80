//! The simulator of what crosses shards: events to roots elsewhere, people who change home, claims.
//!
//! Shards are modelled by what replication promises of them: transactions become durable, then committed; a failover
//! keeps all that was committed and some of the rest. The rules are the real ones, of `cell_relay`. Messages are lost,
//! late, doubled. After a phase of faults everything is delivered. One seed gives one run.

mod check;
mod deliver;
mod messages;
mod people;
mod shard;
mod world;

pub use world::{CrossPlant, CrossRun, run};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_seeds_break_nothing() {
        let mut delivered = 0;
        let mut moved = 0;
        for seed in 0..60 {
            let run = run(seed, None);
            assert_eq!(run.broken, None, "seed {seed}");
            delivered += run.delivered;
            moved += run.moved;
        }
        assert!(delivered > 1_000, "events are delivered: {delivered}");
        assert!(moved > 20, "people move: {moved}");
    }

    #[test]
    fn a_seed_gives_one_run() {
        assert_eq!(run(7, None), run(7, None));
    }

    #[test]
    fn every_planted_bug_is_found() {
        for plant in CrossPlant::ALL {
            let found = (0..400).find(|seed| run(*seed, Some(plant)).broken.is_some());
            assert!(found.is_some(), "{}", plant.name());
        }
    }
}
