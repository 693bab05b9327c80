//! The simulator itself: one seed is one run; the seeds that CI pins find nothing; planted bugs are found.

use super::*;

#[test]
fn a_seed_gives_one_run_to_the_byte() {
    for seed in [3, 12, 21] {
        let (first, second) = (run_seed(seed, None), run_seed(seed, None));
        assert_eq!(
            first.numbers.fingerprint, second.numbers.fingerprint,
            "seed {seed}"
        );
        assert_eq!(first.numbers.steps, second.numbers.steps, "seed {seed}");
    }
}

#[test]
fn pinned_seeds_break_nothing() {
    let mut total = Total::default();
    for seed in 0..64 {
        total.add(run_seed(seed, None));
    }
    let broken: Vec<String> = total
        .failed
        .iter()
        .filter_map(|run| Some(format!("seed {}: {}", run.seed, run.violation.as_ref()?)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(total.numbers.answered > 1_000, "clients are answered");
    assert!(total.numbers.epochs > 10, "primaries change");
}

/// Seeds that were fresh when they broke something. What their runs meet changes whenever the simulator does; the holes
/// themselves have tests of their own, where they were.
#[test]
fn seeds_that_once_broke_something_break_nothing() {
    let once = [
        1_795_640_013_874,
        1_795_640_021_246,
        1_795_640_027_614,
        1_795_640_025_509,
        1_795_640_010_325,
        1_795_640_019_238,
        1_795_640_028_534,
        9_000_010_987,
        20_000_075_454,
        21_000_010_344,
        21_000_011_782,
        4_302,
    ];
    for seed in once {
        assert_eq!(run_seed(seed, None).violation, None, "seed {seed}");
    }
}

#[test]
fn a_guided_seed_gives_one_run_to_the_byte_and_is_struck() {
    let mut struck = 0;
    for seed in 0..24 {
        let (first, second) = (run_guided(seed), run_guided(seed));
        assert_eq!(
            first.numbers.fingerprint, second.numbers.fingerprint,
            "seed {seed}"
        );
        assert_eq!(first.violation, None, "seed {seed}");
        struck += first
            .numbers
            .seen
            .get("struck-where-it-is-rare")
            .copied()
            .unwrap_or(0);
    }
    assert!(struck > 0);
}

#[test]
fn a_planted_bug_is_found_and_its_schedule_made_short() {
    let plant = SimPlant::by_name("acknowledge-before-the-standby");
    assert!(plant.is_some());
    let failed = (0..32)
        .map(|seed| run_seed(seed, plant))
        .find(|run| run.violation.is_some());
    let failed = failed.expect("it is found within 32 seeds");
    let shrunk = shrink(&failed, plant);
    assert!(shrunk.faults.len() <= failed.faults.len());
    assert_eq!(
        shrunk.violation.map(|violation| violation.invariant),
        failed.violation.map(|violation| violation.invariant)
    );
}
