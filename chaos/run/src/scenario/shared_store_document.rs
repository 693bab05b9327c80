//! What is told of a run about nodes that share a store.

use platform_report::{Document, Figure};
use serde_json::{Value, json};

use super::shared_store::{Blow, Round, Told};
use super::shared_store_server::Server;
use crate::verdicts;

/// A takeover, as people feel it, at the median.
const TAKEOVER_MS: f64 = 1_500.0;

/// What was found, with the goals that it must meet.
pub(super) fn document(seed: u64, server: &Server, told: &Told) -> Document {
    let mut document = Document::new("chaos-shared-store");
    document.figures = figures(told);
    document.figures.extend(takeover(&told.rounds));
    let named = told.rounds.iter().enumerate().map(|(number, round)| {
        let called = format!("round {number}, {}", round.blow.name());
        (called, &round.judgement)
    });
    verdicts::tell(&mut document, &verdicts::over(named, &told.lost_later));
    let rows = told.rounds.iter().map(row).collect();
    document.tables.insert("rounds".into(), Value::Array(rows));
    document.notes.push(format!("seed {seed}"));
    let found = [&told.mixed.wrong, &told.lost_later, &told.world];
    document.notes.extend(found.into_iter().flatten().cloned());
    document.notes.push(format!(
        "server at {}: a stand-in unless it is TiKV",
        server.pd.join(", ")
    ));
    if !server.can_be_struck() {
        let why = "skipped: blows at the server: set MERIDIAN_TIKV_CONTROL to its run.sh";
        document.notes.push(why.to_owned());
    }
    document
}

fn figures(told: &Told) -> Vec<Figure> {
    let (rounds, mixed) = (&told.rounds, &told.mixed);
    let count = |number: usize| number as f64;
    let zero = |name: &str, value: usize| Figure::at_most(name, count(value), "cases", 0.0);
    let sum = |of: fn(&Round) -> usize| -> usize { rounds.iter().map(of).sum() };
    let unknown: u64 = rounds.iter().map(|round| round.unknown).sum();
    let acknowledged = sum(|round| round.judgement.counts.acknowledged);
    let (moved, moves) = (count(mixed.moved), count(mixed.moves));
    vec![
        Figure::at_least("rounds", count(rounds.len()), "rounds", 1.0),
        Figure::info("acknowledged", count(acknowledged), "files"),
        // Whether the attempt fence was needed at all.
        Figure::info("unknown-commits", unknown as f64, "commits"),
        zero("lost-or-changed", sum(|round| round.judgement.acknowledged.found)),
        zero("lost-later", told.lost_later.len()),
        zero("async-wrong", sum(Round::async_wrong)),
        zero(
            "not-linearizable",
            sum(|round| round.judgement.linearizable.found),
        ),
        zero(
            "not-serializable",
            sum(|round| round.judgement.transactions.found),
        ),
        zero("unreadable", sum(|round| round.judgement.unreadable.len())),
        zero("unsettled", sum(|round| round.unsettled)),
        Figure::at_least("moved-between-engines", moved, "moves", moves),
        zero("wrong-on-the-other-engine", mixed.wrong.len()),
        zero("world-not-well", told.world.len()),
        zero(
            "not-healed",
            rounds.iter().filter(|round| round.healed_in.is_none()).count(),
        ),
    ]
}

fn row(round: &Round) -> Value {
    json!({
        "fault": round.blow.name(),
        "at": round.target,
        "wrong": round.wrong(),
        "unknown": round.unknown,
        "silent_ms": round.silence.map(|silence| silence.as_millis()),
        "healed_ms": round.healed_in.map(|healed| healed.as_millis()),
    })
}

/// How long the writes of those whose node was killed were not answered, at the median. A world that is not optimised, on a
/// machine that does much else, is no measure: there it is told and not judged.
fn takeover(rounds: &[Round]) -> Option<Figure> {
    let killed = rounds.iter().filter(|round| round.blow == Blow::KillNode);
    let mut silences: Vec<f64> = killed
        .filter_map(|round| Some(round.silence?.as_secs_f64() * 1_000.0))
        .collect();
    silences.sort_by(f64::total_cmp);
    let (name, median) = (
        "takeover-of-a-killed-node-p50",
        *silences.get(silences.len() / 2)?,
    );
    Some(if cfg!(debug_assertions) {
        Figure::info(name, median, "ms")
    } else {
        Figure::at_most(name, median, "ms", TAKEOVER_MS)
    })
}
