//! The shortest history that still has no order: what a person reads. Reads are left out, and writes with all reads of
//! their value, as long as what is left has none either. Whatever explains a whole history explains such a part of it,
//! so that a part without an order proves as much.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Found, Steps, search};
use super::{Action, Operation};
use crate::history::Outcome;

/// Searches that may be spent on one explanation.
const TRIES_MAX: usize = 2_000;
/// Choices that one of them may try.
const STEPS: Steps = Steps(200_000);
/// Operations that are shown.
const SHOWN_MAX: usize = 12;

/// The name of what is wrong, and what shows it.
pub(super) fn explain(key: &str, history: &[&Operation]) -> (&'static str, String) {
    if let Some((name, text)) = from_nowhere(key, history) {
        return (name, text);
    }
    let mut left = history.to_vec();
    let mut tries = TRIES_MAX;
    less(&mut left, &mut tries, groups);
    less(&mut left, &mut tries, |history| {
        let reads = |i: &usize| matches!(history[*i].action, Action::Read(_));
        (0..history.len()).filter(reads).map(|i| vec![i]).collect()
    });
    left.sort_by_key(|operation| operation.invoked);
    let mut lines = vec![format!(
        "`{key}`: no order explains these {} operations",
        left.len()
    )];
    lines.extend(left.iter().take(SHOWN_MAX).map(|operation| describe(operation)));
    ("not-linearizable", lines.join("\n"))
}

/// A value that was read and that nobody wrote, or only an operation that failed.
fn from_nowhere(key: &str, history: &[&Operation]) -> Option<(&'static str, String)> {
    let written = |outcome: fn(Outcome) -> bool| -> BTreeSet<&str> {
        let writes = history.iter().filter(|operation| outcome(operation.outcome));
        writes.filter_map(|operation| value_written(operation)).collect()
    };
    let good = written(|outcome| outcome != Outcome::Failed);
    let failed = written(|outcome| outcome == Outcome::Failed);
    let reader = history.iter().find(|operation| match &operation.action {
        Action::Read(Some(value)) => operation.outcome == Outcome::Done && !good.contains(value.as_str()),
        _ => false,
    })?;
    let Action::Read(Some(value)) = &reader.action else {
        return None;
    };
    let by = history
        .iter()
        .find(|operation| value_written(operation) == Some(value.as_str()));
    match by {
        Some(by) if failed.contains(value.as_str()) => Some((
            "read-of-failed",
            format!("`{key}`\n{}\n{}", describe(by), describe(reader)),
        )),
        _ => Some((
            "read-of-nothing",
            format!("`{key}`: nobody wrote it\n{}", describe(reader)),
        )),
    }
}

fn value_written(operation: &Operation) -> Option<&str> {
    match &operation.action {
        Action::Write(value) => Some(value),
        Action::Read(_) => None,
    }
}

/// The operations on each value together: none of them can go without the others.
fn groups(history: &[&Operation]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, operation) in history.iter().enumerate() {
        match &operation.action {
            Action::Write(value) | Action::Read(Some(value)) => groups.entry(value).or_default().push(i),
            Action::Read(None) => {}
        }
    }
    groups.into_values().collect()
}

/// Leaves out as many groups as can go: halves first, then quarters, at last one by one (Zeller 2002).
fn less<'a>(
    left: &mut Vec<&'a Operation>,
    tries: &mut usize,
    groups: impl Fn(&[&'a Operation]) -> Vec<Vec<usize>>,
) {
    let mut parts = groups(left);
    let mut size = parts.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < parts.len() && *tries > 0 {
            let to = (from + size).min(parts.len());
            let out: BTreeSet<usize> = parts[from..to].iter().flatten().copied().collect();
            let kept: Vec<&Operation> = left
                .iter()
                .enumerate()
                .filter(|(i, _)| !out.contains(i))
                .map(|(_, o)| *o)
                .collect();
            *tries -= 1;
            if search(&kept, STEPS) == Found::None {
                *left = kept;
                parts = groups(left);
            } else {
                from = to;
            }
        }
        size = if size == 1 {
            0
        } else {
            size.div_ceil(2).min(parts.len().max(1))
        };
    }
}

fn describe(operation: &Operation) -> String {
    let end = match operation.outcome {
        Outcome::Done => format!("{}", operation.completed),
        Outcome::Failed => format!("{}, FAILED", operation.completed),
        Outcome::Unknown => "?, unknown".to_owned(),
    };
    let what = match &operation.action {
        Action::Read(None) => "read nothing".to_owned(),
        Action::Read(Some(value)) => format!("read  `{value}`"),
        Action::Write(value) => format!("wrote `{value}`"),
    };
    format!(
        "client {} {what} ({}..{end})",
        operation.client, operation.invoked
    )
}
