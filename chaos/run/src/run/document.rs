//! What is told of a run: figures, the table of fault and invariant, what was wrong, what was skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platform_report::{Document, Figure};
use serde_json::{Value, json};

use super::Told;
use super::attribution;
use super::copies::{Kind, Moved, NOT_BEGUN};
use super::flat::{self, Flat, Trend};
use super::round::{HEALED_WITHIN, Round};
use super::samples::Sample;
use crate::faults::Fault;
use crate::judge::Judgement;
use crate::verdicts as tables;

/// Texts of what is wrong that the notes have at most.
const NOTES_MAX: usize = 20;

pub fn document(told: &Told) -> Document {
    let mut document = Document::new("chaos-run");
    document.figures = figures(told);
    document.tables.insert("faults".into(), Value::Array(table(told)));
    document.tables.insert("steps".into(), Value::Array(steps(told)));
    let rounds: Vec<Value> = told.rounds.iter().map(row_of).collect();
    document.tables.insert("rounds".into(), Value::Array(rounds));
    tables::tell(&mut document, &tables::over(named(told), &told.lost_later));
    let processes = flat::judge(&told.samples);
    let rows = processes.iter().map(process_row).collect();
    document.tables.insert("processes".into(), Value::Array(rows));
    let rows = told.samples.iter().map(sample_row).collect();
    document.tables.insert("samples".into(), Value::Array(rows));
    document.figures.extend(of_processes(&processes));
    let (rounds, took) = (told.rounds.len(), told.took.as_secs_f64());
    document
        .notes
        .push(format!("seed {}, {rounds} rounds in {took:.0} s", told.seed));
    let skipped = told.skipped.iter();
    document
        .notes
        .extend(skipped.map(|(fault, why)| format!("skipped: {}: {why}", fault.name())));
    document.notes.extend(wrong(told).into_iter().take(NOTES_MAX));
    document
}

/// Each round as texts call it, with what was found in it.
fn named(told: &Told) -> impl Iterator<Item = (String, &Judgement)> {
    let rounds = told.rounds.iter().enumerate();
    rounds.map(|(number, round)| {
        let fault = round.strike.fault.name();
        (format!("round {number}, {fault}"), &round.judgement)
    })
}

fn figures(told: &Told) -> Vec<Figure> {
    let sum = |of: fn(&Round) -> usize| count(told.rounds.iter().map(of).sum());
    let faults: BTreeSet<Fault> = told.rounds.iter().map(|round| round.strike.fault).collect();
    let mut figures = vec![
        Figure::at_least("rounds", count(told.rounds.len()), "rounds", 1.0),
        Figure::info("faults-struck", count(faults.len()), "faults"),
        Figure::info("requests", sum(|round| round.requests), "requests"),
        Figure::info(
            "operations-judged",
            sum(|round| round.judgement.linearizable.operations),
            "operations",
        ),
        Figure::info(
            "acknowledged-files",
            sum(|round| round.judgement.counts.acknowledged),
            "files",
        ),
        Figure::info(
            "acknowledged-async",
            sum(|round| round.judgement.async_counts().0),
            "changes",
        ),
        // A failover may lose them, within its bound: `async-wrong` says whether it lost more.
        Figure::info(
            "async-lost",
            sum(|round| round.judgement.async_counts().1),
            "changes",
        ),
    ];
    if let Some(plant) = &told.plant {
        figures.extend(attribution::figures(plant, &told.rounds, told.lost_later.len()));
        return figures;
    }
    figures.extend(verdicts(told, sum));
    figures.extend(of_copies(told));
    figures
}

/// What must not be, and how long everything took to heal.
fn verdicts(told: &Told, sum: impl Fn(fn(&Round) -> usize) -> f64) -> Vec<Figure> {
    let zero = |name: &str, value: f64| Figure::at_most(name, value, "cases", 0.0);
    let silence = told
        .rounds
        .iter()
        .map(|round| round.silence)
        .max()
        .unwrap_or_default();
    vec![
        zero("acknowledged-lost", sum(|round| round.judgement.counts.sync_lost)),
        zero(
            "acknowledged-wrong",
            sum(|round| round.judgement.acknowledged.found),
        ),
        zero("async-wrong", sum(Round::async_wrong)),
        zero(
            "not-linearizable",
            sum(|round| round.judgement.linearizable.found),
        ),
        zero("anomalies", sum(|round| round.judgement.transactions.found)),
        zero(
            "undecided",
            sum(|round| {
                let judged = &round.judgement;
                judged.linearizable.undecided.len() + judged.transactions.undecided.len()
            }),
        ),
        zero("unreadable", sum(|round| round.judgement.unreadable.len())),
        zero("lost-later", count(told.lost_later.len())),
        zero("unsettled", sum(|round| round.unsettled)),
        zero("failed-untouched", sum(|round| round.untouched_failed)),
        zero("world-not-whole", count(told.world.len())),
        zero("broke-off", count(usize::from(told.broke_off.is_some()))),
        Figure::at_most(
            "healed-in-s-max",
            slowest(told.rounds.iter()),
            "s",
            seconds(HEALED_WITHIN),
        ),
        Figure::info("silence-s-max", seconds(silence), "s"),
    ]
}

