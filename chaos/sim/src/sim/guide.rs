//! Guided runs: faults go where few runs were before. How often each pair of state and event was met is a table of the
//! source ([`MET`]), so a seed still gives one run, to the byte; when a run comes to a pair that is rare in it,
//! something goes wrong there and then. Nothing else differs from the plain run of the seed until then.

use super::coverage::{EVENTS, STATES};
use super::faults::FaultKind;
use super::random::Random;
use super::world::{FAULTS_FROM, FAULTS_UNTIL, World};

/// Lines `state event count`.
const MET: &str = include_str!("met.txt");
/// A run is struck so often at most.
const STRIKES_MAX: u32 = 8;

/// What a guided run knows.
#[derive(Debug)]
pub(crate) struct Guide {
    /// Of a thousand times that a pair is met, so often something goes wrong.
    per_mille: Vec<u64>,
    random: Random,
    left: u32,
}

impl Guide {
    pub(crate) fn new(seed: u64) -> Self {
        let mut met = vec![0u64; STATES.len() * EVENTS.len()];
        for line in MET.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let (state, event, count) = (words.next(), words.next(), words.next());
            let state = STATES.iter().position(|name| Some(*name) == state);
            let event = EVENTS.iter().position(|name| Some(*name) == event);
            let count = count.and_then(|count| count.parse().ok());
            if let (Some(state), Some(event), Some(count)) = (state, event, count) {
                met[state * EVENTS.len() + event] = count;
            }
        }
        Self {
            per_mille: met.into_iter().map(per_mille).collect(),
            random: Random::new(seed, 6),
            left: STRIKES_MAX,
        }
    }

    /// Whether something goes wrong now.
    fn strikes(&mut self, state: usize, event: usize) -> bool {
        let chance = self.per_mille[state * EVENTS.len() + event];
        if chance == 0 || self.left == 0 || !self.random.chance(chance) {
            return false;
        }
        self.left -= 1;
        true
    }

    /// What, beginning when, and for how long.
    fn strike(&mut self, node: u8, primary: u8) -> (FaultKind, u64, u64) {
        let long = self.random.between(3_000, 250_000);
        let soon = self.random.below(4_000);
        let pick = u8::try_from(self.random.below(256)).unwrap_or(0);
        let kind = match self.random.below(12) {
            0..=2 => FaultKind::Crash { node },
            3 => FaultKind::Crash { node: primary },
            4 => FaultKind::Pause { node },
            5 => FaultKind::Isolate { node },
            6 => FaultKind::CutControl { node },
            7 => FaultKind::SlowDisk { node },
            8 => FaultKind::FailedFlush { node },
            9 => FaultKind::FailOver { pick },
            10 => FaultKind::Handover { pick },
            _ => FaultKind::Spikes,
        };
        (kind, soon, long)
    }
}

/// The rarer the more.
fn per_mille(met: u64) -> u64 {
    match met {
        0..200 => 400,
        200..2_000 => 80,
        2_000..20_000 => 10,
        _ => 0,
    }
}

impl World {
    /// A copy in this state has just met this event.
    pub(crate) fn guide_to_the_rare(&mut self, node: usize, shard: usize, state: usize, event: usize) {
        if self.now < FAULTS_FROM || self.now > FAULTS_UNTIL {
            return;
        }
        let primary = u8::try_from(self.primary_of(shard)).expect("few nodes");
        let node = u8::try_from(node).expect("few nodes");
        let Some(guide) = &mut self.guide else { return };
        if guide.strikes(state, event) {
            let (kind, soon, long) = guide.strike(node, primary);
            self.see("struck-where-it-is-rare");
            self.follow_up(kind, self.now + soon, self.now + soon + long);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_names_a_state_and_an_event() {
        for line in MET.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(STATES.contains(&words[0]) && EVENTS.contains(&words[1]), "{line}");
            assert!(words[2].parse::<u64>().is_ok(), "{line}");
        }
    }

    #[test]
    fn what_was_never_met_strikes_most_and_the_common_never() {
        assert!(per_mille(0) > per_mille(500) && per_mille(500) > per_mille(5_000));
        assert_eq!(per_mille(1_000_000), 0);
    }
}
