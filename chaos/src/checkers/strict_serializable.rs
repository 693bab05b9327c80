//! Is there one order of all transactions that explains everything that was seen, and that puts a transaction
//! that was answered before another was asked for in front of it? (Papadimitriou 1979; Herlihy and Wing 1990 for
//! the second half.)
//!
//! Where the system names its own order (the positions of its log), that very order must do. An unknown outcome
//! may have taken place or not. What a failed operation wrote may be seen by nobody.

use thiserror::Error;

use super::model::Model;
use super::search::{Found, STEPS_MAX, Search};
use crate::history::{History, Operation, Outcome, Read, Write, show};

/// Transactions shown before the break in a counter-example, and behind it.
const SHOWN_MAX: usize = 6;

/// What a clean history consisted of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub operations: usize,
    /// Those that took place in the order that was found.
    pub placed: usize,
    /// Those whose outcome nobody knew.
    pub unknown: usize,
}

/// Why a history is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// Every order breaks; this is where the longest one does.
    #[error("no order explains the history\n{explanation}")]
    NoOrder { explanation: String },
    /// Too many choices; nothing is proved.
    #[error("undecided after {steps} steps: too many unknown outcomes or unnamed writes")]
    Undecided { steps: u64 },
}

/// Checks a history of one shard.
///
/// # Errors
/// See [`Violation`].
pub fn strict_serializable(history: &History) -> Result<Report, Violation> {
    let operations = &history.operations;
    let mut search = Search::new(operations, Model::new(&history.initial));
    match search.run() {
        Found::Order => Ok(Report {
            operations: operations.len(),
            placed: search.order.len(),
            unknown: operations
                .iter()
                .filter(|operation| operation.outcome == Outcome::Unknown)
                .count(),
        }),
        Found::GaveUp => Err(Violation::Undecided { steps: STEPS_MAX }),
        Found::None => Err(Violation::NoOrder {
            explanation: explain(history, &search.deepest),
        }),
    }
}

/// The longest order, its last transactions, and why nothing can follow.
fn explain(history: &History, order: &[usize]) -> String {
    let operations = &history.operations;
    let mut search = Search::new(operations, Model::new(&history.initial));
    search.replay(order);
    let mut lines = vec![format!(
        "after {} transactions in order, the last of them:",
        order.len()
    )];
    for i in &order[order.len().saturating_sub(SHOWN_MAX)..] {
        lines.push(format!("  {}", describe(operations, *i)));
    }
    lines.push("nothing can follow:".to_owned());
    let mut eligible = search.eligible();
    // Who was answered first must come first: there the cause is nearest.
    eligible.sort_by_key(|i| operations[*i].completed);
    let reasons = |i: &usize| -> Vec<String> {
        operations[*i]
            .reads
            .iter()
            .filter_map(|read| reason(history, &search.model, read))
            .collect()
    };
    let stuck = eligible
        .iter()
        .map(|i| (i, reasons(i)))
        .filter(|(_, reasons)| !reasons.is_empty());
    for (i, reasons) in stuck.take(SHOWN_MAX) {
        lines.push(format!("  {} {}", describe(operations, *i), reasons.join("; ")));
    }
    if let Some(next) = search.next_witness().filter(|next| !eligible.contains(next)) {
        let next_text = describe(operations, next);
        lines.push(format!(
            "  {next_text} is next in the order of the log, but was asked for only after"
        ));
        let earlier = eligible
            .iter()
            .filter(|i| operations[**i].completed < operations[next].invoked);
        lines.extend(
            earlier
                .take(SHOWN_MAX)
                .map(|i| format!("    {} was answered", describe(operations, *i))),
        );
    }
    lines.join("\n")
}

fn reason(history: &History, model: &Model, read: &Read) -> Option<String> {
    let mut text = model.mismatch(read)?;
    if let Read::Key {
        key,
        value: Some(value),
    } = read
    {
        let write = Write::Put {
            key: key.clone(),
            value: value.clone(),
        };
        for (i, operation) in history.operations.iter().enumerate() {
            if operation.writes.contains(&write) {
                text.push_str(&format!(
                    " ({} is of {})",
                    show(value),
                    describe(&history.operations, i)
                ));
            }
        }
    }
    Some(text)
}

fn describe(operations: &[Operation], i: usize) -> String {
    let operation = &operations[i];
    let end = match operation.outcome {
        Outcome::Done => format!("{}, done", operation.completed),
        Outcome::Failed => format!("{}, FAILED", operation.completed),
        Outcome::Unknown => "?, unknown".to_owned(),
    };
    let at = operation
        .witness
        .map_or_else(String::new, |(position, index)| format!(" at {position}.{index}"));
    let writes: Vec<String> = operation.writes.iter().take(4).map(describe_write).collect();
    let writes = if writes.is_empty() {
        String::new()
    } else {
        format!(", wrote {}", writes.join(" "))
    };
    format!(
        "#{i} (client {}, {}..{end}{at}{writes})",
        operation.client, operation.invoked
    )
}

fn describe_write(write: &Write) -> String {
    match write {
        Write::Put { key, value } => format!("{}={}", show(key), show(value)),
        Write::Clear { key } => format!("-{}", show(key)),
        Write::ClearRange { start, end } => format!("-{}..{}", show(start), show(end)),
    }
}

#[cfg(test)]
mod tests;