/// Whether memory and disk stay as they are, where a run was long enough to tell.
fn of_processes(processes: &[Flat]) -> Vec<Figure> {
    if processes.is_empty() {
        return Vec::new();
    }
    let not_flat = |of: fn(&Flat) -> &Trend| processes.iter().filter(|one| !of(one).is_flat()).count();
    vec![
        Figure::at_most(
            "memory-not-flat",
            count(not_flat(|one| &one.memory)),
            "processes",
            0.0,
        ),
        Figure::at_most(
            "disk-not-flat",
            count(not_flat(|one| &one.disk)),
            "processes",
            0.0,
        ),
    ]
}

fn process_row(process: &Flat) -> Value {
    let trend = |trend: &Trend| {
        json!({
            "median-mib": trend.median_mib,
            "per-hour-mib": trend.per_hour_mib,
            "grown-mib": trend.grown_mib,
            "bound-mib": trend.bound_mib,
            "flat": trend.is_flat(),
        })
    };
    json!({
        "process": process.seat,
        "memory": trend(&process.memory),
        "disk": trend(&process.disk),
    })
}

fn sample_row(sample: &Sample) -> Value {
    json!({
        "at-s": sample.at.as_secs(),
        "process": sample.seat,
        "memory-mib": sample.memory_mib.map(|mib| mib.round()),
        "disk-mib": sample.disk_mib,
        "log-mib": sample.log_mib,
        "written": sample.written,
    })
}

/// Figures of standbys and moves, where there are some.
fn of_copies(told: &Told) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Some(differ) = &told.differ {
        let failovers: Vec<Duration> = told.rounds.iter().filter_map(|round| round.failover).collect();
        let slowest = failovers.iter().copied().max().map_or(f64::NAN, seconds);
        let not_whole = told
            .rounds
            .iter()
            .filter(|round| round.whole_in.is_none())
            .count();
        figures.push(Figure::at_most(
            "copies-differ",
            count(differ.len()),
            "shards",
            0.0,
        ));
        figures.push(Figure::at_most(
            "not-whole-again",
            count(not_whole),
            "rounds",
            0.0,
        ));
        figures.push(Figure::info("failovers", count(failovers.len()), "rounds"));
        figures.push(Figure::info("failover-silence-s-max", slowest, "s"));
    }
    let moves: Vec<&Moved> = told
        .rounds
        .iter()
        .filter_map(|round| round.moved.as_ref())
        .collect();
    if !moves.is_empty() {
        let done = |kind: Kind| {
            let done = moves.iter().filter(|moved| moved.end == "done");
            count(done.filter(|moved| moved.kind == kind).count())
        };
        let not_begun = moves
            .iter()
            .filter(|moved| moved.end.starts_with(NOT_BEGUN))
            .count();
        let stuck = moves.iter().filter(|moved| !moved.is_over).count();
        let slowest = moves
            .iter()
            .map(|moved| moved.took)
            .max()
            .map_or(f64::NAN, seconds);
        figures.push(Figure::at_least("moves-done", done(Kind::Move), "moves", 1.0));
        figures.push(Figure::info("handovers-done", done(Kind::Handover), "handovers"));
        let hits = told.rounds.iter().filter_map(|round| round.hit.as_ref());
        // One that was seen elsewhere than where it was aimed at had gone on by the time it was struck, perhaps.
        let hits = hits.filter(|hit| hit.step == hit.wanted);
        let steps: BTreeSet<&str> = hits.map(|hit| hit.step.as_str()).collect();
        figures.push(Figure::info("steps-struck", count(steps.len()), "steps"));
        figures.push(Figure::info("moves-not-begun", count(not_begun), "moves"));
        figures.push(Figure::at_most("moves-without-end", count(stuck), "moves", 0.0));
        figures.push(Figure::info("move-s-max", slowest, "s"));
    }
    figures
}

/// The longest healing; not a number where one never healed.
fn slowest<'a>(rounds: impl Iterator<Item = &'a Round>) -> f64 {
    rounds
        .map(|round| round.healed_in.map_or(f64::NAN, seconds))
        .fold(0.0, |a: f64, b| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                a.max(b)
            }
        })
}

