//! Which checkers saw what was planted, over all rounds.

use platform_report::Figure;

use super::round::Round;
use crate::planted::{self, Checker};

/// Whether it is caught by now, so that nothing more need be played.
pub fn is_caught(plant: &str, rounds: &[Round]) -> bool {
    planted::of_a_run(plant).is_some_and(|planted| planted.is_caught(|checker| found(rounds, checker)))
}

/// What each checker found. `lost_later`: files of earlier rounds that were not there when looked for once more.
pub fn figures(plant: &str, rounds: &[Round], lost_later: usize) -> Vec<Figure> {
    let Some(planted) = planted::of_a_run(plant) else {
        return Vec::new();
    };
    let found = |checker: Checker| {
        let later = if checker == Checker::Acknowledged {
            lost_later
        } else {
            0
        };
        found(rounds, checker) + later
    };
    let is_caught = u8::from(planted.is_caught(found));
    let caught = Figure::at_least("caught", f64::from(is_caught), "of 1", 1.0);
    let by = Checker::ALL.map(|checker| planted.figure(checker, found(checker)));
    std::iter::once(caught).chain(by).collect()
}

fn found(rounds: &[Round], checker: Checker) -> usize {
    rounds.iter().map(|round| round.judgement.found(checker)).sum()
}
