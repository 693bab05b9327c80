//! Pinned seeds break nothing, and every planted bug is found.

use super::*;

#[test]
fn pinned_seeds_break_nothing_and_shards_are_taken_over() {
    let mut all = SharedRun::default();
    for seed in 0..200 {
        let run = run(seed, None);
        assert_eq!(run.broken, None, "seed {seed}");
        all.takeovers += run.takeovers;
        all.commits += run.commits;
        all.unknown += run.unknown;
        all.released += run.released;
        all.handovers += run.handovers;
        all.taken_meanwhile += run.taken_meanwhile;
    }
    assert!(all.takeovers > 300 && all.commits > 2_000, "{all:?}");
    assert!(all.unknown > 100 && all.released > 100, "{all:?}");
    assert!(all.handovers > 50 && all.taken_meanwhile > 10, "{all:?}");
}

#[test]
fn every_planted_bug_is_found() {
    for plant in SharedPlant::ALL {
        let found = (0..600).find(|seed| run(*seed, Some(plant)).broken.is_some());
        println!("{}: {found:?}", plant.name());
        assert!(found.is_some(), "{}", plant.name());
    }
}