/// A row for each fault: every invariant held, or how often not.
fn table(told: &Told) -> Vec<Value> {
    let mut faults: BTreeMap<Fault, Vec<&Round>> = BTreeMap::new();
    for round in &told.rounds {
        faults.entry(round.strike.fault).or_default().push(round);
    }
    let rows = faults.into_iter().map(|(fault, rounds)| {
        let sum = |of: fn(&Round) -> usize| rounds.iter().map(|round| of(round)).sum::<usize>();
        json!({
            "fault": fault.name(),
            "rounds": rounds.len(),
            "requests": sum(|round| round.requests),
            "files": sum(|round| round.judgement.counts.acknowledged),
            "lost": sum(|round| round.judgement.counts.sync_lost),
            "wrong": sum(|round| round.judgement.acknowledged.found),
            "async-lost": sum(|round| round.judgement.async_counts().1),
            "async-wrong": sum(Round::async_wrong),
            "not-linearizable": sum(|round| round.judgement.linearizable.found),
            "anomalies": sum(|round| round.judgement.transactions.found),
            "unsettled": sum(|round| round.unsettled),
            "failed-untouched": sum(|round| round.untouched_failed),
            "failed": sum(|round| round.touched_failed),
            "healed-in-s": slowest(rounds.iter().copied()),
        })
    });
    rows.collect()
}

/// A row for each step of an operation and each fault that struck it there.
fn steps(told: &Told) -> Vec<Value> {
    let mut met: BTreeMap<(&str, &str, Fault), Vec<&Round>> = BTreeMap::new();
    for round in &told.rounds {
        if let (Some(moved), Some(hit)) = (&round.moved, &round.hit) {
            let place = (moved.kind.name(), hit.step.as_str(), round.strike.fault);
            met.entry(place).or_default().push(round);
        }
    }
    let rows = met.into_iter().map(|((kind, step, fault), rounds)| {
        let ends = rounds.iter().filter_map(|round| round.moved.as_ref());
        let at = |part: &str| {
            let is_so = |round: &&&Round| round.hit.as_ref().is_some_and(|hit| hit.part == Some(part));
            rounds.iter().filter(is_so).count()
        };
        json!({
            "change": kind,
            "step": step,
            "fault": fault.name(),
            "rounds": rounds.len(),
            "at-source": at("source"),
            "at-target": at("target"),
            "done": ends.filter(|moved| moved.end == "done").count(),
            "wrong": rounds.iter().map(|round| round.wrong()).sum::<usize>(),
            "healed-in-s": slowest(rounds.iter().copied()),
        })
    });
    rows.collect()
}

fn row_of(round: &Round) -> Value {
    json!({
        "fault": round.strike.fault.name(),
        "at": round.strike.target(),
        "for-s": seconds(round.lasted),
        "requests": round.requests,
        "wrong": round.wrong(),
        "failed": round.touched_failed + round.untouched_failed,
        "silence-s": seconds(round.silence),
        "healed-in-s": round.healed_in.map(seconds),
        "failover-s": round.failover.map(seconds),
        "whole-in-s": round.whole_in.map(seconds),
        "change": round.moved.as_ref().map(|moved| moved.kind.name()),
        "ended": round.moved.as_ref().map(|moved| moved.end.clone()),
        "aimed-at": round.hit.as_ref().map(|hit| hit.wanted),
        "step": round.hit.as_ref().map(|hit| hit.step.clone()),
        "paused": round.hit.as_ref().map(|hit| hit.paused.is_some()),
        "part": round.hit.as_ref().and_then(|hit| hit.part),
        "primaries-left": round.left,
    })
}

/// All that is not as it should be, round by round.
fn wrong(told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, round) in told.rounds.iter().enumerate() {
        let (judgement, fault) = (&round.judgement, round.strike.fault.name());
        let verdicts = judgement.verdicts().filter(|verdict| !verdict.is_clean());
        wrong.extend(verdicts.map(|verdict| format!("round {number}, {fault}: {verdict}")));
        wrong.extend(
            judgement
                .unreadable
                .iter()
                .map(|why| format!("round {number}, {fault}: {why}")),
        );
        if round.untouched_failed > 0 || round.unsettled > 0 || round.healed_in.is_none() {
            wrong.push(format!("round {number}, {fault}: {}", round.samples.join("; ")));
        }
    }
    let differ = told.differ.iter().flatten();
    wrong.extend(differ.map(|what| format!("copies: {what}")));
    wrong.extend(told.broke_off.iter().map(|why| format!("broke off: {why}")));
    wrong.extend(told.lost_later.iter().map(|what| format!("lost later: {what}")));
    wrong.extend(
        told.world
            .iter()
            .map(|what| format!("the world is not whole: {what}")),
    );
    wrong
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

fn count(number: usize) -> f64 {
    number as f64
}
