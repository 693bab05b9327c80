//! Runs of many seeds, with one result; and the schedule of a failing one made as short as it still fails.

use std::collections::BTreeMap;

use super::coverage::Coverage;
use super::faults::{Fault, PROFILES};
use super::invariants::Violation;
use super::plant::SimPlant;
use super::random::Random;
use super::world::{Numbers, Setting, World};

/// Runs that shrinking may take.
const SHRINK_RUNS_MAX: usize = 200;
/// A pair of state and event that was seen less often is rare.
const RARE: u64 = 40;

/// How one seed ended.
#[derive(Debug, Clone)]
pub struct Run {
    pub seed: u64,
    /// Whether people lived in the shards.
    pub crossing: bool,
    pub numbers: Numbers,
    pub coverage: Coverage,
    pub violation: Option<Violation>,
    pub faults: Vec<Fault>,
    pub guided: bool,
    /// What took place, line by line, if it was asked for.
    pub lines: Vec<String>,
}

/// Runs one seed.
pub fn run(setting: Setting) -> Run {
    let guided = setting.guided;
    let crossing = setting.crossing;
    let mut world = World::new(setting);
    world.run();
    // What a fault of the schedule led to comes again by itself.
    world.faults.truncate(world.scheduled);
    Run {
        seed: world.setting.seed,
        crossing,
        numbers: world.numbers,
        coverage: world.coverage,
        violation: world.violation,
        faults: world.faults,
        guided,
        lines: world.lines,
    }
}

/// Runs one seed without anything special.
pub fn run_seed(seed: u64, plant: Option<SimPlant>) -> Run {
    run(match plant {
        Some(plant) => Setting::planted(seed, plant),
        None => Setting::plain(seed),
    })
}

/// Runs one seed with faults where few runs were before.
pub fn run_guided(seed: u64) -> Run {
    run(Setting {
        guided: true,
        ..Setting::plain(seed)
    })
}

/// Leaves faults out as long as the same invariant still breaks.
pub fn shrink(failed: &Run, plant: Option<SimPlant>) -> Run {
    let mut best = failed.clone();
    let Some(invariant) = failed.violation.as_ref().map(|violation| violation.invariant) else {
        return best;
    };
    let mut runs = 0;
    let mut index = 0;
    while index < best.faults.len() && runs < SHRINK_RUNS_MAX {
        let mut fewer = best.faults.clone();
        fewer.remove(index);
        runs += 1;
        let tried = run(Setting {
            seed: failed.seed,
            plant,
            trace: false,
            guided: failed.guided,
            crossing: failed.crossing,
            faults: Some(fewer.clone()),
        });
        let same = tried
            .violation
            .as_ref()
            .is_some_and(|violation| violation.invariant == invariant);
        if same {
            best = tried;
            best.faults = fewer;
            index = 0;
        } else {
            index += 1;
        }
    }
    best
}

/// Sums over many runs.
#[derive(Debug, Clone, Default)]
pub struct Total {
    pub runs: u64,
    pub numbers: Numbers,
    pub coverage: Coverage,
    pub failed: Vec<Run>,
}

impl Total {
    pub fn add(&mut self, run: Run) {
        self.runs += 1;
        let (into, from) = (&mut self.numbers, &run.numbers);
        into.steps += from.steps;
        into.refused += from.refused;
        into.operations += from.operations;
        into.answered += from.answered;
        into.judged += from.judged;
        into.entries += from.entries;
        into.micros += from.micros;
        into.epochs += from.epochs;
        into.lost_async += from.lost_async;
        into.fingerprint = super::random::mix(into.fingerprint ^ from.fingerprint);
        merge(&mut into.faults, &from.faults);
        merge(&mut into.seen, &from.seen);
        self.coverage.add(&run.coverage);
        if run.violation.is_some() {
            self.failed.push(run);
        }
    }
}

fn merge(into: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (name, count) in from {
        *into.entry(name).or_default() += count;
    }
}

/// Which seed comes next. The first ones in order; with `guided` then those of the kinds of run that met rare pairs of
/// state and event most. Every seed is still one run by itself.
#[derive(Debug)]
pub struct Seeds {
    next: Vec<u64>,
    weights: Vec<u64>,
    random: Random,
    guided: bool,
    plain: u64,
}

impl Seeds {
    pub fn new(first: u64, guided: bool) -> Self {
        let kinds = PROFILES.len() as u64;
        Self {
            next: (0..kinds)
                .map(|kind| first - first % kinds + kind + kinds * u64::from(guided))
                .collect(),
            weights: vec![4; PROFILES.len()],
            random: Random::new(first, 9),
            guided,
            plain: first,
        }
    }

    pub fn draw(&mut self) -> u64 {
        if !self.guided {
            self.plain += 1;
            return self.plain - 1;
        }
        let total: u64 = self.weights.iter().sum();
        let mut at = self.random.below(total);
        let mut kind = 0;
        while at >= self.weights[kind] {
            at -= self.weights[kind];
            kind += 1;
        }
        let seed = self.next[kind];
        self.next[kind] += PROFILES.len() as u64;
        seed
    }

    /// Learns from a run what is rare where.
    pub fn learn(&mut self, total: &Total, run: &Run) {
        let kind = usize::try_from(run.seed % PROFILES.len() as u64).expect("few kinds");
        let rare = total.coverage.rare_in(&run.coverage, RARE) as u64;
        let weight = &mut self.weights[kind];
        *weight = (*weight * 7 / 8 + rare + 1).clamp(2, 64);
    }
}
