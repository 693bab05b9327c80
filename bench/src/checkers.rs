//! The checkers of histories: how long each takes for a long one, and whether it then still sees what is wrong.

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos::checkers::acknowledged::{Mode, Write};
use chaos::checkers::events::{Effect, Told};
use chaos::checkers::linearizable::{Action, Operation};
use chaos::checkers::transactions::{Promise, Step, Transaction};
use chaos::checkers::{acknowledged, events, linearizable, transactions};
use chaos::history::Outcome;
use chaos::synthetic::{self, Random};
use chaos::verdict::Verdict;
use platform_report::{Document, Figure};
use platform_runtime::Clock;

use crate::output;
use crate::versions;

/// Seconds that a checker may take for a full history.
const SECONDS_MOST: f64 = 120.0;
const SEED: u64 = 20_261_126;
const KEYS: u64 = 200;
const CLIENTS: u64 = 32;

/// How long the histories are.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub operations: usize,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            operations: 1_000_000,
        }
    }

    pub fn quick() -> Self {
        Self { operations: 30_000 }
    }
}

/// Makes a history of so many operations, right or wrong, and has it judged.
type Judge = fn(&Clock, usize, bool) -> (Duration, Verdict);

/// # Errors
/// A checker accepted a history that is wrong, or refused one that is right: then its time says nothing.
pub fn run(plan: Plan) -> Result<Document> {
    let mut document = Document::new("checkers");
    document.versions = versions::versions(&[])?;
    document.notes.extend(versions::profile_note());
    let count = plan.operations;
    let checkers: [(&str, Judge); 4] = [
        ("linearizable", judge_registers),
        ("transactions", judge_transactions),
        ("events", judge_events),
        ("acknowledged", judge_acknowledged),
    ];
    for (name, judge) in checkers {
        let clock = Clock::system();
        output::progress(&format!("checkers: {name}, {count} operations"));
        let (good, verdict) = judge(&clock, count, false);
        ensure!(verdict.is_clean(), "a right history was refused: {verdict}");
        let (bad, verdict) = judge(&clock, count, true);
        ensure!(verdict.found > 0, "a wrong history was accepted: {verdict}");
        let figure = |what: &str, time: Duration| {
            Figure::at_most(format!("{name}-{what}-s"), time.as_secs_f64(), "s", SECONDS_MOST)
        };
        document
            .figures
            .extend([figure("right", good), figure("wrong", bad)]);
        document.notes.push(verdict.to_string());
    }
    document
        .figures
        .push(Figure::info("operations", count as f64, "operations"));
    Ok(document)
}

fn judge_registers(clock: &Clock, count: usize, wrong: bool) -> (Duration, Verdict) {
    let mut history = synthetic::registers(&mut Random::new(SEED), count, KEYS, CLIENTS);
    if wrong {
        let end = history
            .iter()
            .map(|operation| operation.completed)
            .max()
            .unwrap_or(0);
        history.push(Operation {
            client: CLIENTS,
            key: "k7".into(),
            invoked: end + 1,
            completed: end + 2,
            action: Action::Read(None),
            outcome: Outcome::Done,
        });
    }
    timed(clock, || linearizable(&history))
}

fn judge_transactions(clock: &Clock, count: usize, wrong: bool) -> (Duration, Verdict) {
    let mut history = synthetic::transactions(&mut Random::new(SEED), count, KEYS);
    if wrong {
        let end = history
            .iter()
            .map(|transaction| transaction.completed)
            .max()
            .unwrap_or(0);
        history.push(Transaction {
            client: CLIENTS,
            invoked: end + 1,
            completed: end + 2,
            steps: vec![Step::Read {
                key: "r7".into(),
                value: None,
            }],
            outcome: Outcome::Done,
        });
    }
    timed(clock, || transactions(&history, Promise::Strict))
}

fn judge_events(clock: &Clock, count: usize, wrong: bool) -> (Duration, Verdict) {
    let place = |i: usize| (1, i as u64, 0);
    let told: Vec<Told> = (0..count)
        .map(|i| Told {
            source: format!("s{}", i % 100),
            destination: format!("d{}", i % 7),
            place: place(i),
            id: i.to_string(),
            outcome: Outcome::Done,
        })
        .collect();
    let effects = told.iter().enumerate().map(|(i, event)| Effect {
        destination: event.destination.clone(),
        id: event.id.clone(),
        place: place(i),
    });
    let effects: Vec<Effect> = effects.skip(usize::from(wrong)).collect();
    timed(clock, || events(&told, &effects, &[]))
}

fn judge_acknowledged(clock: &Clock, count: usize, wrong: bool) -> (Duration, Verdict) {
    let writes: Vec<Write> = (0..count)
        .map(|i| Write {
            id: i.to_string(),
            mode: Mode::Sync,
            outcome: Outcome::Done,
        })
        .collect();
    let found: Vec<String> = (usize::from(wrong)..count).map(|i| i.to_string()).collect();
    timed(clock, || acknowledged(&writes, &found, 0).0)
}

fn timed(clock: &Clock, judge: impl FnOnce() -> Verdict) -> (Duration, Verdict) {
    let began = clock.monotonic();
    let verdict = judge();
    (clock.monotonic().saturating_sub(began), verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checker_is_timed_on_a_right_and_on_a_wrong_history() {
        let document = run(Plan { operations: 2_000 }).expect("checked");
        assert_eq!(document.figures.len(), 9);
        assert!(document.goals_met(), "{document}");
    }
}
